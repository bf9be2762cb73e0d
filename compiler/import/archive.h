// The zip container of a `.pt2`. Entries must be stored, not compressed, as torch.export writes
// them: their bytes are used where they lie in the mapped file. Checksums are verified on first use.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/file_map.h"

namespace portfire::import {

class Archive {
 public:
  // Code::io where the file cannot be read, Code::bad_file where it is no such archive.
  static Result<std::shared_ptr<const Archive>> open(const std::string& path);
  // The same of bytes in memory, which must outlive the archive; `name` stands in messages.
  static Result<std::shared_ptr<const Archive>> from_bytes(std::span<const std::byte> bytes, const std::string& name);

  // The bytes of entry `name`, without the archive's root folder ("models/model.json").
  // They live as long as the archive.
  Result<std::span<const std::byte>> read(std::string_view name) const;
  bool has(std::string_view name) const { return entries_.count(std::string(name)) != 0; }
  const std::string& path() const { return path_; }
  // The names that `read` takes, in order.
  std::vector<std::string> names() const;

 private:
  struct Entry {
    size_t offset = 0, bytes = 0;
    uint32_t crc = 0;
  };
  Error read_directory();

  std::string path_;
  FileMap file_;
  std::span<const std::byte> bytes_;
  std::map<std::string, Entry> entries_;
};

}  // namespace portfire::import
