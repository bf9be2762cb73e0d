// Running sums, products and extremes. Along lines of unit or other stride one after the other; lines that lie next to
// each other go side by side.
#include <algorithm>
#include <limits>
#include <type_traits>

#include "kernels/kernel.h"
#include "kernels/pointwise/plain_loop.h"
#include "kernels/pointwise/steps.h"
#include "kernels/reduce/places.h"
#include "ops/strips.h"

namespace portfire::reduce {
namespace {

using pointwise::Class;
constexpr int64_t kStrip = static_cast<int64_t>(pointwise::kStrip);

// Elements of x as they are accumulated, T: the class of the result.
template <class T>
struct Ends {
  const TensorView &x, &y;
  pointwise::LoadFn load = pointwise::load_fn(x.dtype);
  pointwise::ConvertFn convert = nullptr;  // null: loaded is T
  pointwise::StoreFn store = pointwise::store_fn(y.dtype);

  Ends(const TensorView& in, const TensorView& out) : x(in), y(out) {
    if (pointwise::class_of(x.dtype) != pointwise::class_of(y.dtype)) convert = pointwise::convert_fn(pointwise::class_of(x.dtype), y.dtype);
  }
  void get(T* to, int64_t at, int64_t stride, int64_t n) const {
    alignas(64) std::byte loaded[kStrip * 8];
    load(convert ? static_cast<void*>(loaded) : to, x.as<std::byte>() + at * static_cast<int64_t>(byte_size(x.dtype)), stride, static_cast<size_t>(n));
    if (convert) convert(to, loaded, static_cast<size_t>(n));
  }
  void put(const T* from, int64_t at, int64_t stride, int64_t n) const {
    store(y.as<std::byte>() + at * static_cast<int64_t>(byte_size(y.dtype)), from, stride, static_cast<size_t>(n));
  }
};

struct Lines {
  bool mask[kMaxRank] = {};
  int64_t n = 1, step = 0;
  int dim = 0;
};
bool lines_of(const Operands& o, Lines* l) {
  const TensorView& x = o.in(0);
  if (x.rank() == 0 || x.numel() == 0 || ops::wrap_dim(o.args[1]->integer, x.rank(), &l->dim)) return false;
  l->mask[l->dim] = true;
  l->n = x.size(l->dim);
  l->step = x.strides[l->dim];
  return true;
}

// --- sums and products ---

// Reals in double, integers wrap.
template <class T, bool product>
[[gnu::always_inline]] inline auto joined(auto a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return product ? a * static_cast<double>(b) : a + static_cast<double>(b);
  } else {
    const auto u = static_cast<uint64_t>(a), v = static_cast<uint64_t>(b);
    return static_cast<int64_t>(product ? u * v : u + v);
  }
}

template <class T, bool product>
void run_lines(const Operands& o, const Lines& l) {
  using Wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
  const TensorView &x = o.in(0), &y = o.out(0);
  const Ends<T> ends(x, y);
  const ops::ReducedRows rows(x, l.mask);
  alignas(64) T strip[kStrip];
  if (rows.side_by_side()) {
    rows.for_each_group(y, true, [&](int64_t from, int64_t to, int64_t step, int64_t count) {
      Wide last[ops::kStrip];
      std::fill_n(last, count, Wide(product));
      for (int64_t i = 0; i < l.n; ++i) {
        ends.get(strip, from + i * l.step, 1, count);
        PF_PLAIN_LOOP
        for (int64_t c = 0; c < count; ++c) {
          last[c] = joined<T, product>(last[c], strip[c]);
          strip[c] = static_cast<T>(last[c]);
        }
        ends.put(strip, to + i * y.strides[l.dim], step, count);
      }
    });
    return;
  }
  rows.for_each(y, true, [&](int64_t from, int64_t to) {
    Wide last(product);
    for (int64_t i = 0; i < l.n; i += kStrip) {
      const int64_t count = std::min(kStrip, l.n - i);
      ends.get(strip, from + i * l.step, l.step, count);
      for (int64_t j = 0; j < count; ++j) strip[j] = static_cast<T>(last = joined<T, product>(last, strip[j]));
      ends.put(strip, to + i * y.strides[l.dim], y.strides[l.dim], count);
    }
  });
}

// What is converted to less first stays with the reference.
template <bool product>
bool prepare(const Operands& o, void*, size_t*) {
  Lines l;
  const DType x = o.in(0).dtype, y = o.out(0).dtype;
  return lines_of(o, &l) && (x == y || y == DType::i64) && !is_complex(x) && !ops::narrows(x, y) && (is_floating(x) ? x == y : y == DType::i64) &&
         x != DType::u16 && x != DType::u32 && x != DType::u64;
}
template <bool product>
Error run(const void*, const Operands& o, const KernelContext&) {
  Lines l;
  if (!lines_of(o, &l)) return {};
  switch (o.out(0).dtype) {
    case DType::f64: run_lines<double, product>(o, l); break;
    case DType::i64: run_lines<int64_t, product>(o, l); break;
    default: run_lines<float, product>(o, l);
  }
  return {};
}

// --- extremes ---

// Lines that lie next to each other, in both results too.
template <class T, bool greatest>
void run_extreme_columns(const Operands& o, const Lines& l, const ops::ReducedRows& rows) {
  const TensorView &x = o.in(0), &y = o.out(0), &places = o.out(1);
  const Ends<T> ends(x, y);
  const auto latest = place_functions<T>(greatest).latest;
  alignas(64) T strip[ops::kStrip], best[ops::kStrip];
  alignas(64) Place<T> at[ops::kStrip];
  rows.for_each_group(y, true, [&](int64_t from, int64_t to, int64_t step, int64_t count) {
    ends.get(best, from, 1, count);
    std::fill_n(at, count, Place<T>(0));
    for (int64_t i = 0; i < l.n; ++i) {
      ends.get(strip, from + i * l.step, 1, count);
      latest(best, at, strip, static_cast<size_t>(count), static_cast<Place<T>>(i));
      const int64_t row = to + i * y.strides[l.dim];
      ends.put(best, row, step, count);
      for (int64_t c = 0; c < count; ++c) places.as<int64_t>()[row + c * step] = at[c];
    }
  });
}

// Where nothing in a block is a new extreme, which few are in most lines, it is filled.
template <class T, bool greatest>
void run_extremes(const Operands& o, const Lines& l) {
  constexpr int64_t kBlock = 32;
  const TensorView &x = o.in(0), &y = o.out(0), &places = o.out(1);
  const ops::ReducedRows rows(x, l.mask);
  if constexpr (sizeof(T) >= 4)
    if (rows.side_by_side() && std::equal(y.strides, y.strides + y.rank(), places.strides) && l.n <= std::numeric_limits<int32_t>::max())
      return run_extreme_columns<T, greatest>(o, l, rows);
  const Ends<T> ends(x, y);
  const TensorView outs[] = {y, places};
  const int64_t step = places.strides[l.dim];
  alignas(64) T strip[kStrip];
  rows.for_each(std::span(outs), true, [&](int64_t from, const int64_t* to) {
    T best{};
    int64_t at = 0;
    int64_t* place = places.as<int64_t>() + to[1];
    for (int64_t i = 0; i < l.n; i += kStrip) {
      const int64_t count = std::min(kStrip, l.n - i);
      ends.get(strip, from + i * l.step, l.step, count);
      if (i == 0) best = strip[0];
      for (int64_t b = 0; b < count; b += kBlock) {
        T* v = strip + b;
        const int64_t n = std::min(kBlock, count - b);
        int any = best != best || n < kBlock;
        if (!any)
          for (int64_t j = 0; j < kBlock; ++j) any |= !(greatest ? v[j] < best : v[j] > best);
        if (any) {
          for (int64_t j = 0; j < n; ++j) {
            // The last of equals; NaN stays.
            const bool takes = (v[j] != v[j]) | ((best == best) & (greatest ? v[j] >= best : v[j] <= best));
            best = takes ? v[j] : best;
            at = takes ? i + b + j : at;
            v[j] = best;
            place[j * step] = at;
          }
        } else {
          std::fill_n(v, kBlock, best);
          for (int64_t j = 0; j < kBlock; ++j) place[j * step] = at;
        }
        place += n * step;
      }
      ends.put(strip, to[0] + i * y.strides[l.dim], y.strides[l.dim], count);
    }
  });
}

bool prepare_extremes(const Operands& o, void*, size_t*) {
  Lines l;
  const DType t = o.in(0).dtype;
  return lines_of(o, &l) && !is_complex(t) && o.out(0).dtype == t && o.out(1).dtype == DType::i64 && t != DType::u16 && t != DType::u32 && t != DType::u64;
}
template <bool greatest>
Error run_extremes(const void*, const Operands& o, const KernelContext&) {
  Lines l;
  if (!lines_of(o, &l)) return {};
  switch (pointwise::class_of(o.in(0).dtype)) {
    case Class::f32: run_extremes<float, greatest>(o, l); break;
    case Class::f64: run_extremes<double, greatest>(o, l); break;
    case Class::i64: run_extremes<int64_t, greatest>(o, l); break;
    case Class::i32: run_extremes<int32_t, greatest>(o, l); break;
    case Class::i8: run_extremes<int8_t, greatest>(o, l); break;
    case Class::u8: run_extremes<uint8_t, greatest>(o, l); break;
  }
  return {};
}

}  // namespace

extern const Kernel kCumsum, kCumprod, kCummax, kCummin;
const Kernel kCumsum = {"aten::cumsum", 0, prepare<false>, run<false>};
const Kernel kCumprod = {"aten::cumprod", 0, prepare<true>, run<true>};
const Kernel kCummax = {"aten::cummax", 0, prepare_extremes, run_extremes<true>};
const Kernel kCummin = {"aten::cummin", 0, prepare_extremes, run_extremes<false>};

}  // namespace portfire::reduce
