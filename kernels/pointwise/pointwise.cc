// portfire::pointwise tile by tile, in strips that stay in L1: each runs through all steps before the
// next begins.
#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/plain_loop.h"
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
constexpr size_t kSlotBytes = kStrip * 8;  // kStrip elements of the widest class
constexpr int64_t kFlat = 16 << 10;        // elements of a tile of a flat program
constexpr size_t kCached = 32 << 10;       // bytes of slots, more or less
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
  int16_t source[kMaxInputs + kMaxSteps];  // the register that holds what this one does: often itself
  int16_t slot[kMaxInputs + kMaxSteps];    // of each register that is its own source
  bool stays[kMaxInputs];                  // does not depend on the row: loaded once
  bool holds[kMaxInputs];                  // may be used again for the next tile
  int16_t operand_slot[kMaxSteps][3];    // of each step; literals have slots of their own
  struct { int16_t slot; DType dtype; double real; int64_t integer; } literals[kMaxLiterals];
  int literal_count = 0, slots = 0;
  bool flat = false;      // one step from memory to memory, without a gap
  size_t strip = kStrip;  // elements of a register, at most
  int answer() const { return source[program.inputs + program.count - 1]; }
};

// Does a register of `from` hold what a cast to `to` would give? What narrows it comes with the store at the end.
bool same_register(DType from, DType to, bool at_end) {
  if (class_of(from) != class_of(to) || (to == DType::boolean && from != to)) return false;
  return from == to || at_end || !narrow_fn(to);
}

// The number of a literal like operand `o` of a step in `dtype`, a new one if there is none; -1 where
// they are too many.
int literal(Plan* p, const ops::pointwise_program::Operand& o, DType dtype) {
  for (int l = 0; l < p->literal_count; ++l)
    if (p->literals[l].dtype == dtype && std::memcmp(&p->literals[l].real, &o.real, 8) == 0 && p->literals[l].integer == o.integer) return l;
  if (p->literal_count == kMaxLiterals) return -1;
  p->literals[p->literal_count] = {-1, dtype, o.real, o.integer};
  return p->literal_count++;
}

// Is the result of operands that f16 or bf16 holds such a number too?
bool stays_narrow(const ops::Pointwise& op) {
  for (const char* name : {"abs", "neg", "sign", "sgn", "relu", "ceil", "floor", "trunc", "round", "copysign", "maximum", "minimum", "fmax", "fmin",
                           "where", "clamp", "threshold", "hardshrink", "replace_nan", "replace_inf"})
    if (op.name == name) return true;
  return false;
}

// Two steps of which only the second uses the first become one: min(max(x, low), high) with numbers for bounds, and
// sums with a product where that is not rounded to 16 bits first. joined[k]: step k has gone.
void join_steps(Program* g, bool* joined) {
  int uses[kMaxInputs + kMaxSteps] = {};
  for (int k = 0; k < g->count; ++k)
    for (int i = 0; i < g->steps[k].arity; ++i)
      if (g->steps[k].operands[i].reg >= 0) ++uses[g->steps[k].operands[i].reg];
  const auto is = [](const auto& s, std::string_view name) {
    return s.op && s.op->name == name && s.operands[0].reg >= 0 && s.operands[1].reg < 0 && s.operands[1].real == s.operands[1].real;
  };
  const auto has_product = [](DType t) { return t == DType::f32 || t == DType::f64 || t == DType::i64 || t == DType::i32; };
  for (int k = 1; k < g->count; ++k) {
    auto &first = g->steps[k - 1], &second = g->steps[k];
    const int reg = g->inputs + k - 1;
    if (!first.op || !second.op || first.dtype != second.dtype || uses[reg] != 1) continue;
    if (is(first, "maximum") && is(second, "minimum") && second.operands[0].reg == reg) {
      second = {ops::find_pointwise("clamp"), second.dtype, second.result, 3, {first.operands[0], first.operands[1], second.operands[1]}};
    } else if (first.op->name == "mul" && second.op->name == "add" && has_product(first.dtype) && first.operands[0].reg >= 0) {
      const auto& other = second.operands[second.operands[0].reg == reg];
      second = {ops::find_pointwise("addcmul"), second.dtype, second.result, 3, {other, first.operands[0], first.operands[1]}};
    } else {
      continue;
    }
    joined[k - 1] = true;
  }
}

// Registers get slots; one is free again after its last use. Literals, which are filled in once for each task, and
// inputs that may be used again keep theirs.
bool assign_slots(Plan* p) {
  const Program& g = p->program;
  int last[kMaxInputs + kMaxSteps] = {};
  for (int k = 0; k < g.count; ++k)
    for (int i = 0; i < g.steps[k].arity; ++i)
      if (g.steps[k].operands[i].reg >= 0) last[p->source[g.steps[k].operands[i].reg]] = k;
  last[p->answer()] = g.count;
  for (int i = 0; i < g.inputs; ++i)
    if (p->holds[i]) last[i] = g.count;
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
    if (p->source[g.inputs + k] != g.inputs + k) continue;
    p->slot[g.inputs + k] = take();
    for (int i = 0; i < s.arity; ++i) {
      const int reg = s.operands[i].reg < 0 ? -1 : p->source[s.operands[i].reg];
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
      if (p->source[g.inputs + k] == g.inputs + k && p->operand_slot[k][i] < 0) p->operand_slot[k][i] = p->literals[-1 - p->operand_slot[k][i]].slot;
  return true;
}

// As many elements as slots of kSlotBytes hold, where few are in use: a tile takes some time of its own.
size_t strip_of(const Plan& p, DType result) {
  size_t widest = bytes_of(class_of(result));
  for (int r = 0; r < p.program.inputs + p.program.count; ++r) widest = std::max(widest, bytes_of(class_of(p.program.dtype_of(r))));
  for (int k = 0; k < p.program.count; ++k) widest = std::max(widest, bytes_of(class_of(p.program.steps[k].dtype)));
  const size_t most = kSlotBytes / widest, cached = kCached / (widest * static_cast<size_t>(p.slots));
  return std::max(kStrip, std::min(most, cached) / kPadding * kPadding);
}

bool is_flat(const Plan& p, DType result) {
  const Program& g = p.program;
  int steps = 0;
  for (int k = 0; k < g.count; ++k) steps += p.source[g.inputs + k] == g.inputs + k;
  bool flat = steps == 1 && p.answer() >= g.inputs && p.tiling.rank == 1 && p.tiling.dense[g.inputs] && (in_class(result) || result == DType::boolean);
  for (int i = 0; i < g.inputs; ++i) flat &= p.tiling.dense[i] && in_class(g.dtype_of(i));
  return flat;
}

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan;
  const auto inputs = o.args[0]->tensors;
  Program& g = p.program;
  if (ops::pointwise_program::parse(o.args[1]->string, inputs, &g)) return false;
  bool joined[kMaxSteps] = {};
  join_steps(&g, joined);
  auto supported = [](DType t) { return t != DType::u16 && t != DType::u32 && t != DType::u64; };
  for (int r = 0; r < g.inputs + g.count; ++r)
    if (!supported(g.dtype_of(r))) return false;
  p.tiling = Tiling(inputs, o.out(0));
  for (int i = 0; i < g.inputs; ++i) {
    p.loads[i] = load_fn(g.dtype_of(i));
    p.source[i] = static_cast<int16_t>(i);
    p.stays[i] = !p.tiling.dense[i];
    for (int d = 0; d + 1 < p.tiling.rank; ++d) p.stays[i] &= p.tiling.strides[i][d] == 0;
    if (p.tiling.rank == 1) p.stays[i] &= p.tiling.strides[i][0] == 0;
    p.holds[i] = p.stays[i] || (!p.tiling.dense[i] && p.tiling.strides[i][p.tiling.rank - 1] == 0);
  }
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    const Class first = s.operands[0].reg >= 0 ? class_of(g.dtype_of(s.operands[0].reg)) : Class::u8;
    p.fns[k] = s.op ? step_fn(*s.op, s.dtype) : nullptr;
    p.converts[k] = s.op ? nullptr : convert_fn(first, s.dtype);
    // The store at the end narrows what the last step gives.
    p.narrows[k] = k + 1 < g.count && !(s.op && is_floating(s.result) && stays_narrow(*s.op)) ? narrow_fn(s.result) : nullptr;
    const bool chooses = s.op && s.op->rule == ops::PointwiseRule::first;
    if ((chooses && first != Class::u8) || (!s.op && s.operands[0].reg < 0)) return false;
    if (s.op && s.op->name == "nextafter" && s.dtype == DType::f16) return false;  // no step of f32 counts in f16
    const bool same = joined[k] || (!s.op && same_register(g.dtype_of(s.operands[0].reg), s.dtype, k + 1 == g.count));
    p.source[g.inputs + k] = same ? p.source[s.operands[0].reg] : static_cast<int16_t>(g.inputs + k);
  }
  p.store = store_fn(o.out(0).dtype);
  if (!assign_slots(&p)) return false;
  p.strip = strip_of(p, o.out(0).dtype);
  p.flat = is_flat(p, o.out(0).dtype);
  p.tiling.cut(p.flat ? kFlat : static_cast<int64_t>(p.strip));
  *scratch = static_cast<size_t>(p.slots) * kSlotBytes * o.threads;
  return true;
}

// Where element `offset` of a tensor is.
std::byte* address(const TensorView& t, int64_t offset) {
  return t.as<std::byte>() + offset * static_cast<int64_t>(byte_size(t.dtype));
}

// Asks for the memory that the tile to the right will want, `ahead` bytes from here: rows of squares are too short
// for processors to guess.
void prefetch(const std::byte* row, int64_t ahead, int64_t bytes) {
  for (int64_t k = 0; k < bytes; k += 64) __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(row) + static_cast<uintptr_t>(ahead + k)));
}

// A square of an operand that is contiguous down its columns: read along them, stored row by row.
void load_crossed(void* strip, const std::byte* from, LoadFn load, int64_t stride, DType dtype, const Tile& tile) {
  const size_t bytes = bytes_of(class_of(dtype)), element = byte_size(dtype);
  const auto step = stride * static_cast<int64_t>(element);
  for (int64_t c = 0; c < tile.columns; ++c) prefetch(from + c * step, tile.columns * step, tile.rows * static_cast<int64_t>(element));
  if (in_class(dtype) && bytes > 1) return copy::transpose(strip, tile.columns, from, stride, tile.rows, tile.columns, element);
  alignas(64) std::byte column[64 * 8];
  for (int64_t c = 0; c < tile.columns; ++c, from += step) {
    load(column, from, 1, static_cast<size_t>(tile.rows));
    auto spread = [&](auto tag) {
      using T = decltype(tag);
      for (int64_t r = 0; r < tile.rows; ++r) static_cast<T*>(strip)[r * tile.columns + c] = reinterpret_cast<const T*>(column)[r];
    };
    bytes == 8 ? spread(uint64_t{}) : bytes == 4 ? spread(uint32_t{}) : spread(uint8_t{});
  }
}

// What a task keeps from tile to tile.
struct Task {
  std::byte* slots;
  int64_t end;  // elements of the result, in its order, before those of the next task
  bool apart;   // the result shares no memory with an operand
  struct {
    int64_t column = -1, rows = 0;     // of one that stays
    const std::byte* repeated = nullptr;  // the one element that fills the slot
  } kept[kMaxInputs];
};

// The memory of a tensor: [first byte, one behind the last).
std::pair<const std::byte*, const std::byte*> extent(const TensorView& t) {
  int64_t low = 0, high = 0;
  for (int d = 0; d < t.rank(); ++d) (t.strides[d] < 0 ? low : high) += (t.size(d) - 1) * t.strides[d];
  return {address(t, low), address(t, high + 1)};
}
bool is_apart(std::span<TensorView* const> inputs, const TensorView& out) {
  const auto [begin, end] = extent(out);
  for (const TensorView* t : inputs) {
    const auto [from, to] = extent(*t);
    if (from < end && begin < to) return false;
  }
  return true;
}

// The CPU fetches ahead by itself, but not across pages: the first lines of each page that the next tile reads are fetched
// here (memory-bound loops of AVX-512 took 1.4 times as long without).
void fetch_pages(const std::byte* next, size_t bytes) {
  constexpr size_t kPage = 4096, kLine = 64, kLines = 4;
  for (size_t page = 0; page < bytes; page += kPage)
    for (size_t line = 0; line < kLines * kLine; line += kLine) __builtin_prefetch(next + page + line);
}

// Brings the tile of each input into a register: at[i] is where it is.
void load_inputs(const Plan& p, std::span<TensorView* const> inputs, const Tile& tile, Task& task, const void** at) {
  const Tiling& tiling = p.tiling;
  const int last = tiling.rank - 1;
  const bool run = tiling.is_run(tile);
  const auto n = static_cast<int64_t>(tile.size()), first = tile.row * tiling.columns() + tile.column;
  int by_rows[kMaxInputs], count = 0;
  std::optional<RowWalk> walk;
  for (int i = 0; i < p.program.inputs; ++i) {
    const TensorView& t = *inputs[static_cast<size_t>(i)];
    std::byte* slot = task.slots + static_cast<size_t>(p.slot[i]) * kSlotBytes;
    at[i] = slot;
    const int64_t stride = tiling.strides[i][last];
    if (run && tiling.dense[i]) {
      // Loops read on to a multiple of the padding.
      const std::byte* from = address(t, first);
      if (in_class(t.dtype) && (n % kPadding == 0 || first + static_cast<int64_t>(padded(tile.size())) <= tiling.elements()))
        at[i] = from;
      else
        p.loads[i](slot, from, 1, tile.size());
      const size_t bytes = tile.size() * byte_size(t.dtype);
      fetch_pages(from + bytes, bytes);
      continue;
    }
    auto& kept = task.kept[i];
    if (p.stays[i]) {
      if (stride == 0) {
        if (!kept.repeated) p.loads[i](slot, address(t, 0), 0, p.strip);
        kept.repeated = address(t, 0);
        continue;
      }
      if (kept.column == tile.column && kept.rows >= tile.rows) continue;
      if (tile.rows > 1) kept = {tile.column, tile.rows};
    }
    if (!walk) walk.emplace(tiling, tile);
    const std::byte* from = address(t, (*walk)[i]);
    if (tile.rows == 1) {
      if (stride == 0) {
        if (kept.repeated != from) p.loads[i](slot, from, 0, p.strip);
        kept.repeated = from;
      } else if (n % kPadding == 0 && in_class(t.dtype) && stride == 1) {
        at[i] = from;
      } else {
        p.loads[i](slot, from, stride, tile.size());
      }
    } else if (tiling.crossed[i]) {
      load_crossed(slot, from, p.loads[i], stride, t.dtype, tile);
    } else {
      kept.repeated = nullptr;
      by_rows[count++] = i;
    }
  }
  if (count == 0) return;
  for (int64_t r = 0; r < tile.rows; ++r, walk->next())
    for (int k = 0; k < count; ++k) {
      const int i = by_rows[k];
      const TensorView& t = *inputs[static_cast<size_t>(i)];
      std::byte* slot = task.slots + static_cast<size_t>(p.slot[i]) * kSlotBytes;
      const std::byte* from = address(t, (*walk)[i]);
      const int64_t row_bytes = tile.columns * static_cast<int64_t>(byte_size(t.dtype));
      if (!run && tiling.strides[i][last] == 1) prefetch(from, row_bytes, row_bytes);
      p.loads[i](slot + static_cast<size_t>(r * tile.columns) * bytes_of(class_of(t.dtype)), from, tiling.strides[i][last], static_cast<size_t>(tile.columns));
    }
}

// A step on any number of elements: as many at a time as literals are repeated.
void run_step(const Plan& p, int k, StepCall call, size_t n) {
  const auto& s = p.program.steps[k];
  size_t steps[3] = {}, literals = 0;  // bytes of an element
  for (int i = 0; i < s.arity; ++i) {
    const int reg = s.operands[i].reg;
    literals += reg < 0;
    steps[i] = reg < 0 ? 0 : bytes_of(class_of(p.program.dtype_of(reg)));
  }
  const size_t most = literals ? p.strip : n, out = bytes_of(class_of(s.result));
  for (size_t done = 0; done < n; done += most) {
    const size_t count = std::min(most, n - done);
    p.fns[k] ? p.fns[k](call, count) : p.converts[k](call.out, call.in[0], count);
    call.out = static_cast<std::byte*>(call.out) + count * out;
    for (int i = 0; i < s.arity; ++i) call.in[i] = static_cast<const std::byte*>(call.in[i]) + count * steps[i];
  }
}

void run_tile(const Plan& p, const Operands& o, const Tile& tile, Task& task) {
  const Program& g = p.program;
  const Tiling& tiling = p.tiling;
  const TensorView& out = o.out(0);
  const size_t n = tile.size();
  const void* at[kMaxInputs + kMaxSteps];
  load_inputs(p, o.args[0]->tensors, tile, task, at);
  const int64_t stride = tiling.strides[g.inputs][tiling.rank - 1], first = tile.row * tiling.columns() + tile.column;
  const bool dense = tiling.is_run(tile) && tiling.dense[g.inputs], run = dense || tile.rows == 1;
  std::optional<RowWalk> walk;
  if (!dense) walk.emplace(tiling, tile);
  std::byte* to = address(out, dense ? first : (*walk)[g.inputs]);
  // The bytes of a bool are 0 and 1 in registers: they may be stored as they are. What loops write behind the
  // tile is the next one's, which comes later, unless operands lie there.
  const bool whole = n % kPadding == 0 || (dense && task.apart && first + static_cast<int64_t>(padded(n)) <= task.end);
  const bool in_place = run && stride == 1 && whole && (in_class(out.dtype) || out.dtype == DType::boolean);
  const int answer = p.answer();
  for (int k = 0; k < g.count; ++k) {
    if (p.source[g.inputs + k] != g.inputs + k) continue;
    const auto& s = g.steps[k];
    void* result = g.inputs + k == answer && in_place ? to : task.slots + static_cast<size_t>(p.slot[g.inputs + k]) * kSlotBytes;
    at[g.inputs + k] = result;
    StepCall call{result, {nullptr, nullptr, nullptr}, s.op, s.dtype, s.result};
    for (int i = 0; i < s.arity; ++i)
      call.in[i] = s.operands[i].reg >= 0 ? at[p.source[s.operands[i].reg]] : task.slots + static_cast<size_t>(p.operand_slot[k][i]) * kSlotBytes;
    run_step(p, k, call, n);
    if (p.narrows[k]) p.narrows[k](result, n);
  }
  const auto* from = static_cast<const std::byte*>(at[answer]);
  if (in_place && from == to) return;
  if (run) return p.store(to, from, stride, n);
  const size_t row_bytes = static_cast<size_t>(tile.columns) * bytes_of(class_of(out.dtype));
  const int64_t stored_bytes = tile.columns * static_cast<int64_t>(byte_size(out.dtype));
  for (int64_t r = 0; r < tile.rows; ++r, walk->next(), from += row_bytes) {
    std::byte* row = address(out, (*walk)[g.inputs]);
    if (stride == 1) prefetch(row, stored_bytes, stored_bytes);
    p.store(row, from, stride, static_cast<size_t>(tile.columns));
  }
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const int64_t tiles = p.tiling.tiles, elements = p.tiling.elements();
  if (tiles == 0) return {};
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(elements / kGrain, 1, std::min(threads, tiles));
  const bool apart = is_apart(o.args[0]->tensors, o.out(0));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const auto task = static_cast<int64_t>(t);
    const int64_t last = tiles * (task + 1) / tasks;
    const Tile next = last < tiles ? p.tiling.tile(last) : Tile{0, elements, 1, 1};
    std::byte* slots = context.scratch.data() + t * static_cast<size_t>(p.slots) * kSlotBytes;
    Task kept{slots, next.row * p.tiling.columns() + next.column, apart, {}};
    const size_t longest = std::min<size_t>(p.strip, (static_cast<size_t>(elements) + kPadding - 1) / kPadding * kPadding);
    for (int l = 0; l < p.literal_count; ++l)
      fill_strip(slots + static_cast<size_t>(p.literals[l].slot) * kSlotBytes, p.literals[l].dtype, p.literals[l].real, p.literals[l].integer, longest);
    for (int64_t i = tiles * task / tasks; i < last; ++i) run_tile(p, o, p.tiling.tile(i), kept);
  });
  return {};
}

}  // namespace

extern const Kernel kPointwise;
const Kernel kPointwise = {"portfire::pointwise", sizeof(Plan), prepare, run};

}  // namespace portfire::pointwise
