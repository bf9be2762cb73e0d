// A `.pte` opened for import, with the `.ptd` files that it takes: mapped and verified.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file_map.h"
#include "format/program_data.h"
#include "format/shared_buffer.h"

namespace portfire::import {

class PteFile : public ProgramData {
 public:
  // `data`: paths of `.ptd` files. Texts of errors begin with the path.
  static Result<std::shared_ptr<const PteFile>> open(const std::string& path, const std::vector<std::string>& data = {});
  // The bytes must outlive the result and all graphs made of it.
  static Result<std::shared_ptr<const PteFile>> from_bytes(std::span<const std::byte> bytes, const std::vector<std::string>& data = {});

  // What methods share at that place of a planned buffer; null where it is a method's own.
  const SharedTensor* shared_at(uint32_t buffer, uint64_t offset) const;

 private:
  Error read(std::span<const std::byte> bytes, const std::vector<std::string>& data);

  FileMap file_;
  SharedBuffer shared_;
};

// Whether bytes begin as a `.pte` does.
bool is_pte(std::span<const std::byte> file);

}  // namespace portfire::import
