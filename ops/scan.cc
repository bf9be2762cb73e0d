#include "ops/scan.h"

#include <cmath>
#include <limits>

#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::ops::scan {
namespace {

// Calls line(offset in x, offsets in outs) for each line along `dim`; tells its length and steps.
struct Lines {
  bool mask[kMaxRank] = {};
  int64_t n = 1, step = 0, out_step[2] = {};
};
Error lines_of(const Args& a, std::span<TensorView> outs, Lines* lines) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  if (x.rank() == 0) return {};
  lines->mask[dim] = true;
  lines->n = x.size(dim);
  lines->step = x.strides[dim];
  for (size_t o = 0; o < outs.size(); ++o) lines->out_step[o] = outs[o].strides[dim];
  return {};
}

// y_i = step(y_{i-1}, x_i) from start, each x_i converted to the dtype of y first.
template <class T, class Step>
Error scan(const Args& a, std::span<TensorView> outs, T start, Step step) {
  const TensorView& x = a.tensor(0);
  const DType dtype = outs[0].dtype;
  const bool converts = narrows(x.dtype, dtype);
  Lines l;
  PF_TRY(lines_of(a, outs, &l));
  ReducedRows(x, l.mask).for_each(outs[0], true, [&](int64_t from, int64_t to) {
    T last = start, buffer[kStrip];
    for (int64_t i = 0; i < l.n; i += kStrip) {
      const int64_t count = l.n - i < kStrip ? l.n - i : kStrip;
      load(x, from + i * l.step, l.step, count, buffer);
      if (converts)
        for (int64_t j = 0; j < count; ++j) buffer[j] = rounded(dtype, buffer[j]);
      for (int64_t j = 0; j < count; ++j) buffer[j] = last = step(last, buffer[j]);
      store(outs[0], to + i * l.out_step[0], l.out_step[0], count, buffer);
    }
  });
  return {};
}

template <bool greatest>
Error running_extreme(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  Lines l;
  PF_TRY(lines_of(a, outs, &l));
  with_wide(x.dtype, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, Complex>) {
      ReducedRows(x, l.mask).for_each(outs, true, [&](int64_t from, const int64_t* to) {
        T best{};
        int64_t best_at = 0;
        for (int64_t i = 0; i < l.n; ++i) {
          T v;
          load(x, from + i * l.step, 1, 1, &v);
          if (i == 0 || v != v || (best == best && (greatest ? v >= best : v <= best))) {
            best = v;
            best_at = i;
          }
          store_one(outs[0], to[0] + i * l.out_step[0], best);
          store_one(outs[1], to[1] + i * l.out_step[1], best_at);
        }
      });
    }
  });
  return {};
}

}  // namespace

Error Cumsum::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  const bool whole = is_integral(x.dtype) || x.dtype == DType::boolean;
  outs[0] = {a.dtype(2, whole ? DType::i64 : x.dtype), x.shape};
  return {};
}
Error Cumsum::reference(const Args& a, std::span<TensorView> outs) {
  return with_wide(outs[0].dtype,
                   [&]<class T>(T) { return scan(a, outs, T(0), [](T sum, T v) { return wrapping_add(sum, v); }); });
}
Error Cumprod::reference(const Args& a, std::span<TensorView> outs) {
  return with_wide(outs[0].dtype, [&]<class T>(T) {
    return scan(a, outs, T(1), [](T product, T v) { return wrapping_multiply(product, v); });
  });
}

Error Cummax::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  if (is_complex(x.dtype)) return Error::make(Code::bad_argument, "order of %s", TypeText(x).c_str());
  outs[0] = {x.dtype, x.shape};
  outs[1] = {DType::i64, x.shape};
  return {};
}
Error Cummax::reference(const Args& a, std::span<TensorView> outs) { return running_extreme<true>(a, outs); }
Error Cummin::reference(const Args& a, std::span<TensorView> outs) { return running_extreme<false>(a, outs); }

Error Logcumsumexp::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  if (!is_floating(x.dtype))
    return Error::make(Code::bad_argument, "logcumsumexp of %s (expected a floating dtype)", TypeText(x).c_str());
  outs[0] = {x.dtype, x.shape};
  return {};
}
Error Logcumsumexp::reference(const Args& a, std::span<TensorView> outs) {
  return scan(a, outs, -std::numeric_limits<double>::infinity(), [](double sum, double v) {
    if (sum != sum || v != v) return std::numeric_limits<double>::quiet_NaN();
    const double high = sum > v ? sum : v, low = sum > v ? v : sum;
    return std::isinf(high) ? high : high + std::log1p(std::exp(low - high));
  });
}

}  // namespace portfire::ops::scan
