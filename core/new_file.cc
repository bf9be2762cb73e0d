#include "core/new_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace portfire {

NewFile::NewFile(const char* path) {
  const int length = snprintf(path_, sizeof path_, "%s", path);
  const int aside_length = snprintf(aside_, sizeof aside_, "%s.tmp.%d", path, static_cast<int>(getpid()));
  if (length >= PATH_MAX || aside_length >= PATH_MAX) {
    open_error_ = ENAMETOOLONG;
    return;
  }
  struct stat info;
  in_place_ = stat(path_, &info) == 0 && !S_ISREG(info.st_mode);
  fd_ = in_place_ ? ::open(path_, O_WRONLY | O_CLOEXEC) : ::open(aside_, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) open_error_ = errno;
}

NewFile::~NewFile() {
  const bool opened = open_error_ == 0;
  if (fd_ >= 0) ::close(fd_);
  if (opened && !done_ && !in_place_) ::unlink(aside_);
}

Error NewFile::write(const void* data, size_t bytes) {
  if (open_error_) {
    errno = open_error_;
    return failed("cannot create");
  }
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t n = ::write(fd_, p, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("cannot write");
    p += n;
    bytes -= static_cast<size_t>(n);
  }
  return {};
}

Error NewFile::finish() {
  PF_TRY(write(nullptr, 0));
  const int rc = ::close(fd_);
  fd_ = -1;
  if (rc != 0) return failed("cannot write");
  if (!in_place_ && ::rename(aside_, path_) != 0) return failed("cannot rename to it");
  done_ = true;
  return {};
}

Error NewFile::failed(const char* what) const { return Error::make(Code::io, "%s: %s: %s", path_, what, strerror(errno)); }

}  // namespace portfire
