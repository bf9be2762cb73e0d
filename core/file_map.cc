#include "core/file_map.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace portfire {

FileMap& FileMap::operator=(FileMap&& other) noexcept {
  if (this != &other) {
    close();
    data_ = other.data_;
    size_ = other.size_;
    other.data_ = nullptr;
    other.size_ = 0;
  }
  return *this;
}

Result<FileMap> FileMap::open(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error::make(Code::io, "%s: cannot open: %s", path, strerror(errno));
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return Error::make(Code::io, "%s: not a regular file", path);
  }
  FileMap map;
  map.size_ = static_cast<size_t>(info.st_size);
  if (map.size_ > 0) {
    void* p = mmap(nullptr, map.size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      const int error = errno;
      ::close(fd);
      map.size_ = 0;
      return Error::make(Code::io, "%s: cannot map: %s", path, strerror(error));
    }
    map.data_ = p;
  }
  ::close(fd);
  return map;
}

void FileMap::forget(const std::byte* begin, size_t bytes) const {
  const auto* own = static_cast<const std::byte*>(data_);
  if (!own || begin < own || bytes > size_ || begin > own + (size_ - bytes)) return;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t first = (static_cast<size_t>(begin - own) + page - 1) / page * page;
  const size_t end = static_cast<size_t>(begin - own) + bytes == size_ ? size_ : (static_cast<size_t>(begin - own) + bytes) / page * page;
  if (first < end) madvise(static_cast<std::byte*>(data_) + first, end - first, MADV_DONTNEED);
}

void FileMap::close() {
  if (data_) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace portfire
