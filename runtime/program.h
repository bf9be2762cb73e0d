// A loaded `.pte`, or the program inside a `.bpte` bundle: the mapped file, its verified view, and the data files that hold what
// it names only. Immutable and thread-safe; methods of it keep it alive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file_map.h"
#include "format/program_data.h"

namespace portfire {

class Program : public ProgramData {
 public:
  // Makes a program without delegates of one with.
  using Compile = Error (*)(std::span<const std::byte> program, std::span<const std::string> data, std::vector<std::byte>* compiled);

  // `data`: paths of `.ptd` files. What the program names and they lack is an error where a method that needs it is loaded.
  // `compile`: for programs that hold delegates; null: such are opened, but their methods cannot be loaded.
  static Result<std::shared_ptr<const Program>> open(const char* path, std::span<const std::string> data = {}, Compile compile = nullptr);
  // The bytes must outlive the program.
  static Result<std::shared_ptr<const Program>> from_bytes(std::span<const std::byte> bytes, std::span<const std::string> data = {},
                                                           Compile compile = nullptr);

  // Bytes of the program that nobody reads again soon.
  void forget(const std::byte* begin, size_t bytes) const { file_.forget(begin, bytes); }

 private:
  Error read(std::span<const std::byte> bytes, std::span<const std::string> data, Compile compile);

  FileMap file_;
  std::vector<std::byte> compiled_;
};

}  // namespace portfire
