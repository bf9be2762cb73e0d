#include "ops/reduce.h"

#include <functional>
#include <limits>

#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::ops::reduce {
namespace {

DType sum_dtype(const Args& a, size_t arg) {
  const DType t = a.tensor(0).dtype;
  return a.dtype(arg, is_integral(t) || t == DType::boolean ? DType::i64 : t);
}

Error infer_dims(const Args& a, DType dtype, std::span<const int64_t> dims, bool keepdim, TensorSpec& out) {
  bool mask[kMaxRank];
  PF_TRY(dim_mask(dims, a.tensor(0).rank(), mask));
  out = {dtype, reduced(a.tensor(0).shape, mask, keepdim)};
  return {};
}

// Several sums at a time: one would wait for each addition before the next.
template <class T, class Step>
T fold_strip(const T* v, int64_t n, T total, Step step) {
  constexpr int64_t kLanes = 8;
  int64_t i = 0;
  if (n >= 2 * kLanes) {
    T lanes[kLanes];
    for (; i < kLanes; ++i) lanes[i] = v[i];
    for (; i + kLanes <= n; i += kLanes)
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] = step(lanes[l], v[i + l]);
    for (T lane : lanes) total = step(total, lane);
  }
  for (; i < n; ++i) total = step(total, v[i]);
  return total;
}

// out = finish(step over all map(x_j) from start), each x_j converted to `dtype` and then the wide type
// T, in any order.
template <class T, class Step, class Finish, class Map = std::identity>
void fold(const TensorView& x, DType dtype, const TensorView& out, const bool* mask, bool keepdim, T start, Step step,
          Finish finish, Map map = {}) {
  const ReducedRows rows(x, mask);
  const bool converts = narrows(x.dtype, dtype);
  const auto convert = [&](T* v, int64_t n) {
    if (converts)
      for (int64_t i = 0; i < n; ++i) v[i] = rounded(dtype, v[i]);
    for (int64_t i = 0; i < n; ++i) v[i] = map(v[i]);
  };
  if (rows.side_by_side()) {
    rows.for_each_group(out, keepdim, [&](int64_t from, int64_t to, int64_t to_step, int64_t count) {
      T totals[kStrip];
      for (int64_t i = 0; i < count; ++i) totals[i] = start;
      rows.across<T>(x, from, count, [&](T* v) {
        convert(v, count);
        for (int64_t i = 0; i < count; ++i) totals[i] = step(totals[i], v[i]);
      });
      for (int64_t i = 0; i < count; ++i) totals[i] = finish(totals[i]);
      store(out, to, to_step, count, totals);
    });
    return;
  }
  rows.for_each(out, keepdim, [&](int64_t from, int64_t to) {
    T total = start;
    rows.strips<T>(x, from, [&](T* v, int64_t n) {
      convert(v, n);
      total = fold_strip(v, n, total, step);
    });
    store_one(out, to, finish(total));
  });
}

template <class Map>
Error add_mapped(const Args& a, const TensorView& out, Map map) {
  bool mask[kMaxRank];
  PF_TRY(dim_mask(a.ints(1), a.tensor(0).rank(), mask));
  fold(a.tensor(0), out.dtype, out, mask, a.boolean(2), 0.0, std::plus(), std::identity(), map);
  return {};
}

Error add_up(const Args& a, const TensorView& out, bool divide) {
  const TensorView& x = a.tensor(0);
  bool mask[kMaxRank];
  PF_TRY(dim_mask(a.ints(1), x.rank(), mask));
  const double n = divide ? static_cast<double>(ReducedRows(x, mask).row_length()) : 1;
  with_wide(out.dtype, [&]<class T>(T zero) {
    fold(x, out.dtype, out, mask, a.boolean(2), zero, [](T t, T v) { return wrapping_add(t, v); },
         [&](T total) { return divide ? static_cast<T>(total / static_cast<T>(n)) : total; });
  });
  return {};
}

void multiply_up(const TensorView& x, const TensorView& out, const bool* mask, bool keepdim) {
  with_wide(out.dtype, [&]<class T>(T) {
    fold(x, out.dtype, out, mask, keepdim, T(1), [](T t, T v) { return wrapping_multiply(t, v); },
         [](T t) { return t; });
  });
}

template <bool greatest>
Error extreme(const Args& a, const TensorView& out) {
  const TensorView& x = a.tensor(0);
  bool mask[kMaxRank];
  PF_TRY(dim_mask(a.ints(1), x.rank(), mask));
  const auto same = [](auto t) { return t; };
  if (is_floating(x.dtype)) {
    const double worst = (greatest ? -1 : 1) * std::numeric_limits<double>::infinity();
    fold(x, x.dtype, out, mask, a.boolean(2), worst,
         [](double t, double v) { return (greatest ? v > t : v < t) || v != v ? v : t; }, same);
  } else {
    const int64_t worst = greatest ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
    fold(x, x.dtype, out, mask, a.boolean(2), worst,
         [](int64_t t, int64_t v) { return (greatest ? v > t : v < t) ? v : t; }, same);
  }
  return {};
}

// [] reduces nothing, unlike None.
Error predicate_mask(const Args& a, bool* mask) {
  const int rank = a.tensor(0).rank();
  if (!a.none(1) && a.ints(1).empty()) {
    for (int d = 0; d < rank; ++d) mask[d] = false;
    return {};
  }
  return dim_mask(a.ints(1), rank, mask);
}

template <bool any>
Error test(const Args& a, const TensorView& out) {
  const TensorView& x = a.tensor(0);
  bool mask[kMaxRank];
  PF_TRY(predicate_mask(a, mask));
  const ReducedRows rows(x, mask);
  with_wide(x.dtype, [&]<class T>(T zero) {
    rows.for_each(out, a.boolean(2), [&](int64_t from, int64_t to) {
      bool found = false;  // what decides: a true element for any, a false one for all
      rows.strips<T>(x, from, [&](const T* v, int64_t n) {
        for (int64_t i = 0; i < n && !found; ++i) found = (v[i] != zero) == any;
      });
      store_one(out, to, static_cast<int64_t>(found == any));
    });
  });
  return {};
}

}  // namespace

Error Sum::infer(const Args& a, std::span<TensorSpec> outs) {
  return infer_dims(a, sum_dtype(a, 3), a.ints(1), a.boolean(2), outs[0]);
}
Error Sum::reference(const Args& a, std::span<TensorView> outs) { return add_up(a, outs[0], false); }

Error SumSquares::reference(const Args& a, std::span<TensorView> outs) {
  return add_mapped(a, outs[0], [](double v) { return v * v; });
}
Error SumNumbers::reference(const Args& a, std::span<TensorView> outs) {
  return add_mapped(a, outs[0], [](double v) { return v != v ? 0 : v; });
}

Error Mean::infer(const Args& a, std::span<TensorSpec> outs) {
  const DType dtype = a.dtype(3, a.tensor(0).dtype);
  if (!is_floating(dtype) && !is_complex(dtype))
    return Error::make(Code::bad_argument, "mean in %s (expected a floating dtype)", name_of(dtype));
  return infer_dims(a, dtype, a.ints(1), a.boolean(2), outs[0]);
}
Error Mean::reference(const Args& a, std::span<TensorView> outs) { return add_up(a, outs[0], true); }

Error Prod::infer(const Args& a, std::span<TensorSpec> outs) {
  return infer_dims(a, sum_dtype(a, 1), {}, false, outs[0]);
}
Error Prod::reference(const Args& a, std::span<TensorView> outs) {
  bool mask[kMaxRank];
  PF_TRY(dim_mask({}, a.tensor(0).rank(), mask));
  multiply_up(a.tensor(0), outs[0], mask, false);
  return {};
}
Error ProdDim::infer(const Args& a, std::span<TensorSpec> outs) {
  const int64_t dim = a.integer(1);
  return infer_dims(a, sum_dtype(a, 3), {&dim, 1}, a.boolean(2), outs[0]);
}
Error ProdDim::reference(const Args& a, std::span<TensorView> outs) {
  const int64_t dim = a.integer(1);
  bool mask[kMaxRank];
  PF_TRY(dim_mask({&dim, 1}, a.tensor(0).rank(), mask));
  multiply_up(a.tensor(0), outs[0], mask, a.boolean(2));
  return {};
}

Error Amax::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  if (is_complex(x.dtype)) return Error::make(Code::bad_argument, "order of %s", TypeText(x).c_str());
  PF_TRY(infer_dims(a, x.dtype, a.ints(1), a.boolean(2), outs[0]));
  if (x.numel() == 0 && outs[0].shape.numel() != 0)
    return Error::make(Code::bad_argument, "no element to choose from in %s", TypeText(x).c_str());
  return {};
}
Error Amax::reference(const Args& a, std::span<TensorView> outs) { return extreme<true>(a, outs[0]); }
Error Amin::reference(const Args& a, std::span<TensorView> outs) { return extreme<false>(a, outs[0]); }

Error Any::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  bool mask[kMaxRank];
  PF_TRY(predicate_mask(a, mask));
  outs[0] = {x.dtype == DType::u8 ? DType::u8 : DType::boolean, reduced(x.shape, mask, a.boolean(2))};
  return {};
}
Error Any::reference(const Args& a, std::span<TensorView> outs) { return test<true>(a, outs[0]); }
Error All::reference(const Args& a, std::span<TensorView> outs) { return test<false>(a, outs[0]); }

Error Var::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  if (!is_floating(x.dtype) && !is_complex(x.dtype))
    return Error::make(Code::bad_argument, "var of %s (expected a floating dtype)", TypeText(x).c_str());
  return infer_dims(a, real_of(x.dtype), a.ints(1), a.boolean(3), outs[0]);
}
Error Var::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &out = outs[0];
  bool mask[kMaxRank];
  PF_TRY(dim_mask(a.ints(1), x.rank(), mask));
  const ReducedRows rows(x, mask);
  const double n = static_cast<double>(rows.row_length()), divisor = n - a.real(2, 1);
  with_wide(x.dtype, [&]<class T>(T zero) {
    rows.for_each(out, a.boolean(3), [&](int64_t from, int64_t to) {
      T sum = zero;
      rows.strips<T>(x, from, [&](const T* v, int64_t count) {
        for (int64_t i = 0; i < count; ++i) sum += v[i];
      });
      const T mean = sum / static_cast<T>(n);
      double squares = 0;
      rows.strips<T>(x, from, [&](const T* v, int64_t count) {
        for (int64_t i = 0; i < count; ++i) squares += std::norm(v[i] - mean);
      });
      store_one(out, to, squares / (divisor > 0 ? divisor : 0));
    });
  });
  return {};
}

}  // namespace portfire::ops::reduce
