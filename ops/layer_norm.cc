#include "ops/layer_norm.h"

#include <cmath>
#include <limits>

#include "ops/reader.h"

namespace portfire::ops::layer_norm {
namespace {

Error check(const Args& a, const TensorView* weight, const TensorView* bias) {
  const TensorView& x = a.tensor(0);
  const auto shape = a.ints(1);
  const int items = static_cast<int>(shape.size()), outer = x.rank() - items;
  if (!is_floating(x.dtype))
    return Error::make(Code::bad_argument, "input %s (expected a floating dtype)",
                       TypeText(x).c_str());
  if (items < 1 || outer < 0)
    return Error::make(Code::bad_argument, "normalized_shape of %d items for %s", items,
                       TypeText(x).c_str());
  for (int d = 0; d < items; ++d) {
    if (shape[d] != x.size(outer + d))
      return Error::make(Code::bad_argument,
                         "normalized_shape has %lld at %d (expected that of %s)",
                         static_cast<long long>(shape[d]), d, TypeText(x).c_str());
    for (const TensorView* p : {weight, bias})
      if (p && (p->rank() != items || p->size(d) != shape[d]))
        return Error::make(Code::bad_argument, "weight or bias %s (expected normalized_shape)",
                           TypeText(*p).c_str());
  }
  return {};
}

TensorSpec statistics(const Args& a, DType dtype) {
  const TensorView& x = a.tensor(0);
  Shape s = x.shape;
  for (int d = x.rank() - static_cast<int>(a.ints(1).size()); d < x.rank(); ++d) s.sizes[d] = 1;
  return {dtype, s};
}

// y = (x - mean) * rstd * w + b, row by row; `centred` says whether the mean is taken off.
void normalise(const Args& a, const TensorView* weight, const TensorView* bias, double eps,
               bool centred, const TensorView& y, const TensorView* mean_out,
               const TensorView* rstd_out) {
  const TensorView& x = a.tensor(0);
  const int outer = x.rank() - static_cast<int>(a.ints(1).size());
  const int64_t rows = leading_count(x, outer);
  for (int64_t r = 0; r < rows; ++r) {
    const TensorView row = item(x, outer, r), to = item(y, outer, r);
    const TensorView& w = weight ? *weight : row;
    const TensorView& b = bias ? *bias : row;
    with_reader(x.dtype, [&](auto type) {
      const typename decltype(type)::type in(row);
      const double count = static_cast<double>(row.numel());
      double mean = 0, square = 0;
      if (centred) walk([&](const int64_t* at) { mean += static_cast<double>(in[at[0]]); }, row);
      mean /= count;
      walk(
          [&](const int64_t* at) {
            const double d = static_cast<double>(in[at[0]]) - (centred ? mean : 0);
            square += d * d;
          },
          row);
      const double rstd = 1 / std::sqrt(square / count + eps);
      walk(
          [&](const int64_t* at) {
            double v = (static_cast<double>(in[at[0]]) - (centred ? mean : 0)) * rstd;
            if (weight) v *= load_real(w, at[2]);
            if (bias) v += load_real(b, at[3]);
            store_sum(to, at[1], v);
          },
          row, to, w, b);
      if (mean_out) store_real(*mean_out, leading_offset(*mean_out, outer, r), mean);
      if (rstd_out) store_real(*rstd_out, leading_offset(*rstd_out, outer, r), rstd);
    });
  }
}

double rms_eps(const Args& a, int i) {
  return a.real(i, a.tensor(0).dtype == DType::f64 ? std::numeric_limits<double>::epsilon()
                                                   : std::numeric_limits<float>::epsilon());
}

}  // namespace

Error LayerNorm::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(check(a, a.optional_tensor(2), a.optional_tensor(3)));
  outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
  return {};
}
Error LayerNorm::reference(const Args& a, std::span<TensorView> outs) {
  normalise(a, a.optional_tensor(2), a.optional_tensor(3), a.real(4), true, outs[0], nullptr,
            nullptr);
  return {};
}

Error NativeLayerNorm::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(LayerNorm::infer(a, outs));
  const TensorView* p = a.none(2) ? a.optional_tensor(3) : a.optional_tensor(2);
  outs[1] = outs[2] = statistics(a, p ? p->dtype : a.tensor(0).dtype);
  return {};
}
Error NativeLayerNorm::reference(const Args& a, std::span<TensorView> outs) {
  normalise(a, a.optional_tensor(2), a.optional_tensor(3), a.real(4), true, outs[0], &outs[1],
            &outs[2]);
  return {};
}

Error RmsNorm::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(check(a, a.optional_tensor(2), nullptr));
  outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
  return {};
}
Error RmsNorm::reference(const Args& a, std::span<TensorView> outs) {
  normalise(a, a.optional_tensor(2), nullptr, rms_eps(a, 3), false, outs[0], nullptr, nullptr);
  return {};
}

Error FusedRmsNorm::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(RmsNorm::infer(a, outs));
  outs[1] = statistics(a, a.tensor(0).dtype == DType::f64 ? DType::f64 : DType::f32);
  return {};
}
Error FusedRmsNorm::reference(const Args& a, std::span<TensorView> outs) {
  normalise(a, a.optional_tensor(2), nullptr, rms_eps(a, 3), false, outs[0], nullptr, &outs[1]);
  return {};
}

// grad_out, input, normalized_shape, mean, rstd, weight, bias, output_mask
Error NativeLayerNormBackward::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(1);
  const TensorView* weight = a.optional_tensor(5);
  const Value* forward[] = {&a[1], &a[2], &a[5], &a[6]};
  PF_TRY(check(Args(forward, a.context()), weight, a.optional_tensor(6)));
  if (!(a.tensor(0).shape == x.shape) || !is_floating(a.tensor(0).dtype))
    return Error::make(Code::bad_argument, "grad_out %s (expected that of %s)", TypeText(a.tensor(0)).c_str(), TypeText(x).c_str());
  const TensorSpec moments = statistics(Args(forward, a.context()), x.dtype);
  for (size_t i : {3, 4})
    if (a.tensor(i).shape.numel() != moments.shape.numel() || !is_floating(a.tensor(i).dtype))
      return Error::make(Code::bad_argument, "mean or rstd %s (expected %s)", TypeText(a.tensor(i)).c_str(), TypeText(moments.dtype, moments.shape).c_str());
  const auto mask = a.booleans(7);
  if (mask.size() != 3) return Error::make(Code::bad_argument, "output_mask of %zu items (expected 3)", mask.size());
  Shape none, row;
  none.push(0);
  for (int64_t n : a.ints(2)) row.push(n);
  const DType t = weight ? weight->dtype : x.dtype;
  outs[0] = {x.dtype, mask[0] ? x.shape : none};
  outs[1] = {t, mask[1] && weight ? row : none};
  outs[2] = {t, mask[2] ? row : none};
  return {};
}
Error NativeLayerNormBackward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1), &mean = a.tensor(3), &rstd = a.tensor(4);
  const TensorView* weight = a.optional_tensor(5);
  const int outer = x.rank() - static_cast<int>(a.ints(2).size());
  const int64_t rows = leading_count(x, outer);
  const auto mask = a.booleans(7);
  Shape row;
  for (int64_t n : a.ints(2)) row.push(n);
  const auto moment = [&](const TensorView& t, int64_t r) { return load_real(t, leading_offset(t, t.rank(), r)); };
  // Of row r at `at`: z, and the gradient of z.
  const auto z_of = [&](int64_t r, const Index& at) {
    const TensorView from = item(x, outer, r);
    return (load_real(from, at.offset(from)) - moment(mean, r)) * moment(rstd, r);
  };
  const auto grad_of = [&](int64_t r, const Index& at) {
    const TensorView from = item(grad, outer, r);
    return load_real(from, at.offset(from));
  };
  const auto h_of = [&](int64_t r, const Index& at) { return grad_of(r, at) * (weight ? load_real(*weight, at.offset(*weight)) : 1); };
  for (int64_t r = 0; r < rows && mask[0]; ++r) {
    double sum = 0, products = 0;
    for (Index at(row); at.valid(); at.next()) {
      sum += h_of(r, at);
      products += h_of(r, at) * z_of(r, at);
    }
    const TensorView to = item(outs[0], outer, r);
    const auto n = static_cast<double>(row.numel());
    for (Index at(row); at.valid(); at.next()) store_real(to, at.offset(to), moment(rstd, r) * (h_of(r, at) - sum / n - z_of(r, at) * products / n));
  }
  for (Index at(row); at.valid(); at.next()) {
    double dweight = 0, dbias = 0;
    for (int64_t r = 0; r < rows; ++r) {
      dweight += grad_of(r, at) * z_of(r, at);
      dbias += grad_of(r, at);
    }
    if (mask[1] && weight) store_real(outs[1], at.offset(outs[1]), dweight);
    if (mask[2]) store_real(outs[2], at.offset(outs[2]), dbias);
  }
  return {};
}

}  // namespace portfire::ops::layer_norm
