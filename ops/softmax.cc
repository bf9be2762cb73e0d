#include "ops/softmax.h"

#include <cmath>
#include <limits>

#include "ops/element.h"

namespace portfire::ops::softmax {
namespace {

// Calls finish(x, max, sum of exp(x - max)) for each element.
template <class F>
Error along(const Args& a, const TensorView& out, F finish) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  Shape rows = x.shape;
  const int64_t n = x.rank() ? x.size(dim) : 1, in_step = x.rank() ? x.strides[dim] : 0,
                out_step = x.rank() ? out.strides[dim] : 0;
  if (x.rank()) rows.sizes[dim] = n ? 1 : 0;
  for (Index at(rows); at.valid(); at.next()) {
    // Index::offset takes a size of 1 as broadcast; here every dimension but `dim` is walked.
    int64_t in = 0, to = 0;
    for (int d = 0; d < x.rank(); ++d) {
      in += at[d] * x.strides[d];
      to += at[d] * out.strides[d];
    }
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < n; ++i) most = std::fmax(most, load_real(x, in + i * in_step));
    for (int64_t i = 0; i < n; ++i) sum += std::exp(load_real(x, in + i * in_step) - most);
    for (int64_t i = 0; i < n; ++i) store_real(out, to + i * out_step, finish(load_real(x, in + i * in_step), most, sum));
  }
  return {};
}

}  // namespace

Error Softmax::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  if (!is_floating(x.dtype))
    return Error::make(Code::bad_argument, "softmax of %s (expected a floating dtype)", TypeText(x).c_str());
  outs[0] = {a.boolean(2) ? DType::f32 : x.dtype, x.shape};
  return {};
}

Error Softmax::reference(const Args& a, std::span<TensorView> outs) {
  return along(a, outs[0], [](double x, double most, double sum) { return std::exp(x - most) / sum; });
}

Error LogSoftmax::reference(const Args& a, std::span<TensorView> outs) {
  return along(a, outs[0], [](double x, double most, double sum) { return x - most - std::log(sum); });
}

Error infer_backward(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &grad = a.tensor(0), &y = a.tensor(1);
  int dim;
  PF_TRY(wrap_dim(a.integer(2), y.rank(), &dim));
  if (!(grad.shape == y.shape) || grad.dtype != y.dtype || !is_floating(y.dtype))
    return Error::make(Code::bad_argument, "grad_output %s for output %s (expected one floating type)", TypeText(grad).c_str(), TypeText(y).c_str());
  const DType t = a.dtype(3, y.dtype);
  if (!is_floating(t)) return Error::make(Code::bad_argument, "input_dtype %s (expected a floating one)", name_of(t));
  outs[0] = {t, y.shape};
  return {};
}

namespace {

// Along the dimension: out = finish(grad, y, sum), sum that of part(grad, y).
template <class Part, class Finish>
Error along(const Args& a, const TensorView& out, Part part, Finish finish) {
  const TensorView &grad = a.tensor(0), &y = a.tensor(1);
  int dim;
  PF_TRY(wrap_dim(a.integer(2), y.rank(), &dim));
  Shape others = y.shape;
  const int64_t n = y.rank() ? y.size(dim) : 1;
  if (y.rank()) others.sizes[dim] = n > 0 ? 1 : 0;
  const auto step = [&](const TensorView& t) { return t.rank() ? t.strides[dim] : 0; };
  const auto start = [&](const TensorView& t, const Index& at) {
    int64_t offset = 0;
    for (int d = 0; d < t.rank(); ++d) offset += at[d] * t.strides[d];
    return offset;
  };
  for (Index at(others); at.valid(); at.next()) {
    const int64_t g0 = start(grad, at), y0 = start(y, at), out0 = start(out, at);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += part(load_real(grad, g0 + i * step(grad)), load_real(y, y0 + i * step(y)));
    for (int64_t i = 0; i < n; ++i) store_real(out, out0 + i * step(out), finish(load_real(grad, g0 + i * step(grad)), load_real(y, y0 + i * step(y)), sum));
  }
  return {};
}

}  // namespace

Error SoftmaxBackward::reference(const Args& a, std::span<TensorView> outs) {
  return along(a, outs[0], [](double g, double y) { return g * y; }, [](double g, double y, double sum) { return y * (g - sum); });
}
Error LogSoftmaxBackward::reference(const Args& a, std::span<TensorView> outs) {
  return along(a, outs[0], [](double g, double) { return g; }, [](double g, double y, double sum) { return g - std::exp(y) * sum; });
}

}  // namespace portfire::ops::softmax
