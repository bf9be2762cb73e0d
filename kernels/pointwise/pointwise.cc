// portfire::pointwise on strips that stay in L1. Dimensions that are contiguous for every operand are
// merged; each strip runs through all steps before the next begins.
#include <algorithm>
#include <cstring>

#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"
#include "ops/pointwise_program.h"

namespace portfire::pointwise {
namespace {

using ops::pointwise_program::kMaxInputs;
using ops::pointwise_program::kMaxSteps;
using ops::pointwise_program::Program;

constexpr int kMaxLiterals = 24;
constexpr size_t kSlotBytes = kStrip * 8;  // a strip of the widest class
// Below this many elements for each thread a second thread costs more than it brings.
constexpr int64_t kGrain = 16 << 10;

struct Plan {
  Program program;
  StepFn fns[kMaxSteps];
  int16_t slot[kMaxInputs + kMaxSteps];    // of each register
  int16_t operand_slot[kMaxSteps][3];      // of each step; literals have slots of their own
  struct { int16_t slot; DType dtype; double real; int64_t integer; } literals[kMaxLiterals];
  int literal_count = 0, slots = 0;
  int rank = 0;
  int64_t sizes[kMaxRank];
  int64_t strides[kMaxInputs + 1][kMaxRank];  // inputs, then the output
  int64_t strips_per_row = 0, rows = 0;
};

// Shapes with equal walks merged: rank at least 1.
void collapse(const Operands& o, Plan* p) {
  const TensorView& out = o.out(0);
  const auto inputs = o.args[0]->tensors;
  auto stride_at = [&](size_t i, int d) -> int64_t {
    const TensorView& t = i < inputs.size() ? *inputs[i] : out;
    const int k = d - (out.rank() - t.rank());
    return k < 0 || t.size(k) == 1 ? 0 : t.strides[k];
  };
  p->rank = 0;
  for (int d = 0; d < out.rank(); ++d) {
    if (out.size(d) == 1) continue;
    bool merge = p->rank > 0;
    for (size_t i = 0; merge && i <= inputs.size(); ++i)
      merge = p->strides[i][p->rank - 1] == stride_at(i, d) * out.size(d);
    if (merge) {
      p->sizes[p->rank - 1] *= out.size(d);
    } else {
      p->sizes[p->rank++] = out.size(d);
    }
    for (size_t i = 0; i <= inputs.size(); ++i) p->strides[i][p->rank - 1] = stride_at(i, d);
  }
  if (p->rank == 0) {
    p->rank = 1;
    p->sizes[0] = 1;
    for (size_t i = 0; i <= inputs.size(); ++i) p->strides[i][0] = 1;
  }
  const int64_t inner = p->sizes[p->rank - 1];
  p->rows = 1;
  for (int d = 0; d + 1 < p->rank; ++d) p->rows *= p->sizes[d];
  if (out.numel() == 0) p->rows = 0;
  p->strips_per_row = (inner + static_cast<int64_t>(kStrip) - 1) / static_cast<int64_t>(kStrip);
}

// Registers get slots; one is free again after its last use.
bool assign_slots(Plan* p) {
  const Program& g = p->program;
  int last[kMaxInputs + kMaxSteps] = {};
  for (int k = 0; k < g.count; ++k)
    for (int i = 0; i < g.steps[k].arity; ++i)
      if (g.steps[k].operands[i].reg >= 0) last[g.steps[k].operands[i].reg] = k;
  bool free_slots[kMaxInputs + kMaxSteps + kMaxLiterals] = {};
  auto take = [&]() -> int16_t {
    for (int s = 0; s < p->slots; ++s)
      if (free_slots[s]) {
        free_slots[s] = false;
        return static_cast<int16_t>(s);
      }
    return static_cast<int16_t>(p->slots++);
  };
  p->slots = 0;
  p->literal_count = 0;
  for (int i = 0; i < g.inputs; ++i) p->slot[i] = take();
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    for (int i = 0; i < s.arity; ++i) {
      const auto& o = s.operands[i];
      if (o.reg >= 0) {
        p->operand_slot[k][i] = p->slot[o.reg];
        continue;
      }
      int found = -1;
      for (int l = 0; l < p->literal_count; ++l)
        if (p->literals[l].dtype == s.dtype && std::memcmp(&p->literals[l].real, &o.real, 8) == 0 && p->literals[l].integer == o.integer) found = l;
      if (found < 0) {
        if (p->literal_count == kMaxLiterals) return false;
        found = p->literal_count++;
        // Literals are filled once for each run: their slots are never given to registers.
        p->literals[found] = {static_cast<int16_t>(-1), s.dtype, o.real, o.integer};
      }
      p->operand_slot[k][i] = static_cast<int16_t>(-1 - found);
    }
    p->slot[g.inputs + k] = take();
    for (int r = 0; r < g.inputs + k; ++r)
      if (last[r] == k) {
        bool operand = false;
        for (int i = 0; i < s.arity; ++i) operand |= s.operands[i].reg == r;
        if (operand) free_slots[p->slot[r]] = true;
      }
  }
  for (int l = 0; l < p->literal_count; ++l) p->literals[l].slot = static_cast<int16_t>(p->slots++);
  for (int k = 0; k < g.count; ++k)
    for (int i = 0; i < g.steps[k].arity; ++i)
      if (p->operand_slot[k][i] < 0) p->operand_slot[k][i] = p->literals[-1 - p->operand_slot[k][i]].slot;
  return true;
}


bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan;
  const auto inputs = o.args[0]->tensors;
  if (ops::pointwise_program::parse(o.args[1]->string, inputs, &p.program)) return false;
  auto supported = [](DType t) { return t != DType::u16 && t != DType::u32 && t != DType::u64; };
  for (int r = 0; r < p.program.inputs + p.program.count; ++r)
    if (!supported(p.program.dtype_of(r))) return false;
  for (int k = 0; k < p.program.count; ++k) {
    const auto& s = p.program.steps[k];
    if (!s.op) {
      p.fns[k] = nullptr;
      if (s.operands[0].reg < 0) return false;
      continue;
    }
    const Class condition = s.operands[0].reg >= 0 ? class_of(p.program.dtype_of(s.operands[0].reg)) : Class::f32;
    p.fns[k] = step_fn(*s.op, s.dtype, condition);
    if (!p.fns[k]) return false;
  }
  collapse(o, &p);
  if (!assign_slots(&p)) return false;
  *scratch = static_cast<size_t>(p.slots) * kSlotBytes * ThreadPool::kMaxThreads;
  return true;
}

void run_strip(const Plan& p, const Operands& o, const int64_t* offsets, int64_t begin, size_t n, std::byte* slots) {
  const auto inputs = o.args[0]->tensors;
  const Program& g = p.program;
  const int inner = p.rank - 1;
  const void* at[kMaxInputs + kMaxSteps];
  for (int i = 0; i < g.inputs; ++i) {
    const TensorView& t = *inputs[i];
    const int64_t stride = p.strides[i][inner];
    const std::byte* from = t.as<std::byte>() + (offsets[i] + begin * stride) * static_cast<int64_t>(byte_size(t.dtype));
    std::byte* slot = slots + static_cast<size_t>(p.slot[i]) * kSlotBytes;
    const bool in_class = t.dtype == DType::f32 || t.dtype == DType::f64 || t.dtype == DType::i32 || t.dtype == DType::i64;
    if (in_class && stride == 1 && n == kStrip && reinterpret_cast<uintptr_t>(from) % 64 == 0) {
      at[i] = from;
      continue;
    }
    load_strip(slot, from, t.dtype, stride, n);
    at[i] = slot;
  }
  const TensorView& out = o.out(0);
  const int64_t out_stride = p.strides[g.inputs][inner];
  std::byte* to = out.as<std::byte>() + (offsets[g.inputs] + begin * out_stride) * static_cast<int64_t>(byte_size(out.dtype));
  const bool direct = out_stride == 1 && n == kStrip && reinterpret_cast<uintptr_t>(to) % 64 == 0 &&
                      (out.dtype == DType::f32 || out.dtype == DType::f64 || out.dtype == DType::i32 || out.dtype == DType::i64);
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    const bool last = k + 1 == g.count;
    void* result = last && direct ? static_cast<void*>(to) : slots + static_cast<size_t>(p.slot[g.inputs + k]) * kSlotBytes;
    at[g.inputs + k] = result;
    StepCall call{result, {nullptr, nullptr, nullptr}, s.op, s.dtype, s.result};
    for (int i = 0; i < s.arity; ++i)
      call.in[i] = s.operands[i].reg >= 0 ? at[s.operands[i].reg] : slots + static_cast<size_t>(p.operand_slot[k][i]) * kSlotBytes;
    if (s.op)
      p.fns[k](call, n);
    else
      convert_strip(result, call.in[0], g.dtype_of(s.operands[0].reg), s.dtype, n);
  }
  if (!direct) store_strip(to, at[g.inputs + g.count - 1], out.dtype, out_stride, n);
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const int64_t strips = p.rows * p.strips_per_row, inner_size = p.sizes[p.rank - 1];
  if (strips == 0) return {};
  const int64_t elements = p.rows * inner_size;
  const size_t threads = context.pool ? context.pool->threads() : 1;
  const auto tasks = static_cast<int64_t>(std::clamp<int64_t>(elements / kGrain, 1, static_cast<int64_t>(threads)));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    std::byte* slots = context.scratch.data() + task * static_cast<size_t>(p.slots) * kSlotBytes;
    for (int l = 0; l < p.literal_count; ++l)
      fill_strip(slots + static_cast<size_t>(p.literals[l].slot) * kSlotBytes, p.literals[l].dtype, p.literals[l].real, p.literals[l].integer,
                 std::min<size_t>(kStrip, static_cast<size_t>(inner_size + 15) / 16 * 16));
    const int64_t first = strips * static_cast<int64_t>(task) / tasks, end = strips * static_cast<int64_t>(task + 1) / tasks;
    int64_t offsets[kMaxInputs + 1], row_done = -1;
    for (int64_t s = first; s < end; ++s) {
      const int64_t row = s / p.strips_per_row, begin = (s % p.strips_per_row) * static_cast<int64_t>(kStrip);
      if (row != row_done) {
        row_done = row;
        for (int i = 0; i <= p.program.inputs; ++i) offsets[i] = 0;
        int64_t rest = row;
        for (int d = p.rank - 2; d >= 0; --d) {
          for (int i = 0; i <= p.program.inputs; ++i) offsets[i] += rest % p.sizes[d] * p.strides[i][d];
          rest /= p.sizes[d];
        }
      }
      run_strip(p, o, offsets, begin, static_cast<size_t>(std::min<int64_t>(kStrip, inner_size - begin)), slots);
    }
  });
  return {};
}

}  // namespace

extern const Kernel kPointwise;
const Kernel kPointwise = {"portfire::pointwise", sizeof(Plan), prepare, run};

}  // namespace portfire::pointwise
