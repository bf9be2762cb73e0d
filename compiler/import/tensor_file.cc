#include "compiler/import/tensor_file.h"

#include <cstring>

namespace portfire::import {

std::optional<TensorFile::Format> TensorFile::format_of(std::span<const std::byte> file) {
  if (file.size() >= 8 && std::memcmp(file.data() + 4, "FT01", 4) == 0) return Format::ptd;
  if (looks_like_safetensors(file)) return Format::safetensors;
  return std::nullopt;
}

Result<std::shared_ptr<const TensorFile>> TensorFile::open(const std::string& path) {
  auto file = std::make_shared<TensorFile>();
  file->path_ = path;
  PF_ASSIGN(file->file_, FileMap::open(path.c_str()));
  if (Error e = file->read()) return e.at(path.c_str());
  return std::shared_ptr<const TensorFile>(std::move(file));
}

uint64_t TensorFile::tensor_bytes() const {
  uint64_t bytes = 0;
  for (const NamedTensor& t : tensors_) bytes += t.tensor.bytes();
  return bytes;
}

Error TensorFile::read() {
  const auto format = format_of(file_.bytes());
  if (!format) return Error::make(Code::bad_file, "unknown format (expected tensors, .ptd or .safetensors)");
  format_ = *format;
  return format_ == Format::ptd ? read_ptd() : read_safetensors();
}

Error TensorFile::read_ptd() {
  PF_ASSIGN(view_, PtdView::open(file_.bytes()));
  size_t n = view_->size();
  if (CheckpointFile::is_checkpoint(*view_)) {
    PF_ASSIGN(checked_, CheckpointFile::from_bytes(file_.bytes()));
    checkpoint_ = checked_->info();
    n = checked_->size();
  }
  for (size_t i = 0; i < n; ++i) tensors_.push_back({view_->name(i), view_->tensor(i)});
  return {};
}

Error TensorFile::read_safetensors() {
  PF_ASSIGN(safetensors_, Safetensors::open(file_.bytes()));
  for (const NamedTensor& t : safetensors_->tensors()) {
    if (t.name == kChecksumsName) continue;  // of another file's bytes
    if (t.name == kCheckpointName) {
      PF_ASSIGN(checkpoint_, from_record(t.tensor));
      continue;
    }
    tensors_.push_back(t);
  }
  return {};
}

}  // namespace portfire::import
