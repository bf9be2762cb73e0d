// Writing `.safetensors` files, which PyTorch's world reads: 8 bytes with the length of a JSON text, the text
// {"NAME":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}, the data without gaps.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/error.h"
#include "format/named_tensor.h"

namespace portfire {

// The format's own key beside the names.
inline constexpr std::string_view kSafetensorsMetadata = "__metadata__";

// Nothing where the format has no such type, or we have none.
std::optional<std::string_view> safetensors_dtype(DType dtype);
std::optional<DType> safetensors_dtype(std::string_view name);

// Row-major tensors to a file that is whole or not there. Names stand in this order; the data of wider elements comes first,
// so that all of it is aligned, which loaders rely on. Code::unsupported where the format has no such dtype (c128),
// Code::bad_argument where a name is not UTF-8.
Error write_safetensors(const char* path, std::span<const NamedTensor> tensors);

}  // namespace portfire
