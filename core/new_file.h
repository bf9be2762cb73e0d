// A file that is there whole or not at all, whatever ends the process or the machine: written beside its place, put on the
// disk, moved to its place.
#pragma once

#include <climits>
#include <cstddef>

#include "core/error.h"

namespace portfire {

class NewFile {
 public:
  // Errors (Code::io) name the path and what the system said; those of the constructor come with the first write.
  // What is no regular file (a pipe, a device) is written in place.
  explicit NewFile(const char* path);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  // Without `finish` the place is as it was before.
  ~NewFile();

  Error write(const void* data, size_t bytes);
  // After it the file is on the disk under its name.
  Error finish();

 private:
  int open_aside();
  Error sync_folder() const;
  Error failed(const char* what) const;
  char path_[PATH_MAX], aside_[PATH_MAX];
  int fd_ = -1;
  int open_error_ = 0;
  bool in_place_ = false, done_ = false;
};

}  // namespace portfire
