// Writing `.ptd` files: named tensors that ExecuTorch's loader and PtdView read.
//
//   0   u32    where the flatbuffer's root table lies in the file
//   4   "FT01" of the flatbuffer
//   8   "FH01", u32 40, u64 48, u64 rest of the flatbuffer and the 8 bytes before the header, u64 base, u64 data bytes
//   48  zeros to 56, the rest of the flatbuffer (format/tensor_data.fbs), zeros to the base
//   base  a segment a tensor, in their order, each at a multiple of 128 from the base
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/error.h"
#include "core/new_file.h"
#include "format/named_tensor.h"

namespace portfire {

inline constexpr size_t kPtdHeaderBytes = 40, kPtdHeaderEnd = 8 + kPtdHeaderBytes;
inline constexpr size_t kPtdAlignment = 128;

// Row-major tensors, in this order, to a file that is whole or not there (core/new_file.h). Their bytes are written from where
// they lie. Code::bad_argument or Code::unsupported names the tensor, Code::io the path; then the file is as it was.
Error write_ptd(const char* path, std::span<const NamedTensor> tensors);

// The same in steps, for files that hold more about themselves.
struct PtdMetadata {
  std::unique_ptr<std::byte[]> data;
  size_t bytes = 0;  // up to the base of the segments
  std::span<const std::byte> span() const { return {data.get(), bytes}; }
};
// Of tensors that pass check_tensors; data is not looked at.
Result<PtdMetadata> ptd_metadata(std::span<const NamedTensor> tensors);
Error write_ptd(NewFile& file, const PtdMetadata& metadata, std::span<const NamedTensor> tensors);

}  // namespace portfire
