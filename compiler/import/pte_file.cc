#include "compiler/import/pte_file.h"

#include <cstring>

#include "format/reading.h"

namespace portfire::import {

Result<std::shared_ptr<const PteFile>> PteFile::open(const std::string& path, const std::vector<std::string>& data) {
  auto file = std::make_shared<PteFile>();
  PF_ASSIGN(file->file_, FileMap::open(path.c_str()));
  Result<ProgramView> view = ProgramView::open(file->file_.bytes());
  if (!view.ok()) return view.error().at(path.c_str());
  file->view_ = *view;
  PF_TRY(file->open_data(data));
  return std::shared_ptr<const PteFile>(std::move(file));
}

Result<std::shared_ptr<const PteFile>> PteFile::from_bytes(std::span<const std::byte> bytes, const std::vector<std::string>& data) {
  auto file = std::make_shared<PteFile>();
  PF_ASSIGN(file->view_, ProgramView::open(bytes));
  PF_TRY(file->open_data(data));
  return std::shared_ptr<const PteFile>(std::move(file));
}

Error PteFile::open_data(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    PF_ASSIGN(std::shared_ptr<const TensorFile> file, TensorFile::open(path));
    data_.push_back(std::move(file));
  }
  return {};
}

std::span<const std::byte> PteFile::named(std::string_view key) const {
  const auto* entries = view_->root().named_data();
  for (uint32_t i = 0; i < count(entries); ++i)
    if (entries->Get(i)->key()->string_view() == key) return view_->segment(entries->Get(i)->segment_index());
  const NamedTensor* t = external(key);
  return t ? std::span(t->tensor.as<std::byte>(), t->tensor.bytes()) : std::span<const std::byte>();
}

const NamedTensor* PteFile::external(std::string_view name) const {
  for (const auto& file : data_)
    for (const NamedTensor& t : file->tensors())
      if (t.name == name) return &t;
  return nullptr;
}

bool is_pte(std::span<const std::byte> file) { return file.size() >= 8 && std::memcmp(file.data() + 4, "ET12", 4) == 0; }

}  // namespace portfire::import
