// A `.pte` opened for import, with the files of tensors that it takes: mapped and verified.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/import/tensor_file.h"
#include "core/error.h"
#include "core/file_map.h"
#include "format/program_view.h"

namespace portfire::import {

class PteFile {
 public:
  // `data`: paths of `.ptd` files. Texts of errors begin with the path.
  static Result<std::shared_ptr<const PteFile>> open(const std::string& path, const std::vector<std::string>& data = {});
  // The bytes must outlive the result and all graphs made of it.
  static Result<std::shared_ptr<const PteFile>> from_bytes(std::span<const std::byte> bytes, const std::vector<std::string>& data = {});

  const ProgramView& view() const { return *view_; }
  // What the program, or else a file of tensors, holds by that name; empty where there is none.
  std::span<const std::byte> named(std::string_view key) const;
  // The tensor of that name in one of the files; null where there is none.
  const NamedTensor* external(std::string_view name) const;

 private:
  Error open_data(const std::vector<std::string>& paths);

  FileMap file_;
  std::optional<ProgramView> view_;
  std::vector<std::shared_ptr<const TensorFile>> data_;
};

// Whether bytes begin as a `.pte` does.
bool is_pte(std::span<const std::byte> file);

}  // namespace portfire::import
