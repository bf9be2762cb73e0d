// A loaded `.pte`: the mapped file and its verified view. Immutable and thread-safe; methods of it
// keep it alive.
#pragma once

#include <memory>

#include "core/file_map.h"
#include "format/program_view.h"

namespace portfire {

class Program {
 public:
  static Result<std::shared_ptr<const Program>> open(const char* path);
  // The bytes must outlive the program.
  static Result<std::shared_ptr<const Program>> from_bytes(std::span<const std::byte> bytes);

  const ProgramView& view() const { return view_; }
  // Bytes of the program that nobody reads again soon.
  void forget(const std::byte* begin, size_t bytes) const { file_.forget(begin, bytes); }

 private:
  FileMap file_;
  ProgramView view_;
};

}  // namespace portfire
