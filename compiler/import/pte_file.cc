#include "compiler/import/pte_file.h"

#include <cstring>

namespace portfire::import {

Result<std::shared_ptr<const PteFile>> PteFile::open(const std::string& path, const std::vector<std::string>& data) {
  auto file = std::make_shared<PteFile>();
  PF_ASSIGN(file->file_, FileMap::open(path.c_str()));
  Result<ProgramView> view = ProgramView::open(file->file_.bytes());
  if (!view.ok()) return view.error().at(path.c_str());
  file->view_ = *view;
  PF_ASSIGN(file->data_, DataFiles::open(data));
  return std::shared_ptr<const PteFile>(std::move(file));
}

Result<std::shared_ptr<const PteFile>> PteFile::from_bytes(std::span<const std::byte> bytes, const std::vector<std::string>& data) {
  auto file = std::make_shared<PteFile>();
  PF_ASSIGN(file->view_, ProgramView::open(bytes));
  PF_ASSIGN(file->data_, DataFiles::open(data));
  return std::shared_ptr<const PteFile>(std::move(file));
}

bool is_pte(std::span<const std::byte> file) { return file.size() >= 8 && std::memcmp(file.data() + 4, "ET12", 4) == 0; }

}  // namespace portfire::import
