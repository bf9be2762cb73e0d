// A file mapped into memory, read-only or copy-on-write. The one place of the core that talks to
// the operating system about files; a port without mmap reads the file into memory here.
#pragma once

#include <cstddef>
#include <span>

#include "core/error.h"

namespace portfire {

class FileMap {
 public:
  FileMap() = default;
  FileMap(FileMap&& other) noexcept { *this = static_cast<FileMap&&>(other); }
  FileMap& operator=(FileMap&& other) noexcept;
  ~FileMap() { close(); }

  // Errors (Code::io) name the path and what the system said. An empty file maps to no bytes.
  static Result<FileMap> open(const char* path);

  // What was read there is not needed again soon: its memory goes back to the system, and comes again from the file when it is read.
  void forget(const std::byte* begin, size_t bytes) const;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void close();
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace portfire
