// The seam between operators and their fast paths. A kernel takes an operator whole, for the
// arguments it likes; the operator's reference takes what no kernel wants.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/value.h"
#include "ops/op.h"

namespace portfire {

class ThreadPool;

// The arguments and results of one bound call. The views live as long as the program is loaded;
// their data pointers and shapes may change between runs, but shapes only with a new `prepare`.
struct Operands {
  std::span<const Value* const> args;
  std::span<TensorView* const> outs;
  size_t threads = 1;  // that a run may use: scratch memory is planned for so many

  const TensorView& in(size_t i) const { return *args[i]->tensor; }
  const TensorView* optional(size_t i) const { return args[i]->kind == Value::Kind::none ? nullptr : args[i]->tensor; }
  TensorView& out(size_t i) const { return *outs[i]; }
};

struct KernelContext {
  ThreadPool* pool = nullptr;        // null: run on the calling thread
  std::span<std::byte> scratch;      // at least what `prepare` asked for, 64-byte aligned
  uint64_t* random_counter = nullptr;
};

struct Kernel {
  std::string_view op;       // "aten::mm"
  size_t state_bytes = 0;    // of the plan that `prepare` writes
  // Whether the kernel takes these arguments. Shapes, dtypes and strides of arguments and results are
  // set, data may not be. If it does: fill `state` and say how much scratch memory a run needs.
  bool (*prepare)(const Operands& o, void* state, size_t* scratch_bytes) = nullptr;
  Error (*run)(const void* state, const Operands& o, const KernelContext& context) = nullptr;
};

// Every kernel of this build, the preferred one for an operator first.
std::span<const Kernel> all_kernels();

}  // namespace portfire
