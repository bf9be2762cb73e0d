// One instruction of a loaded method.
#pragma once

#include "runtime/method.h"

namespace portfire {

inline constexpr size_t kMaxResults = 8;

struct Method::Instruction {
  enum class Kind : uint8_t { kernel, checked_kernel, reference, view, symbolic, move, jump_false, none };
  Kind kind = Kind::none;
  bool every_time = false;      // views of memory that moves: computed in each run
  const Op* op = nullptr;
  const Kernel* kernel = nullptr;
  std::span<const Value*> args;  // schema arguments
  std::span<TensorView*> outs;
  std::span<uint32_t> out_values;
  void* state = nullptr;
  size_t state_capacity = 0;
  uint64_t prepared_at = UINT64_MAX;  // versions_of the arguments when last prepared
  uint32_t a = 0, b = 0;              // move: from, to; jump_false: condition, destination
  uint32_t index = 0;                 // in the chain, for messages
};

template <class F>
void Method::for_each_item(const Value* list, F f) const {
  const pte::EValue* file = plan_->values()->Get(static_cast<uint32_t>(index_of(list)));
  const auto* items = file->val_type() == pte::KernelTypes_TensorList ? file->val_as_TensorList()->items()
                                                                       : file->val_as_OptionalTensorList()->items();
  for (uint32_t k = 0; items && k < items->size(); ++k)
    if (items->Get(k) >= 0) f(static_cast<size_t>(items->Get(k)));
}

}  // namespace portfire
