#include "compiler/import/pte_file.h"

#include <cstring>

namespace portfire::import {

Error PteFile::read(std::span<const std::byte> bytes, const std::vector<std::string>& data) {
  PF_ASSIGN(view_, ProgramView::open(bytes));
  PF_ASSIGN(data_, DataFiles::open(data));
  shared_ = find_shared_buffer(view_);
  return {};
}

Result<std::shared_ptr<const PteFile>> PteFile::open(const std::string& path, const std::vector<std::string>& data) {
  auto file = std::make_shared<PteFile>();
  PF_ASSIGN(file->file_, FileMap::open(path.c_str()));
  if (const Error e = file->read(file->file_.bytes(), data)) return e.at(path.c_str());
  return std::shared_ptr<const PteFile>(std::move(file));
}

Result<std::shared_ptr<const PteFile>> PteFile::from_bytes(std::span<const std::byte> bytes, const std::vector<std::string>& data) {
  auto file = std::make_shared<PteFile>();
  PF_TRY(file->read(bytes, data));
  return std::shared_ptr<const PteFile>(std::move(file));
}

const SharedTensor* PteFile::shared_at(uint32_t buffer, uint64_t offset) const {
  if (shared_.id == 0 || buffer != shared_.id) return nullptr;
  for (const SharedTensor& t : shared_.tensors)
    if (t.offset == offset) return &t;
  return nullptr;
}

bool is_pte(std::span<const std::byte> file) { return file.size() >= 8 && std::memcmp(file.data() + 4, "ET12", 4) == 0; }

}  // namespace portfire::import
