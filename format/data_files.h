// The `.ptd` files beside a program: tensors that it names instead of holding them, and data that its delegates ask for by key.
// Mapped and verified; immutable and thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_map.h"
#include "format/ptd_view.h"

namespace portfire {

class DataFiles {
 public:
  struct Entry {
    TensorView tensor;  // the memory is the file's, and not to be written to
    bool has_type;      // without one it is bytes: u8[n]
    const char* path;
  };
  // Errors name the file: Code::io, Code::bad_file; Code::bad_argument where two files hold the same name.
  static Result<DataFiles> open(std::span<const std::string> paths);

  // Nothing where no file holds that name.
  std::optional<Entry> find(std::string_view name) const;
  bool empty() const { return files_.empty(); }
  // "a.ptd, b.ptd", for messages; at most a few of them.
  std::string text() const;

 private:
  struct File {
    std::string path;
    FileMap map;
    PtdView view;
  };
  std::vector<File> files_;
};

}  // namespace portfire
