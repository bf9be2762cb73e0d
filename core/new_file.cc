#include "core/new_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace portfire {
namespace {

bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// What cannot be synced (some network folders) is as safe as its system makes it.
int sync(int fd) {
  int rc;
  do rc = ::fsync(fd);
  while (rc != 0 && errno == EINTR);
  return rc != 0 && errno == EINVAL ? 0 : rc;
}

}  // namespace

NewFile::NewFile(const char* path) {
  if (snprintf(path_, sizeof path_, "%s", path) >= PATH_MAX) {
    open_error_ = ENAMETOOLONG;
    return;
  }
  struct stat info;
  in_place_ = stat(path_, &info) == 0 && !S_ISREG(info.st_mode);
  fd_ = in_place_ ? ::open(path_, O_WRONLY | O_CLOEXEC) : open_aside();
  if (fd_ < 0) open_error_ = errno;
}

// One name for all writers of a path: what a killed process left is taken over by the next, not heaped up. A lock, which ends
// with its process, keeps writers apart; who finds it taken uses a name of its own.
int NewFile::open_aside() {
  int length = snprintf(aside_, sizeof aside_, "%s.portfire-tmp", path_);
  for (int tries = 0; tries < 100; ++tries) {
    if (length >= PATH_MAX) {
      errno = ENAMETOOLONG;
      return -1;
    }
    const int fd = ::open(aside_, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return -1;
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(fd);
      length = snprintf(aside_, sizeof aside_, "%s.portfire-tmp.%d.%d", path_, static_cast<int>(getpid()), tries);
      continue;
    }
    struct stat ours, there;
    // Between opening and locking, another writer may have moved this very file to its place, or dropped it.
    if (fstat(fd, &ours) != 0 || lstat(aside_, &there) != 0 || !same_file(ours, there)) {
      ::close(fd);
      continue;
    }
    if (::ftruncate(fd, 0) == 0) return fd;
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
  }
  errno = EBUSY;
  return -1;
}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  if (!done_ && !in_place_) ::unlink(aside_);  // while it is locked: the name is still ours
  ::close(fd_);
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
  if (!in_place_) {
    // Data before name: a system that stops between them must not leave the name on an empty file.
    if (sync(fd_) != 0) return failed("cannot write");
    if (::rename(aside_, path_) != 0) return failed("cannot rename to it");
  }
  done_ = true;
  const int rc = ::close(fd_);
  fd_ = -1;
  if (rc != 0) return failed("cannot write");
  return in_place_ ? Error() : sync_folder();
}

// The new name itself is kept in the folder.
Error NewFile::sync_folder() const {
  char folder[PATH_MAX];
  memcpy(folder, path_, sizeof folder);
  char* slash = strrchr(folder, '/');
  if (!slash)
    memcpy(folder, ".", 2);
  else
    slash[slash == folder] = '\0';  // "/x" lies in "/"
  const int fd = ::open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {};  // one that may be written to but not read
  const int rc = sync(fd);
  const int error = errno;
  ::close(fd);
  errno = error;
  return rc == 0 ? Error() : failed("cannot sync its folder");
}

Error NewFile::failed(const char* what) const { return Error::make(Code::io, "%s: %s: %s", path_, what, strerror(errno)); }

}  // namespace portfire
