// portfire::pointwise tile by tile, in strips that stay in L1: each runs through all steps before the
// next begins.
#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/plan.h"
#include "kernels/pointwise/plain_loop.h"
#include "kernels/thread_pool.h"

namespace portfire::pointwise {
namespace {

using ops::pointwise_program::Program;

// Below this many elements for each thread a second thread costs more than it brings.
constexpr int64_t kGrain = 16 << 10;

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan;
  if (!make_plan(o, &p)) return false;
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

// A step on more elements than literals are repeated.
void run_long_step(const Plan& p, int k, StepCall call, size_t n) {
  const auto& s = p.program.steps[k];
  const auto moved = [](auto* at, size_t bytes) { return const_cast<std::byte*>(static_cast<const std::byte*>(at)) + bytes; };
  for (size_t done = 0; done < n; done += p.strip) {
    const size_t count = std::min(p.strip, n - done);
    p.fns[k] ? p.fns[k](call, count) : p.converts[k](call.out, call.in[0], count);
    call.out = moved(call.out, count * bytes_of(class_of(s.result)));
    for (int i = 0; i < s.arity; ++i)
      if (s.operands[i].reg >= 0) call.in[i] = moved(call.in[i], count * bytes_of(class_of(p.program.dtype_of(s.operands[i].reg))));
  }
}

// A register's elements to where a result has the tile.
void store_tile(const Plan& p, const TensorView& out, const Tile& tile, const void* reg, StoreFn store) {
  const Tiling& tiling = p.tiling;
  const int result = p.program.inputs;
  const auto* from = static_cast<const std::byte*>(reg);
  const int64_t stride = tiling.strides[result][tiling.rank - 1];
  if (tiling.is_run(tile) && tiling.dense[result]) return store(address(out, tile.row * tiling.columns() + tile.column), from, stride, tile.size());
  RowWalk walk(tiling, tile);
  if (tile.rows == 1) return store(address(out, walk[result]), from, stride, tile.size());
  const size_t row_bytes = static_cast<size_t>(tile.columns) * bytes_of(class_of(out.dtype));
  const int64_t stored_bytes = tile.columns * static_cast<int64_t>(byte_size(out.dtype));
  for (int64_t r = 0; r < tile.rows; ++r, walk.next(), from += row_bytes) {
    std::byte* row = address(out, walk[result]);
    if (stride == 1) prefetch(row, stored_bytes, stored_bytes);
    store(row, from, stride, static_cast<size_t>(tile.columns));
  }
}

void run_tile(const Plan& p, const Operands& o, const Tile& tile, Task& task) {
  const Program& g = p.program;
  const Tiling& tiling = p.tiling;
  const TensorView& out = Plan::out(o);
  const size_t n = tile.size();
  const void* at[kMaxInputs + kMaxSteps];
  load_inputs(p, o.args[0]->tensors, tile, task, at);
  const int64_t stride = tiling.strides[g.inputs][tiling.rank - 1], first = tile.row * tiling.columns() + tile.column;
  const bool dense = tiling.is_run(tile) && tiling.dense[g.inputs], run = dense || tile.rows == 1;
  std::byte* to = address(out, dense ? first : RowWalk(tiling, tile)[g.inputs]);
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
    if (n > p.strip && p.literal_count > 0)
      run_long_step(p, k, call, n);
    else
      p.fns[k] ? p.fns[k](call, n) : p.converts[k](result, call.in[0], n);
    if (p.narrows[k]) p.narrows[k](result, n);
  }
  for (int r = 0; r < p.further; ++r) {
    const int reg = p.source[p.further_register[r]];
    store_tile(p, o.out(static_cast<size_t>(r)), tile, at[reg], p.further_store[r]);
  }
  if (!in_place || at[answer] != to) store_tile(p, out, tile, at[answer], p.store);
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const int64_t tiles = p.tiling.tiles, elements = p.tiling.elements();
  if (tiles == 0) return {};
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(elements / kGrain, 1, std::min(threads, tiles));
  const bool apart = is_apart(o.args[0]->tensors, Plan::out(o));
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

extern const Kernel kPointwise, kPointwise2, kPointwise3;
const Kernel kPointwise = {"portfire::pointwise", sizeof(Plan), prepare, run};
const Kernel kPointwise2 = {"portfire::pointwise_2", sizeof(Plan), prepare, run};
const Kernel kPointwise3 = {"portfire::pointwise_3", sizeof(Plan), prepare, run};

}  // namespace portfire::pointwise
