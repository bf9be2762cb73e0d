// One instruction of a loaded method.
#pragma once

#include "ops/out_variants.h"
#include "runtime/calls.h"
#include "runtime/expansions.h"
#include "runtime/method.h"

namespace portfire {

inline constexpr size_t kMaxResults = 8;
inline constexpr uint32_t kNoValue = UINT32_MAX;
inline constexpr const char* kNoMemoryToLoad = "no memory to load the method";

inline bool lacks_memory(const TensorView& t) { return !t.data && t.numel() > 0; }

struct Method::Instruction {
  enum class Kind : uint8_t { kernel, checked_kernel, reference, view, symbolic, steps, copy_index, move, jump_false, none };
  Kind kind = Kind::none;
  bool every_time = false;      // views of memory that moves: computed in each run
  const Op* op = nullptr;
  std::string_view name;         // as the file calls it, where that is not the operator's own
  const Kernel* kernel = nullptr;
  std::span<const Value*> args;  // schema arguments
  std::span<TensorView*> outs;
  std::span<uint32_t> out_values;
  Variant* variant = nullptr;  // of Kind::steps
  // Of a step: where results go that are computed in memory lent for the time of the call; null where that is not so.
  std::span<TensorView*> targets;
  std::span<TensorView> lent;
  size_t lent_bytes = 0;  // of the scratch memory, before what the kernel is given
  void* state = nullptr;
  size_t state_capacity = 0;
  uint64_t prepared_at = UINT64_MAX;  // versions_of the arguments when last prepared
  uint32_t a = 0, b = 0;              // move: from, to; jump_false: condition, destination
  uint32_t index = 0;                 // in the chain, for messages
};

// A call of an operator that writes to tensors it is given (ops/out_variants.h): the calls it becomes are steps.
struct Method::Variant {
  ops::OutVariant form;
  const Op* op = nullptr;                // the functional operator, or
  const Expansion* expansion = nullptr;  // how it is made of others
  int64_t most = 0;                      // elements that the first out has room for
  bool overlaps = false;                 // an out is an argument too
  std::span<std::byte> memory;           // of the calls
  std::span<Instruction> steps;
  std::span<const Derived> derived;
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
