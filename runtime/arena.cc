// Memory of a method's values: planned, or grown while it runs.
#include "format/reading.h"
#include "runtime/instruction.h"

namespace portfire {

uint64_t Method::offset_of(const TensorInfo& info) {
  const pte::AllocationDetails* planned = info.file->allocation_info();
  return planned ? memory_offset(*planned) : 0;
}

Error Method::reserve(Buffer& buffer, size_t bytes) {
  if (bytes <= buffer.bytes()) return {};
  const size_t others = arena_bytes() + scratch_.bytes() - buffer.bytes();
  if (others > options_.max_arena_bytes || bytes > options_.max_arena_bytes - others)
    return Error::make(Code::out_of_memory, "tensors need more memory than allowed (expected at most %zu bytes, got %zu)",
                       options_.max_arena_bytes, bytes + others);
  return buffer.reserve(bytes);
}

Error Method::grow(uint32_t buffer, size_t bytes) {
  // Tensors that share a growing buffer never live at the same time, so content need not be kept. Should a file have it
  // otherwise: what does not fit the new buffer, or shows the old one, has no memory until it is computed again.
  const std::byte* old = buffers_[buffer].data();
  const size_t old_bytes = buffers_[buffer].bytes();
  PF_TRY(reserve(buffers_[buffer], bytes + bytes / 4));
  for (size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].kind != Value::Kind::tensor) continue;
    TensorView& t = *values_[i].tensor;
    TensorInfo& info = tensors_[i];
    if (info.shown) {
      if (t.as<std::byte>() >= old && t.as<std::byte>() < old + old_bytes) t.data = nullptr;
    } else if (info.buffer == buffer) {
      const uint64_t offset = offset_of(info);
      if (info.dynamism == 2) info.capacity = buffers_[buffer].bytes() - offset;
      t.data = t.bytes() <= info.capacity ? buffers_[buffer].data() + offset : nullptr;
    }
  }
  return {};
}

Error Method::resize(size_t v, const TensorSpec& spec) {
  TensorView& t = *values_[v].tensor;
  TensorInfo& info = tensors_[v];
  if (spec.dtype != t.dtype)
    return Error::make(Code::bad_file, "result is %s (expected %s)", name_of(t.dtype), name_of(spec.dtype));
  if (spec.shape == t.shape && !lacks_memory(t)) return {};
  if (info.dynamism == 0)
    return Error::make(Code::bad_file, "result is %s (expected %s)", TypeText(t).c_str(), TypeText(spec.dtype, spec.shape).c_str());
  int64_t bytes;
  if (!checked_bytes(spec.dtype, spec.shape, &bytes))
    return Error::make(Code::bad_argument, "result of impossible size %s", TypeText(spec.dtype, spec.shape).c_str());
  if (spec.shape.rank != t.rank())
    return Error::make(Code::bad_file, "result is %s (expected rank %d)", TypeText(spec.dtype, spec.shape).c_str(), t.rank());
  if (static_cast<size_t>(bytes) > info.capacity || (!t.data && bytes > 0)) {
    if (info.dynamism != 2)
      return Error::make(Code::bad_argument, "result %s exceeds the planned %zu bytes", TypeText(spec.dtype, spec.shape).c_str(), info.capacity);
    t.shape = spec.shape;
    PF_TRY(grow(info.buffer, static_cast<size_t>(bytes) + offset_of(info)));
  }
  t.shape = spec.shape;
  if (info.file->dim_order() && static_cast<int>(info.file->dim_order()->size()) == t.rank())
    set_strides(*info.file, &t);
  else
    t.set_contiguous();
  ++versions_[v];
  return {};
}

}  // namespace portfire
