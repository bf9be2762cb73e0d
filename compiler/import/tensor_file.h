// A file of named tensors, `.ptd` (a checkpoint of ours or any other) or `.safetensors`, told by its content: mapped and
// verified, checksums too where it has them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/import/safetensors.h"
#include "core/error.h"
#include "core/file_map.h"
#include "format/checkpoint.h"
#include "format/named_tensor.h"

namespace portfire::import {

class TensorFile {
 public:
  enum class Format { ptd, safetensors };

  // Code::io, Code::bad_file, Code::unsupported; texts begin with the path.
  static Result<std::shared_ptr<const TensorFile>> open(const std::string& path);
  // Whether bytes begin as such a file does.
  static std::optional<Format> format_of(std::span<const std::byte> file);

  const std::string& path() const { return path_; }
  Format format() const { return format_; }
  size_t file_bytes() const { return file_.bytes().size(); }
  // In the order of the file, without what makes it a checkpoint. Strides may be any; nothing may be written to.
  const std::vector<NamedTensor>& tensors() const { return tensors_; }
  uint64_t tensor_bytes() const;
  const std::optional<CheckpointInfo>& checkpoint() const { return checkpoint_; }

 private:
  Error read();
  Error read_ptd();
  Error read_safetensors();

  std::string path_;
  FileMap file_;
  Format format_ = Format::ptd;
  std::optional<PtdView> view_;
  std::optional<CheckpointFile> checked_;
  std::optional<Safetensors> safetensors_;
  std::vector<NamedTensor> tensors_;
  std::optional<CheckpointInfo> checkpoint_;
};

}  // namespace portfire::import
