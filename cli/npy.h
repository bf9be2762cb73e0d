// NumPy's `.npy` files. Reading gives row-major data whatever the file's order; there is no bf16 in
// the format: f32 stands for it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/tensor_view.h"

namespace portfire::cli {

struct Array {
  TensorView view;               // points into `bytes`
  std::vector<std::byte> bytes;

  Array() = default;
  Array(DType dtype, const Shape& shape);
  Array(Array&& o) noexcept : view(o.view), bytes(std::move(o.bytes)) { view.data = bytes.data(); }
  Array& operator=(Array&& o) noexcept {
    bytes = std::move(o.bytes);
    view = o.view;
    view.data = bytes.data();
    return *this;
  }
};

Result<Array> read_npy(const std::string& path);
// The same of bytes in memory; `name` stands in messages.
Result<Array> parse_npy(std::span<const std::byte> bytes, const std::string& name);
// Any strides; bf16 is written as f32.
Error write_npy(const std::string& path, const TensorView& t);
// The same values as `dtype`.
Array convert(const TensorView& t, DType dtype);

}  // namespace portfire::cli
