// A program and the data files that hold what it names only: where the content of its tensors and delegates lies. Both must outlive
// what is given out.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "format/data_files.h"
#include "format/program_view.h"

namespace portfire {

class ProgramData {
 public:
  const ProgramView& view() const { return view_; }
  // Where the data of a tensor lies that is outside of the program's file. Code::bad_argument where no data file has it,
  // Code::bad_file where it is of another type; both name it.
  Result<const std::byte*> external(const pte::Tensor& t) const;
  // What a tensor with memory of its own begins as, in this file or in a data file; null where the file does not say.
  Result<const std::byte*> initial(const pte::Tensor& t) const;
  // What a delegate's blob names by `key`: the program's own data, else that of the data files. Nothing where there is none.
  std::optional<std::span<const std::byte>> named_data(std::string_view key) const;

 protected:
  ProgramView view_;
  DataFiles data_;
};

}  // namespace portfire
