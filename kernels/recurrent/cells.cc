#include "kernels/recurrent/cells.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent/cells.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

using recurrent::Cell;
using CellTag = hn::ScalableTag<float>;
using CellVec = hn::Vec<CellTag>;

// Calls f(load, store) for each vector of n values: load(p) and store(v, p) take the vector's place
// in an array p of n, the last one perhaps in part.
template <class F>
HWY_INLINE void for_vectors(size_t n, F f) {
  const CellTag d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    f([&](const float* p) HWY_ATTR { return hn::LoadU(d, p + i); }, [&](CellVec v, float* p) HWY_ATTR { hn::StoreU(v, d, p + i); });
  if (i == n) return;
  HWY_ALIGN float rest[hn::MaxLanes(d)] = {};
  f(
      [&](const float* p) HWY_ATTR {
        for (size_t j = i; j < n; ++j) rest[j - i] = p[j];
        return hn::Load(d, rest);
      },
      [&](CellVec v, float* p) HWY_ATTR {
        hn::Store(v, d, rest);
        for (size_t j = i; j < n; ++j) p[j] = rest[j - i];
      });
}

void lstm_cell(const Cell& cell) {
  const CellTag d;
  const size_t n = cell.n;
  for_vectors(n, [&](auto load, auto store) HWY_ATTR {
    auto gate = [&](size_t g) HWY_ATTR { return hn::Add(load(cell.x + g * n), load(cell.s + g * n)); };
    const CellVec in = fast_sigmoid(d, gate(0)), forget = fast_sigmoid(d, gate(1)), fresh = fast_tanh(d, gate(2));
    const CellVec c = hn::MulAdd(forget, load(cell.c), hn::Mul(in, fresh));
    store(c, cell.c);
    store(hn::Mul(fast_sigmoid(d, gate(3)), fast_tanh(d, c)), cell.h);
  });
}

void gru_cell(const Cell& cell) {
  const CellTag d;
  const size_t n = cell.n;
  for_vectors(n, [&](auto load, auto store) HWY_ATTR {
    auto gate = [&](size_t g) HWY_ATTR { return hn::Add(load(cell.x + g * n), load(cell.s + g * n)); };
    const CellVec r = fast_sigmoid(d, gate(0)), z = fast_sigmoid(d, gate(1));
    const CellVec fresh = fast_tanh(d, hn::MulAdd(r, load(cell.s + 2 * n), load(cell.x + 2 * n)));
    store(hn::MulAdd(z, hn::Sub(load(cell.h), fresh), fresh), cell.h);
  });
}

void tanh_cell(const Cell& cell) {
  for_vectors(cell.n, [&](auto load, auto store) HWY_ATTR {
    store(fast_tanh(CellTag(), hn::Add(load(cell.x), load(cell.s))), cell.h);
  });
}

void relu_cell(const Cell& cell) {
  for_vectors(cell.n, [&](auto load, auto store) HWY_ATTR {
    // With a NaN on the right, Max gives it back on every ISA.
    store(hn::Max(hn::Zero(CellTag()), hn::Add(load(cell.x), load(cell.s))), cell.h);
  });
}

recurrent::Cells get_cells() { return {&lstm_cell, &gru_cell, &tanh_cell, &relu_cell}; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_cells);
namespace recurrent {
const Cells& cells() {
  static const Cells found = HWY_DYNAMIC_DISPATCH(get_cells)();
  return found;
}
}  // namespace recurrent
}  // namespace portfire
#endif
