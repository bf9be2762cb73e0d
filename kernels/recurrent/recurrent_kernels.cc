// Recurrent layers, f32: for each step one product of the state with the packed weights, then the cell
// of each sequence.
#include <algorithm>
#include <cstring>

#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"
#include "kernels/recurrent/cells.h"
#include "ops/element.h"

namespace portfire::recurrent {
namespace {

// Where a layer's operands stand among its arguments; -1: it has none.
struct Places {
  int cx, w_hh, w_hr, b_hh, batch_sizes, relu, reverse;
  size_t gates;  // for each hidden value
};
constexpr Places kLstmPlaces = {2, 3, 4, -1, 5, -1, 6, 4};
constexpr Places kGruPlaces = {-1, 2, -1, 3, 4, -1, 5, 3};
constexpr Places kRnnPlaces = {-1, 2, -1, -1, 3, 4, 5, 1};

const TensorView* optional(const Operands& o, int i) { return i < 0 ? nullptr : o.optional(static_cast<size_t>(i)); }

struct Plan {
  size_t batch, state, hidden, width;      // width: of all gates
  size_t packed_hh, packed_hr;             // floats of scratch for weights that come unpacked
};

bool rows_are_dense(const TensorView& t) { return t.size(t.rank() - 1) <= 1 || t.strides[t.rank() - 1] == 1; }

template <const Places& kPlaces>
bool prepare(const Operands& o, void* state, size_t* scratch) {
  auto& p = *new (state) Plan();
  const TensorView &gates = o.in(0), &hx = o.in(1), &w_hh = o.in(kPlaces.w_hh);
  const TensorView *w_hr = optional(o, kPlaces.w_hr), *b_hh = optional(o, kPlaces.b_hh);
  if (gates.dtype != DType::f32 || !rows_are_dense(gates) || !o.out(0).is_contiguous() || (b_hh && !b_hh->is_contiguous())) return false;
  for (size_t i = 1; i < o.outs.size(); ++i)
    if (!o.out(i).is_contiguous()) return false;
  p.batch = static_cast<size_t>(hx.size(0));
  p.state = static_cast<size_t>(hx.size(1));
  p.width = static_cast<size_t>(gates.size(gates.rank() - 1));
  p.hidden = p.width / kPlaces.gates;
  if (w_hh.rank() == 2) p.packed_hh = gemm::packed_size(p.state, p.width);
  if (w_hr && w_hr->rank() == 2) p.packed_hr = gemm::packed_size(p.hidden, p.state);
  *scratch = sizeof(float) * (p.batch * (p.state + p.width + 2 * p.hidden) + p.packed_hh + p.packed_hr);
  return true;
}

void load_state(const TensorView& t, float* to) {
  for (int64_t i = 0; i < t.size(0); ++i)
    for (int64_t j = 0; j < t.size(1); ++j) *to++ = t.as<float>()[i * t.strides[0] + j * t.strides[1]];
}

// The weights in panels, packed into `room` where they are not.
const float* panels(const TensorView& w, size_t k, size_t n, float* room) {
  if (w.rank() == 3) return w.as<float>();
  gemm::pack(w.as<float>(), w.strides[1], w.strides[0], k, n, room);
  return room;
}

Error check_batch_sizes(const TensorView& sizes, size_t batch, int64_t rows) {
  int64_t sum = 0;
  for (int64_t t = 0; t < sizes.size(0); ++t) {
    const int64_t count = ops::load_int(sizes, t * sizes.strides[0]);
    if (count < 0 || count > static_cast<int64_t>(batch))
      return Error::make(Code::bad_argument, "batch_sizes holds %lld (expected 0 to %zu)", static_cast<long long>(count), batch);
    sum += count;
  }
  if (sum != rows)
    return Error::make(Code::bad_argument, "batch_sizes sum to %lld (expected %lld, the rows)", static_cast<long long>(sum), static_cast<long long>(rows));
  return {};
}

template <const Places& kPlaces>
Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const TensorView &gates = o.in(0), &out = o.out(0);
  const TensorView *sizes = optional(o, kPlaces.batch_sizes), *w_hr = optional(o, kPlaces.w_hr), *b_hh = optional(o, kPlaces.b_hh);
  const bool reverse = o.args[kPlaces.reverse]->boolean;
  if (sizes) PF_TRY(check_batch_sizes(*sizes, p.batch, gates.size(0)));
  const CellFn cell = kPlaces.gates == 4   ? cells().lstm
                      : kPlaces.gates == 3 ? cells().gru
                      : o.args[static_cast<size_t>(std::max(kPlaces.relu, 0))]->boolean ? cells().relu
                                                                                         : cells().tanh;
  float* const h = reinterpret_cast<float*>(context.scratch.data());
  float* const s = h + p.batch * p.state;
  float* const c = s + p.batch * p.width;
  float* const wide = c + p.batch * p.hidden;  // h before its projection
  float* const room = wide + p.batch * p.hidden;
  const float* const hh = panels(o.in(kPlaces.w_hh), p.state, p.width, room);
  const float* const hr = w_hr ? panels(*w_hr, p.hidden, p.state, room + p.packed_hh) : nullptr;
  load_state(o.in(1), h);
  if (kPlaces.cx >= 0) load_state(o.in(static_cast<size_t>(std::max(kPlaces.cx, 0))), c);

  const int64_t steps = sizes ? sizes->size(0) : gates.size(0);
  int64_t row = sizes && reverse ? gates.size(0) : 0;
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = reverse ? steps - 1 - i : i;
    const size_t count = sizes ? static_cast<size_t>(ops::load_int(*sizes, t * sizes->strides[0])) : p.batch;
    if (sizes && reverse) row -= static_cast<int64_t>(count);
    gemm::Gemm g{p.width, p.state, h, static_cast<int64_t>(p.state), hh, s, static_cast<int64_t>(p.width), {}};
    if (b_hh) g.epilogue.bias = b_hh->as<float>();
    gemm::run_parallel(g, count, context.pool);
    const int64_t stride = gates.strides[sizes ? 0 : 1];
    const float* x = gates.as<float>() + (sizes ? row * stride : t * gates.strides[0]);
    for (size_t b = 0; b < count; ++b)
      cell({p.hidden, x + static_cast<int64_t>(b) * stride, s + b * p.width, c + b * p.hidden, hr ? wide + b * p.hidden : h + b * p.state});
    if (hr)
      gemm::run_parallel({p.state, p.hidden, wide, static_cast<int64_t>(p.hidden), hr, h, static_cast<int64_t>(p.state), {}}, count, context.pool);
    const size_t first = sizes ? static_cast<size_t>(row) : static_cast<size_t>(t) * p.batch;
    if (count > 0) std::memcpy(out.as<float>() + first * p.state, h, count * p.state * sizeof(float));
    if (sizes && !reverse) row += static_cast<int64_t>(count);
  }
  std::copy_n(h, p.batch * p.state, o.out(1).as<float>());
  if (kPlaces.gates == 4) std::copy_n(c, p.batch * p.hidden, o.out(2).as<float>());
  return {};
}

}  // namespace

extern const Kernel kLstm, kGru, kRnn;
const Kernel kLstm = {"portfire::lstm_layer", sizeof(Plan), prepare<kLstmPlaces>, run<kLstmPlaces>};
const Kernel kGru = {"portfire::gru_layer", sizeof(Plan), prepare<kGruPlaces>, run<kGruPlaces>};
const Kernel kRnn = {"portfire::rnn_layer", sizeof(Plan), prepare<kRnnPlaces>, run<kRnnPlaces>};

}  // namespace portfire::recurrent
