#include "ops/batch_norm_train.h"

#include <cmath>

#include "ops/element.h"

namespace portfire::ops::batch_norm_train {
namespace {

Error check(const TensorView& x, std::initializer_list<const TensorView*> vectors) {
  if (!is_floating(x.dtype) || x.rank() < 2) return Error::make(Code::bad_argument, "input %s (expected a floating dtype and rank 2 or more)", TypeText(x).c_str());
  for (const TensorView* v : vectors)
    if (v && (v->dtype != x.dtype || v->rank() != 1 || v->size(0) != x.size(1)))
      return Error::make(Code::bad_argument, "%s for the channels of %s", TypeText(*v).c_str(), TypeText(x).c_str());
  return {};
}
Shape channels(const TensorView& x) {
  Shape s;
  s.push(x.size(1));
  return s;
}
// One channel of x.
Shape plane(const TensorView& x) {
  Shape s = x.shape;
  s.sizes[1] = s.sizes[1] > 0 ? 1 : 0;
  return s;
}
// Element `at` of a plane, in channel c of t.
int64_t offset_of(const TensorView& t, const Index& at, int64_t c) {
  int64_t offset = c * t.strides[1];
  for (int d = 0; d < t.rank(); ++d)
    if (d != 1) offset += at[d] * t.strides[d];
  return offset;
}

}  // namespace

Error BatchNormTrain::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  PF_TRY(check(x, {a.optional_tensor(1), a.optional_tensor(2)}));
  outs[0] = {x.dtype, x.shape};
  outs[1] = outs[2] = {x.dtype, channels(x)};
  return {};
}

Error BatchNormTrain::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = outs[0];
  const TensorView *w = a.optional_tensor(1), *b = a.optional_tensor(2);
  for (int64_t c = 0; c < x.size(1); ++c) {
    double mean = 0, squares = 0, count = 0;
    for (Index at(plane(x)); at.valid(); at.next(), ++count) mean += load_real(x, offset_of(x, at, c));
    mean /= count;
    for (Index at(plane(x)); at.valid(); at.next()) squares += std::pow(load_real(x, offset_of(x, at, c)) - mean, 2);
    const double rstd = 1 / std::sqrt(squares / count + a.real(3)), by = w ? load_real(*w, c * w->strides[0]) : 1, shift = b ? load_real(*b, c * b->strides[0]) : 0;
    for (Index at(plane(x)); at.valid(); at.next()) store_real(y, offset_of(y, at, c), (load_real(x, offset_of(x, at, c)) - mean) * rstd * by + shift);
    store_real(outs[1], c * outs[1].strides[0], mean);
    store_real(outs[2], c * outs[2].strides[0], squares / count);
  }
  return {};
}

Error BatchNormBackward::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1);
  PF_TRY(check(x, {a.optional_tensor(2), &a.tensor(3), &a.tensor(4)}));
  if (grad.dtype != x.dtype || !(grad.shape == x.shape)) return Error::make(Code::bad_argument, "grad_output %s (expected %s)", TypeText(grad).c_str(), TypeText(x).c_str());
  outs[0] = {x.dtype, x.shape};
  outs[1] = outs[2] = {x.dtype, channels(x)};
  return {};
}

Error BatchNormBackward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1), &mean = a.tensor(3), &var = a.tensor(4);
  const TensorView* w = a.optional_tensor(2);
  for (int64_t c = 0; c < x.size(1); ++c) {
    const double about = load_real(mean, c * mean.strides[0]), rstd = 1 / std::sqrt(load_real(var, c * var.strides[0]) + a.real(5)), by = w ? load_real(*w, c * w->strides[0]) : 1;
    const auto d = [&](const Index& at) { return load_real(grad, offset_of(grad, at, c)); };
    const auto z = [&](const Index& at) { return (load_real(x, offset_of(x, at, c)) - about) * rstd; };
    double sum = 0, products = 0, count = 0;
    for (Index at(plane(x)); at.valid(); at.next(), ++count) {
      sum += d(at);
      products += d(at) * z(at);
    }
    for (Index at(plane(x)); at.valid(); at.next()) store_real(outs[0], offset_of(outs[0], at, c), by * rstd * (d(at) - sum / count - z(at) * products / count));
    store_real(outs[1], c * outs[1].strides[0], products);
    store_real(outs[2], c * outs[2].strides[0], sum);
  }
  return {};
}

}  // namespace portfire::ops::batch_norm_train
