#include "ops/recurrent_layer.h"

#include <cmath>

#include "ops/panels.h"
#include "ops/reader.h"

namespace portfire::ops::recurrent_layer {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }


// A matrix [rows, columns], plain or in panels.
struct Matrix {
  const TensorView& t;
  int64_t rows;

  bool panels() const { return t.rank() == 3; }
  int64_t columns() const { return t.size(1); }
  int64_t at(int64_t row, int64_t column) const {
    return panels() ? row / kPanel * t.strides[0] + column * t.strides[1] + row % kPanel * t.strides[2]
                    : row * t.strides[0] + column * t.strides[1];
  }
  bool valid() const {
    return panels() ? t.dtype == DType::f32 && t.is_contiguous() && t.size(2) == kPanel && t.size(0) == (rows + kPanel - 1) / kPanel
                    : t.rank() == 2 && t.size(0) == rows;
  }
};

struct Layer {
  const TensorView& gates;
  const TensorView& hx;
  Matrix w_hh;
  const TensorView* batch_sizes;
  int64_t factor;  // gates for each hidden value
  bool reverse;

  int64_t batch() const { return hx.size(0); }
  int64_t state() const { return hx.size(1); }  // width of h
  int64_t width() const { return w_hh.rows; }
  int64_t hidden() const { return width() / factor; }
  int64_t steps() const { return batch_sizes ? batch_sizes->size(0) : gates.size(0); }
};

Error infer_layer(const Layer& l, int64_t out_width, std::span<TensorSpec> outs) {
  const int rank = l.batch_sizes ? 2 : 3;
  if (l.gates.rank() != rank || l.hx.rank() != 2 || !l.w_hh.valid() || l.width() % l.factor ||
      l.w_hh.columns() != l.hx.size(1) || (rank == 3 && l.gates.size(1) != l.hx.size(0)))
    return Error::make(Code::bad_argument, "gates %s, hx %s, w_hh %s do not fit",
                       TypeText(l.gates).c_str(), TypeText(l.hx).c_str(),
                       TypeText(l.w_hh.t).c_str());
  if (l.batch_sizes && (l.batch_sizes->rank() != 1 || l.batch_sizes->dtype != DType::i64))
    return Error::make(Code::bad_argument, "batch_sizes %s (expected i64 of rank 1)", TypeText(*l.batch_sizes).c_str());
  if (!is_floating(l.gates.dtype) || l.hx.dtype != l.gates.dtype || l.w_hh.t.dtype != l.gates.dtype)
    return Error::make(Code::bad_argument, "gates %s, hx %s (expected one floating dtype)",
                       TypeText(l.gates).c_str(), TypeText(l.hx).c_str());
  outs[0] = {l.gates.dtype, l.gates.shape};
  outs[0].shape.sizes[rank - 1] = out_width;
  outs[1] = {l.hx.dtype, l.hx.shape};
  return {};
}

int64_t at(const TensorView& t, int64_t row, int64_t column) {
  return row * t.strides[0] + column * t.strides[1];
}

void load_state(const TensorView& t, double* to) {
  for (int64_t i = 0; i < t.size(0); ++i)
    for (int64_t j = 0; j < t.size(1); ++j) *to++ = load_real(t, at(t, i, j));
}
void store_state(const TensorView& t, const double* from) {
  for (int64_t i = 0; i < t.size(0); ++i)
    for (int64_t j = 0; j < t.size(1); ++j) store_real(t, at(t, i, j), *from++);
}

// Walks the steps. For each sequence b of a step, from_h becomes w_hh times its row of `h`; then
// cell(b, row of h, gate), where gate(j) reads the step's gates, puts the new h in place of the old
// one, which is the step's output too.
template <class Cell>
Error run(const Layer& l, double* h, double* from_h, const TensorView& output, Cell cell) {
  int64_t total = 0, row = 0;
  for (int64_t t = 0; l.batch_sizes && t < l.steps(); ++t) {
    const int64_t count = load_int(*l.batch_sizes, t * l.batch_sizes->strides[0]);
    if (count < 0 || count > l.batch())
      return Error::make(Code::bad_argument, "batch_sizes holds %lld (expected 0 to %lld)",
                         static_cast<long long>(count), static_cast<long long>(l.batch()));
    total += count;
  }
  if (l.batch_sizes && total != l.gates.size(0))
    return Error::make(Code::bad_argument, "batch_sizes sum to %lld (expected %lld, the rows)",
                       static_cast<long long>(total), static_cast<long long>(l.gates.size(0)));
  if (l.reverse) row = total;
  with_reader(l.w_hh.t.dtype, [&](auto type) {
    const typename decltype(type)::type weight(l.w_hh.t);
    for (int64_t i = 0; i < l.steps(); ++i) {
      const int64_t t = l.reverse ? l.steps() - 1 - i : i;
      const int64_t count =
          l.batch_sizes ? load_int(*l.batch_sizes, t * l.batch_sizes->strides[0]) : l.batch();
      if (l.reverse) row -= count;
      for (int64_t b = 0; b < count; ++b) {
        double* const mine = h + b * l.state();
        for (int64_t j = 0; j < l.width(); ++j) {
          double sum = 0;
          for (int64_t k = 0; k < l.state(); ++k)
            sum += static_cast<double>(weight[l.w_hh.at(j, k)]) * mine[k];
          from_h[j] = sum;
        }
        const int64_t x = l.batch_sizes ? (row + b) * l.gates.strides[0]
                                        : t * l.gates.strides[0] + b * l.gates.strides[1];
        cell(b, mine, [&](int64_t j) {
          return load_real(l.gates, x + j * l.gates.strides[l.gates.rank() - 1]);
        });
        const int last = output.rank() - 1;
        const int64_t y = l.batch_sizes ? (row + b) * output.strides[0]
                                        : t * output.strides[0] + b * output.strides[1];
        for (int64_t k = 0; k < l.state(); ++k)
          store_real(output, y + k * output.strides[last], mine[k]);
      }
      if (!l.reverse) row += count;
    }
  });
  return {};
}

double* scratch_of(const Args& a) { return reinterpret_cast<double*>(a.context().scratch.data()); }

// As many rows as there are gates.
Matrix gate_weights(const Args& a, size_t i) {
  const TensorView& gates = a.tensor(0);
  return {a.tensor(i), gates.rank() ? gates.size(gates.rank() - 1) : 0};
}
Layer lstm(const Args& a) {
  return {a.tensor(0), a.tensor(1), gate_weights(a, 3), a.optional_tensor(5), 4, a.boolean(6)};
}
Layer gru(const Args& a) {
  return {a.tensor(0), a.tensor(1), gate_weights(a, 2), a.optional_tensor(4), 3, a.boolean(5)};
}
Layer rnn(const Args& a) {
  return {a.tensor(0), a.tensor(1), gate_weights(a, 2), a.optional_tensor(3), 1, a.boolean(5)};
}

// h of the whole batch and what it brings to one sequence's gates.
size_t layer_scratch(const Layer& l) {
  return sizeof(double) * static_cast<size_t>(l.batch() * l.state() + l.width());
}

}  // namespace

Error Lstm::infer(const Args& a, std::span<TensorSpec> outs) {
  const Layer l = lstm(a);
  const TensorView& cx = a.tensor(2);
  const TensorView* w_hr = a.optional_tensor(4);
  PF_TRY(infer_layer(l, l.state(), outs));
  if (cx.rank() != 2 || cx.size(0) != l.batch() || cx.size(1) != l.hidden() ||
      (w_hr ? !Matrix{*w_hr, l.state()}.valid() || w_hr->size(1) != l.hidden()
            : l.state() != l.hidden()))
    return Error::make(Code::bad_argument, "cx %s or projection does not fit hx %s",
                       TypeText(cx).c_str(), TypeText(l.hx).c_str());
  outs[2] = {cx.dtype, cx.shape};
  return {};
}

// Beyond the layer's: c of the batch, and h' of one sequence before its projection.
size_t Lstm::scratch(const Args& a) {
  const Layer l = lstm(a);
  return layer_scratch(l) + sizeof(double) * static_cast<size_t>((l.batch() + 1) * l.hidden());
}

Error Lstm::reference(const Args& a, std::span<TensorView> outs) {
  const Layer l = lstm(a);
  const TensorView* w_hr = a.optional_tensor(4);
  const int64_t n = l.hidden();
  double* const h = scratch_of(a);
  double* const from_h = h + l.batch() * l.state();
  double* const c = from_h + l.width();
  double* const wide = c + l.batch() * n;
  load_state(l.hx, h);
  load_state(a.tensor(2), c);
  PF_TRY(run(l, h, from_h, outs[0], [&](int64_t b, double* mine, auto gate) {
    double* const next = w_hr ? wide : mine;
    for (int64_t j = 0; j < n; ++j) {
      double& cell = c[b * n + j];
      cell = sigmoid(gate(n + j) + from_h[n + j]) * cell +
             sigmoid(gate(j) + from_h[j]) * std::tanh(gate(2 * n + j) + from_h[2 * n + j]);
      next[j] = sigmoid(gate(3 * n + j) + from_h[3 * n + j]) * std::tanh(cell);
    }
    for (int64_t k = 0; w_hr && k < l.state(); ++k) {
      mine[k] = 0;
      for (int64_t j = 0; j < n; ++j) mine[k] += load_real(*w_hr, Matrix{*w_hr, l.state()}.at(k, j)) * wide[j];
    }
  }));
  store_state(outs[1], h);
  store_state(outs[2], c);
  return {};
}

Error Gru::infer(const Args& a, std::span<TensorSpec> outs) {
  const Layer l = gru(a);
  const TensorView* bias = a.optional_tensor(3);
  PF_TRY(infer_layer(l, l.state(), outs));
  if (l.state() != l.hidden() || (bias && (bias->rank() != 1 || bias->size(0) != l.width())))
    return Error::make(Code::bad_argument, "w_hh %s or its bias does not fit hx %s",
                       TypeText(l.w_hh.t).c_str(), TypeText(l.hx).c_str());
  return {};
}

size_t Gru::scratch(const Args& a) { return layer_scratch(gru(a)); }

Error Gru::reference(const Args& a, std::span<TensorView> outs) {
  const Layer l = gru(a);
  const TensorView* bias = a.optional_tensor(3);
  const int64_t n = l.hidden();
  double* const h = scratch_of(a);
  double* const from_h = h + l.batch() * l.state();
  load_state(l.hx, h);
  PF_TRY(run(l, h, from_h, outs[0], [&](int64_t, double* mine, auto gate) {
    for (int64_t j = 0; bias && j < l.width(); ++j)
      from_h[j] += load_real(*bias, j * bias->strides[0]);
    for (int64_t j = 0; j < n; ++j) {
      const double r = sigmoid(gate(j) + from_h[j]), z = sigmoid(gate(n + j) + from_h[n + j]),
                   fresh = std::tanh(gate(2 * n + j) + r * from_h[2 * n + j]);
      mine[j] = fresh + z * (mine[j] - fresh);
    }
  }));
  store_state(outs[1], h);
  return {};
}

Error Rnn::infer(const Args& a, std::span<TensorSpec> outs) {
  const Layer l = rnn(a);
  PF_TRY(infer_layer(l, l.state(), outs));
  if (l.state() != l.hidden())
    return Error::make(Code::bad_argument, "w_hh %s does not fit hx %s", TypeText(l.w_hh.t).c_str(),
                       TypeText(l.hx).c_str());
  return {};
}

size_t Rnn::scratch(const Args& a) { return layer_scratch(rnn(a)); }

Error Rnn::reference(const Args& a, std::span<TensorView> outs) {
  const Layer l = rnn(a);
  const bool relu = a.boolean(4);
  double* const h = scratch_of(a);
  double* const from_h = h + l.batch() * l.state();
  load_state(l.hx, h);
  PF_TRY(run(l, h, from_h, outs[0], [&](int64_t, double* mine, auto gate) {
    for (int64_t j = 0; j < l.width(); ++j) {
      const double x = gate(j) + from_h[j];
      mine[j] = relu ? (x < 0 ? 0 : x) : std::tanh(x);
    }
  }));
  store_state(outs[1], h);
  return {};
}

}  // namespace portfire::ops::recurrent_layer
