// A loaded `.pte`, or the program inside a `.bpte` bundle: the mapped file, its verified view, and the data files that hold what
// it names only. Immutable and thread-safe; methods of it keep it alive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file_map.h"
#include "format/program_view.h"
#include "runtime/data_files.h"

namespace portfire {

class Program {
 public:
  // Makes a program without delegates of one with.
  using Compile = Error (*)(std::span<const std::byte> program, std::span<const std::string> data, std::vector<std::byte>* compiled);

  // `data`: paths of `.ptd` files. What the program names and they lack is an error where a method that needs it is loaded.
  // `compile`: for programs that hold delegates; null: such are opened, but their methods cannot be loaded.
  static Result<std::shared_ptr<const Program>> open(const char* path, std::span<const std::string> data = {}, Compile compile = nullptr);
  // The bytes must outlive the program.
  static Result<std::shared_ptr<const Program>> from_bytes(std::span<const std::byte> bytes, std::span<const std::string> data = {},
                                                           Compile compile = nullptr);

  const ProgramView& view() const { return view_; }
  // Where the data of a tensor lies that is outside of the program's file. Code::bad_argument where no data file has it,
  // Code::bad_file where it is of another type; both name it.
  Result<const std::byte*> external(const pte::Tensor& t) const;
  // What a tensor with memory of its own begins as, in this file or in a data file; null where the file does not say.
  Result<const std::byte*> initial(const pte::Tensor& t) const;
  // What a delegate's blob names by `key`: the program's own data, else that of the data files. Nothing where there is none.
  std::optional<std::span<const std::byte>> named_data(std::string_view key) const;
  // Bytes of the program that nobody reads again soon.
  void forget(const std::byte* begin, size_t bytes) const { file_.forget(begin, bytes); }

 private:
  Error read(std::span<const std::byte> bytes, std::span<const std::string> data, Compile compile);

  FileMap file_;
  std::vector<std::byte> compiled_;
  ProgramView view_;
  DataFiles data_;
};

}  // namespace portfire
