// A verified view of a `.ptd` file's bytes: named tensors, as ExecuTorch writes them and write_ptd does. After `open`
// succeeded, all that the accessors reach lies inside the file, names are sound and none is there twice, and every tensor's
// dtype, sizes, order of dimensions and alignment fit its bytes. No data is copied: the bytes must outlive the view.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/tensor_view.h"
#include "format/named_tensor.h"
#include "tensor_data_generated.h"

namespace portfire {

class PtdView {
 public:
  // `file` at an address divisible by 16. Code::bad_file with what is wrong and where.
  static Result<PtdView> open(std::span<const std::byte> file);

  // Tensors in the order of the file.
  size_t size() const { return root_->named_data() ? root_->named_data()->size() : 0; }
  std::string_view name(size_t i) const;
  // Dimension orders other than row-major show in the strides. An entry without a type is its bytes: u8[n]. The memory is
  // the file's, and not to be written to.
  TensorView tensor(size_t i) const;
  bool has_type(size_t i) const { return entry(i).tensor_layout() != nullptr; }
  // NameIndex::kNone where there is none of that name.
  size_t index(std::string_view name) const { return names_.find(name); }
  // Nothing where there is none of that name.
  std::optional<TensorView> find(std::string_view name) const;

  std::span<const std::byte> bytes(size_t i) const { return segment(entry(i).segment_index()); }
  std::span<const std::byte> file() const { return file_; }
  // All before the segments: header, names, types, padding.
  std::span<const std::byte> metadata() const { return file_.first(segment_base_); }

 private:
  PtdView() = default;
  const ptd::NamedData& entry(size_t i) const { return *root_->named_data()->Get(static_cast<uint32_t>(i)); }
  std::span<const std::byte> segment(uint32_t i) const;
  Error verify_header();
  Error verify_segments() const;
  Error verify_entry(size_t i) const;
  Error verify_type(const ptd::TensorLayout& type, std::span<const std::byte> bytes) const;

  std::span<const std::byte> file_;
  const ptd::FlatTensor* root_ = nullptr;
  NameIndex names_;
  uint64_t flatbuffer_end_ = 0, segment_base_ = 0, segment_bytes_ = 0;
};

}  // namespace portfire
