// Programs that only touch signs of f16 or bf16, of tensors that lie alike: bits of 16 are set, cleared or turned
// over where they are, which takes a third of the time of widening, computing and rounding.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/pointwise/plain_loop.h"
#include "kernels/thread_pool.h"
#include "ops/pointwise_program.h"

namespace portfire::pointwise {
namespace {

constexpr int64_t kGrain = 128 << 10;  // elements for each thread at least
constexpr uint16_t kSign = 0x8000;

enum class Change : uint8_t { clear, turn, copy };
struct Plan {
  Change change;
  int size = 0, sign = 0;  // which inputs
};

bool prepare(const Operands& o, void* state, size_t*) {
  const auto inputs = o.args[0]->tensors;
  ops::pointwise_program::Program g;
  if (ops::pointwise_program::parse(o.args[1]->string, inputs, &g) || g.count != 1 || !g.steps[0].op) return false;
  const auto& s = g.steps[0];
  if (s.dtype != DType::f16 && s.dtype != DType::bf16) return false;
  Plan& p = *new (state) Plan;
  if (s.op->name == "abs") p.change = Change::clear;
  else if (s.op->name == "neg") p.change = Change::turn;
  else if (s.op->name == "copysign") p.change = Change::copy;
  else return false;
  for (int i = 0; i < s.arity; ++i)
    if (s.operands[i].reg < 0) return false;
  p.size = s.operands[0].reg;
  p.sign = s.arity > 1 ? s.operands[1].reg : p.size;
  for (const TensorView* t : inputs)
    if (t->dtype != s.dtype || t->shape != o.out(0).shape || !t->is_contiguous()) return false;
  return o.out(0).is_contiguous();
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const auto* size = o.args[0]->tensors[static_cast<size_t>(p.size)]->as<const uint16_t>();
  const auto* sign = o.args[0]->tensors[static_cast<size_t>(p.sign)]->as<const uint16_t>();
  auto* out = o.out(0).as<uint16_t>();
  const int64_t n = o.out(0).numel(), threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(n / kGrain, 1, threads);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const int64_t begin = n * static_cast<int64_t>(task) / tasks, end = n * (static_cast<int64_t>(task) + 1) / tasks;
    const auto each = [&](auto f) {
      PF_PLAIN_LOOP
      for (int64_t i = begin; i < end; ++i) out[i] = static_cast<uint16_t>(f(size[i], sign[i]));
    };
    switch (p.change) {
      case Change::clear: return each([](int a, int) { return a & ~kSign; });
      case Change::turn: return each([](int a, int) { return a ^ kSign; });
      case Change::copy: return each([](int a, int b) { return (a & ~kSign) | (b & kSign); });
    }
  });
  return {};
}

}  // namespace

extern const Kernel kSigns;
const Kernel kSigns = {"portfire::pointwise", sizeof(Plan), prepare, run};

}  // namespace portfire::pointwise
