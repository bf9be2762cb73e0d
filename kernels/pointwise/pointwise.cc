// portfire::pointwise tile by tile, in strips that stay in L1: each runs through all steps before the
// next begins.
#include <algorithm>
#include <cstring>

#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/pointwise/tiles.h"
#include "kernels/thread_pool.h"
#include "ops/pointwise_program.h"

namespace portfire::pointwise {
namespace {

using ops::pointwise_program::kMaxInputs;
using ops::pointwise_program::kMaxSteps;
using ops::pointwise_program::Program;
static_assert(Tiling::kMaxOperands == kMaxInputs + 1);

constexpr int kMaxLiterals = 24;
constexpr size_t kSlotBytes = kStrip * 8;  // a strip of the widest class
// Below this many elements for each thread a second thread costs more than it brings.
constexpr int64_t kGrain = 16 << 10;

struct Plan {
  Program program;
  Tiling tiling;
  LoadFn loads[kMaxInputs];
  StepFn fns[kMaxSteps];          // null: a conversion
  ConvertFn converts[kMaxSteps];
  NarrowFn narrows[kMaxSteps];    // null: nothing to do
  StoreFn store;
  int16_t slot[kMaxInputs + kMaxSteps];  // of each register
  int16_t operand_slot[kMaxSteps][3];    // of each step; literals have slots of their own
  struct { int16_t slot; DType dtype; double real; int64_t integer; } literals[kMaxLiterals];
  int literal_count = 0, slots = 0;
};

// The number of a literal like operand `o` of a step in `dtype`, a new one if there is none; -1 where
// they are too many.
int literal(Plan* p, const ops::pointwise_program::Operand& o, DType dtype) {
  for (int l = 0; l < p->literal_count; ++l)
    if (p->literals[l].dtype == dtype && std::memcmp(&p->literals[l].real, &o.real, 8) == 0 && p->literals[l].integer == o.integer) return l;
  if (p->literal_count == kMaxLiterals) return -1;
  p->literals[p->literal_count] = {-1, dtype, o.real, o.integer};
  return p->literal_count++;
}

// Registers get slots; one is free again after its last use. Literals are filled in once for each run:
// their slots are never given to registers.
bool assign_slots(Plan* p) {
  const Program& g = p->program;
  int last[kMaxInputs + kMaxSteps] = {};
  for (int k = 0; k < g.count; ++k)
    for (int i = 0; i < g.steps[k].arity; ++i)
      if (g.steps[k].operands[i].reg >= 0) last[g.steps[k].operands[i].reg] = k;
  last[g.inputs + g.count - 1] = g.count;
  bool free_slots[kMaxInputs + kMaxSteps] = {};
  auto take = [&] {
    for (int s = 0; s < p->slots; ++s)
      if (free_slots[s]) {
        free_slots[s] = false;
        return static_cast<int16_t>(s);
      }
    return static_cast<int16_t>(p->slots++);
  };
  for (int i = 0; i < g.inputs; ++i) p->slot[i] = take();
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    p->slot[g.inputs + k] = take();
    for (int i = 0; i < s.arity; ++i) {
      const int reg = s.operands[i].reg;
      if (reg >= 0) {
        p->operand_slot[k][i] = p->slot[reg];
        if (last[reg] == k) free_slots[p->slot[reg]] = true;
        continue;
      }
      const int l = literal(p, s.operands[i], s.dtype);
      if (l < 0) return false;
      p->operand_slot[k][i] = static_cast<int16_t>(-1 - l);
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
  Program& g = p.program;
  if (ops::pointwise_program::parse(o.args[1]->string, inputs, &g)) return false;
  auto supported = [](DType t) { return t != DType::u16 && t != DType::u32 && t != DType::u64; };
  for (int r = 0; r < g.inputs + g.count; ++r)
    if (!supported(g.dtype_of(r))) return false;
  for (int i = 0; i < g.inputs; ++i) p.loads[i] = load_fn(g.dtype_of(i));
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    const Class first = s.operands[0].reg >= 0 ? class_of(g.dtype_of(s.operands[0].reg)) : Class::u8;
    p.fns[k] = s.op ? step_fn(*s.op, s.dtype) : nullptr;
    p.converts[k] = s.op ? nullptr : convert_fn(first, s.dtype);
    // The store at the end narrows what the last step gives.
    p.narrows[k] = k + 1 < g.count ? narrow_fn(s.result) : nullptr;
    const bool chooses = s.op && s.op->rule == ops::PointwiseRule::first;
    if ((chooses && first != Class::u8) || (!s.op && s.operands[0].reg < 0)) return false;
  }
  p.store = store_fn(o.out(0).dtype);
  p.tiling = Tiling(inputs, o.out(0));
  if (!assign_slots(&p)) return false;
  *scratch = static_cast<size_t>(p.slots) * kSlotBytes * o.threads;
  return true;
}

// Where element `offset` of a tensor is.
std::byte* address(const TensorView& t, int64_t offset) {
  return t.as<std::byte>() + offset * static_cast<int64_t>(byte_size(t.dtype));
}

// A square of an operand that is contiguous down its columns: read along them, stored row by row.
void load_crossed(void* strip, const std::byte* from, LoadFn load, int64_t stride, size_t element, const Tile& tile, size_t bytes) {
  alignas(64) std::byte column[64 * 8];
  for (int64_t c = 0; c < tile.columns; ++c, from += stride * static_cast<int64_t>(element)) {
    load(column, from, 1, static_cast<size_t>(tile.rows));
    auto spread = [&](auto tag) {
      using T = decltype(tag);
      for (int64_t r = 0; r < tile.rows; ++r) static_cast<T*>(strip)[r * tile.columns + c] = reinterpret_cast<const T*>(column)[r];
    };
    bytes == 8 ? spread(uint64_t{}) : bytes == 4 ? spread(uint32_t{}) : spread(uint8_t{});
  }
}

// Brings the tile of each input into a register: at[i] is where it is.
void load_inputs(const Plan& p, std::span<TensorView* const> inputs, const Tile& tile, std::byte* slots, const void** at) {
  const Tiling& tiling = p.tiling;
  const int last = tiling.rank - 1;
  const bool run = tiling.is_run(tile), padded = tile.size() % kPadding == 0;
  RowWalk walk(tiling, tile);
  int by_rows[kMaxInputs], count = 0;
  for (int i = 0; i < p.program.inputs; ++i) {
    const TensorView& t = *inputs[static_cast<size_t>(i)];
    const std::byte* from = address(t, walk[i]);
    std::byte* slot = slots + static_cast<size_t>(p.slot[i]) * kSlotBytes;
    at[i] = slot;
    if ((run && tiling.dense[i]) || tile.rows == 1) {
      if (padded && in_class(t.dtype) && tiling.strides[i][last] == 1)
        at[i] = from;
      else
        p.loads[i](slot, from, tiling.strides[i][last], tile.size());
    } else if (tiling.crossed[i]) {
      load_crossed(slot, from, p.loads[i], tiling.strides[i][last], byte_size(t.dtype), tile, bytes_of(class_of(t.dtype)));
    } else {
      by_rows[count++] = i;
    }
  }
  if (count == 0) return;
  for (int64_t r = 0; r < tile.rows; ++r, walk.next())
    for (int k = 0; k < count; ++k) {
      const int i = by_rows[k];
      const TensorView& t = *inputs[static_cast<size_t>(i)];
      std::byte* slot = slots + static_cast<size_t>(p.slot[i]) * kSlotBytes;
      p.loads[i](slot + static_cast<size_t>(r * tile.columns) * bytes_of(class_of(t.dtype)), address(t, walk[i]),
                 tiling.strides[i][last], static_cast<size_t>(tile.columns));
    }
}

void run_tile(const Plan& p, const Operands& o, const Tile& tile, std::byte* slots) {
  const Program& g = p.program;
  const Tiling& tiling = p.tiling;
  const TensorView& out = o.out(0);
  const size_t n = tile.size();
  const void* at[kMaxInputs + kMaxSteps];
  load_inputs(p, o.args[0]->tensors, tile, slots, at);
  RowWalk walk(tiling, tile);
  const int64_t stride = tiling.strides[g.inputs][tiling.rank - 1];
  const bool run = (tiling.is_run(tile) && tiling.dense[g.inputs]) || tile.rows == 1;
  // The bytes of a bool are 0 and 1 in registers: they may be stored as they are.
  const bool in_place = run && stride == 1 && n % kPadding == 0 && (in_class(out.dtype) || out.dtype == DType::boolean);
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    void* result = k + 1 == g.count && in_place ? address(out, walk[g.inputs])
                                                : slots + static_cast<size_t>(p.slot[g.inputs + k]) * kSlotBytes;
    at[g.inputs + k] = result;
    StepCall call{result, {nullptr, nullptr, nullptr}, s.op, s.dtype, s.result};
    for (int i = 0; i < s.arity; ++i)
      call.in[i] = s.operands[i].reg >= 0 ? at[s.operands[i].reg] : slots + static_cast<size_t>(p.operand_slot[k][i]) * kSlotBytes;
    p.fns[k] ? p.fns[k](call, n) : p.converts[k](result, call.in[0], n);
    if (p.narrows[k]) p.narrows[k](result, n);
  }
  if (in_place) return;
  const auto* from = static_cast<const std::byte*>(at[g.inputs + g.count - 1]);
  if (run) return p.store(address(out, walk[g.inputs]), from, stride, n);
  const size_t row_bytes = static_cast<size_t>(tile.columns) * bytes_of(class_of(out.dtype));
  for (int64_t r = 0; r < tile.rows; ++r, walk.next(), from += row_bytes)
    p.store(address(out, walk[g.inputs]), from, stride, static_cast<size_t>(tile.columns));
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const int64_t tiles = p.tiling.tiles, elements = p.tiling.elements();
  if (tiles == 0) return {};
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(elements / kGrain, 1, std::min(threads, tiles));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const auto task = static_cast<int64_t>(t);
    std::byte* slots = context.scratch.data() + t * static_cast<size_t>(p.slots) * kSlotBytes;
    const size_t longest = std::min<size_t>(kStrip, (static_cast<size_t>(elements) + kPadding - 1) / kPadding * kPadding);
    for (int l = 0; l < p.literal_count; ++l)
      fill_strip(slots + static_cast<size_t>(p.literals[l].slot) * kSlotBytes, p.literals[l].dtype, p.literals[l].real, p.literals[l].integer, longest);
    for (int64_t i = tiles * task / tasks; i < tiles * (task + 1) / tasks; ++i) run_tile(p, o, p.tiling.tile(i), slots);
  });
  return {};
}

}  // namespace

extern const Kernel kPointwise;
const Kernel kPointwise = {"portfire::pointwise", sizeof(Plan), prepare, run};

}  // namespace portfire::pointwise
