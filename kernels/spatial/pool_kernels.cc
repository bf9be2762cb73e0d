// Pooling by maximum and by mean over 1 to 3 dimensions, with windows or adaptive, channels first. A window is a
// product of ranges: rows of the input that it covers are folded into one, side by side, then that row's
// windows. Where places of maxima are asked for they go along: among equals the first in memory is taken, among
// NaN the last, as the reference meets them.
#include <algorithm>
#include <limits>
#include <new>

#include "kernels/kernel.h"
#include "kernels/pointwise/plain_loop.h"
#include "kernels/spatial/pool_rows.h"
#include "kernels/spatial/rows_of_planes.h"
#include "kernels/spatial/small_window.h"
#include "ops/avg_pool.h"
#include "ops/element.h"
#include "ops/max_pool.h"

namespace portfire::spatial {
namespace {

using ops::Range;

enum class Kind : uint8_t { maximum, mean };

struct Plan {
  int spatial;
  bool adaptive = false, places = false;
  ops::avg_pool::Pool pool;  // of a maximum only the window
  TensorView x, y, index;

  Range range(int d, int64_t o) const {
    return adaptive ? ops::adaptive_range(o, x.size(2 + d), y.size(2 + d)) : pool.window.range(d, o, x.size(2 + d));
  }
  int64_t extent(int d, int64_t o, const Range& covered) const {
    return adaptive ? covered.end - covered.begin : pool.extent(d, o, covered);
  }
};

// NaN goes through.
template <class T>
[[gnu::always_inline]] inline T larger(T a, T b) { return (b > a) | (b != b) ? b : a; }

template <class T>
struct Row {
  T* values;
  Number<T>* places;  // the row of each value; null: not asked for
  T* loaded;
  T* out;
};

template <class T, Kind kind>
class Run {
 public:
  Run(const Plan& p, size_t threads, const KernelContext& context)
      : p_(p), pool_(context.pool), in_(p.x.size(4)), out_(p.y.size(4)), source_(p.x), sink_(p.y) {
    begin_ = reinterpret_cast<int64_t*>(context.scratch.data());
    end_ = begin_ + padded(out_);
    extent_ = end_ + padded(out_);
    memory_ = reinterpret_cast<std::byte*>(extent_ + padded(out_));
    (void)threads;
    for (int64_t o = 0; o < out_; ++o) {
      const Range r = p.range(2, o);
      begin_[o] = r.begin;
      end_[o] = r.end;
      extent_[o] = kind == Kind::mean ? p.extent(2, o, r) : 0;
    }
  }
  static size_t thread_bytes(const Plan& p) {
    return static_cast<size_t>(2 * padded(p.x.size(4)) + padded(p.y.size(4))) * sizeof(T) + (p.places ? static_cast<size_t>(padded(p.x.size(4))) * sizeof(T) : 0);
  }
  static size_t scratch_bytes(const Plan& p, size_t threads) { return static_cast<size_t>(padded(p.y.size(4))) * 24 + threads * thread_bytes(p); }

  void run() {
    if (kind == Kind::maximum && !p_.adaptive && is_small()) return run_small();
    for_rows(p_.y, in_ * 2, pool_, [&](int64_t plane, int64_t d, int64_t h, size_t worker) {
      std::byte* memory = memory_ + worker * thread_bytes(p_);
      Row<T> row{reinterpret_cast<T*>(memory), nullptr, nullptr, nullptr};
      row.loaded = row.values + padded(in_);
      row.out = sink_.row(plane, d, h, row.loaded + padded(in_));
      if (p_.places) row.places = reinterpret_cast<Number<T>*>(memory + (2 * padded(in_) + padded(out_)) * static_cast<int64_t>(sizeof(T)));
      const Range deep = p_.range(0, d), high = p_.range(1, h);
      const T* folded = fold_rows(plane, deep, high, row);
      if constexpr (kind == Kind::mean) {
        const int64_t outer = p_.adaptive || !p_.pool.divisor ? p_.extent(0, d, deep) * p_.extent(1, h, high) : 0;
        means(folded, outer, row.out);
      } else if (p_.places) {
        maxima_with_places(plane, d, h, folded, row);
      } else {
        maxima(plane, folded, row);
      }
      sink_.done(plane, d, h, row.out);
    });
  }

 private:
  // Small planes whose windows are small, in memory as they should be: to fold rows costs more than to look at each element.
  static constexpr int64_t kSmallRow = 64, kSmallWindow = 32;
  bool is_small() const {
    const int64_t* kernel = p_.pool.window.kernel;
    return in_ <= kSmallRow && p_.y.size(3) <= kSmallRow && kernel[0] * kernel[1] * kernel[2] <= kSmallWindow && source_.direct && sink_.direct;
  }
  // Plane by plane.
  void run_small() {
    const int64_t planes = p_.y.size(0) * p_.y.size(1), rows = p_.y.size(2) * p_.y.size(3), threads = pool_ ? static_cast<int64_t>(pool_->threads()) : 1;
    const int64_t tasks = std::clamp<int64_t>(planes * rows * out_ >> 13, 1, std::min(planes, threads * 4));
    Range high[kSmallRow];
    for (int64_t h = 0; h < p_.y.size(3); ++h) high[h] = p_.range(1, h);
    parallel(pool_, static_cast<size_t>(planes > 0 ? tasks : 0), [&](size_t t, size_t) {
      for (int64_t plane = planes * static_cast<int64_t>(t) / tasks; plane < planes * static_cast<int64_t>(t + 1) / tasks; ++plane) {
        const T* const x = source_.row(plane, 0, 0, nullptr);
        T* const out = sink_.row(plane, 0, 0, nullptr);
        int64_t* const places = p_.places ? index_row(plane, 0, 0) : nullptr;
        for (int64_t d = 0; d < p_.y.size(2); ++d) {
          const Range deep = p_.range(0, d);
          for (int64_t h = 0; h < p_.y.size(3); ++h)
            small_row(x, deep, high[h], out + d * p_.y.strides[2] + h * p_.y.strides[3], places ? places + d * p_.index.strides[2] + h * p_.index.strides[3] : nullptr);
        }
      }
    });
  }
  // The windows of one row of results: `places` may be null.
  void small_row(const T* x, const Range& deep, const Range& high, T* out, int64_t* places) const {
    const int64_t step = p_.pool.window.dilation[2], across = p_.places ? p_.index.strides[4] : 0;
    const T* lines[kSmallWindow];
    int64_t firsts[kSmallWindow], count = 0;
    for (int64_t i = deep.begin; i < deep.end; i += deep.step)
      for (int64_t j = high.begin; j < high.end; j += high.step) {
        lines[count] = x + i * p_.x.strides[2] + j * p_.x.strides[3];
        firsts[count++] = (i * p_.x.size(3) + j) * in_;
      }
    // Windows of the usual sizes, inside the plane.
    int64_t low = 0, past = 0;
    const int64_t wide = p_.pool.window.kernel[2];
    if (count == wide && (wide == 2 || wide == 3)) inside(&low, &past, wide);
    const auto usual = [&](auto side) {
      for (int64_t o = low; o < past; ++o) small_window(lines, firsts, side, begin_[o], side, step, out + o, places ? places + o * across : nullptr);
    };
    wide == 2 ? usual(std::integral_constant<int64_t, 2>()) : usual(std::integral_constant<int64_t, 3>());
    for (int64_t o = 0; o < out_; ++o) {
      if (o == low && low < past) o = past;
      if (o == out_) break;
      const int64_t begin = begin_[o], end = end_[o];
      if (count == 0 || begin >= end) {
        out[o] = x[0];
        if (places) places[o * across] = -1;
        continue;
      }
      small_window(lines, firsts, count, begin, (end - begin + step - 1) / step, step, out + o, places ? places + o * across : nullptr);
    }
  }
  int64_t* index_row(int64_t plane, int64_t d, int64_t h) const {
    const TensorView& index = p_.index;
    return index.as<int64_t>() + plane / index.size(1) * index.strides[0] + plane % index.size(1) * index.strides[1] + d * index.strides[2] + h * index.strides[3];
  }

  // The rows that a window covers as one; null: none.
  const T* fold_rows(int64_t plane, const Range& deep, const Range& high, Row<T>& row) const {
    const T* folded = nullptr;
    for (int64_t i = deep.begin; i < deep.end; i += deep.step)
      for (int64_t j = high.begin; j < high.end; j += high.step) {
        const T* x = source_.row(plane, i, j, row.loaded);
        const auto number = static_cast<Number<T>>(i * p_.x.size(3) + j);
        if (!folded) {
          folded = x;
          if (x == row.loaded) {
            std::swap(row.loaded, row.values);
            folded = row.values;
          }
          if (row.places) std::fill_n(row.places, in_, number);
          continue;
        }
        T* const to = row.values;
        if (kind == Kind::mean) {
          PF_PLAIN_LOOP
          for (int64_t k = 0; k < in_; ++k) to[k] = folded[k] + x[k];
        } else if (!row.places) {
          fold_.values(to, folded, x, in_);
        } else {
          fold_.with_places(to, row.places, folded, x, number, in_);
        }
        folded = to;
      }
    return folded;
  }

  // Outputs [low, high) whose windows of `n` lie inside.
  void inside(int64_t* low, int64_t* high, int64_t n) const {
    const auto& w = p_.pool.window;
    *low = p_.adaptive ? 0 : std::min(out_, (w.padding[2] + w.stride[2] - 1) / w.stride[2]);
    const int64_t room = in_ - 1 - (n - 1) * w.dilation[2] + w.padding[2];
    *high = p_.adaptive || room < 0 ? *low : std::clamp(room / w.stride[2] + 1, *low, out_);
  }

  void means(const T* x, int64_t outer, T* out) const {
    for (int64_t o = 0; o < out_; ++o) {
      double sum = 0;
      for (int64_t k = begin_[o]; x && k < end_[o]; ++k) sum += static_cast<double>(x[k]);
      const int64_t divisor = !p_.adaptive && p_.pool.divisor ? p_.pool.divisor : outer * extent_[o];
      out[o] = static_cast<T>(sum / static_cast<double>(divisor));
    }
  }

  // What the reference gives for a window of nothing.
  T nothing(int64_t plane, T* buffer) const { return source_.row(plane, 0, 0, buffer)[0]; }

  void maxima(int64_t plane, const T* x, Row<T>& row) const {
    const auto& w = p_.pool.window;
    int64_t low = 0, high = 0;
    if (x && !p_.adaptive && (w.kernel[2] == 2 || w.kernel[2] == 3)) inside(&low, &high, w.kernel[2]);
    const int64_t step = p_.adaptive ? 1 : w.dilation[2];
    for (int64_t o = 0; o < out_; o = o + 1 == low ? high : o + 1) {
      if (o == 0 && low == 0 && high > 0) o = high;
      if (o == out_) break;
      if (!x || begin_[o] >= end_[o]) {
        row.out[o] = nothing(plane, row.loaded);
        continue;
      }
      T most = x[begin_[o]];
      for (int64_t k = begin_[o] + step; k < end_[o]; k += step) most = larger(most, x[k]);
      row.out[o] = most;
    }
    if (low >= high) return;
    const T* from = x + low * w.stride[2] - w.padding[2];
    T* to = row.out + low;
    const int64_t n = high - low, s = w.stride[2];
    const auto each = [&](auto stride) {
      const int64_t by = stride;
      if (w.kernel[2] == 2)
        for (int64_t o = 0; o < n; ++o) to[o] = larger(from[o * by], from[o * by + step]);
      else
        for (int64_t o = 0; o < n; ++o) to[o] = larger(larger(from[o * by], from[o * by + step]), from[o * by + 2 * step]);
    };
    if (s == 1) each(std::integral_constant<int64_t, 1>());
    else if (s == 2) each(std::integral_constant<int64_t, 2>());
    else each(s);
  }

  void maxima_with_places(int64_t plane, int64_t d, int64_t h, const T* x, Row<T>& row) const {
    const int64_t step = p_.adaptive ? 1 : p_.pool.window.dilation[2];
    const TensorView& index = p_.index;
    int64_t* to = index_row(plane, d, h);
    for (int64_t o = 0; o < out_; ++o, to += index.strides[4]) {
      if (!x || begin_[o] >= end_[o]) {
        row.out[o] = nothing(plane, row.loaded);
        *to = -1;
        continue;
      }
      T most = x[begin_[o]];
      int64_t place = row.places[begin_[o]] * in_ + begin_[o];
      for (int64_t k = begin_[o] + step; k < end_[o]; k += step) {
        const T v = x[k];
        const int64_t at = row.places[k] * in_ + k;
        if (v < most) continue;
        if (v != v ? most == most || at > place : v > most || (v == most && at < place)) {
          most = v;
          place = at;
        }
      }
      row.out[o] = most;
      *to = place;
    }
  }

  const Plan& p_;
  ThreadPool* pool_;
  int64_t in_, out_;
  Source<T> source_;
  Sink<T> sink_;
  RowMaxima<T> fold_ = row_maxima<T>();
  int64_t *begin_, *end_, *extent_;
  std::byte* memory_;
};

template <Kind kind, bool adaptive>
bool plan(const Operands& o, int spatial, Plan* p) {
  const Args a(o.args);
  const TensorView& x = o.in(0);
  if (!is_taken(x.dtype) || o.out(0).dtype != x.dtype || x.numel() == 0 || o.out(0).numel() == 0) return false;
  if (x.rank() != spatial + 1 && x.rank() != spatial + 2) return false;
  p->spatial = spatial;
  p->adaptive = adaptive;
  if (!adaptive && kind == Kind::mean && ops::avg_pool::read(a, x, 1, spatial, &p->pool)) return false;
  if (!adaptive && kind == Kind::maximum && ops::max_pool::read_window(a, spatial, &p->pool.window)) return false;
  p->x = ops::as_volume(x, spatial);
  p->y = ops::as_volume(o.out(0), spatial);
  p->places = o.outs.size() > 1;
  if (p->places) p->index = ops::as_volume(o.out(1), spatial);
  const bool counts = static_cast<double>(p->x.size(2)) * static_cast<double>(p->x.size(3)) < 2e9;  // rows in 32 bits
  return counts && p->x.size(0) == p->y.size(0) && p->x.size(1) == p->y.size(1);
}

template <Kind kind, bool adaptive, int spatial>
bool prepare(const Operands& o, void*, size_t* scratch) {
  Plan p;
  if (!plan<kind, adaptive>(o, spatial, &p)) return false;
  *scratch = p.x.dtype == DType::f64 ? Run<double, kind>::scratch_bytes(p, o.threads) : Run<float, kind>::scratch_bytes(p, o.threads);
  return true;
}
template <Kind kind, bool adaptive, int spatial>
Error run(const void*, const Operands& o, const KernelContext& context) {
  Plan p;
  if (!plan<kind, adaptive>(o, spatial, &p)) return Error::make(Code::bad_argument, "pooling of other arguments than planned");
  p.x.dtype == DType::f64 ? Run<double, kind>(p, o.threads, context).run() : Run<float, kind>(p, o.threads, context).run();
  return {};
}

}  // namespace

#define PF_POOL_KERNEL(name, op, kind, adaptive, spatial) \
  extern const Kernel name;                               \
  const Kernel name = {op, 0, prepare<Kind::kind, adaptive, spatial>, run<Kind::kind, adaptive, spatial>};
PF_POOL_KERNEL(kMaxPool2d, "aten::max_pool2d", maximum, false, 2)
PF_POOL_KERNEL(kMaxPool3d, "aten::max_pool3d", maximum, false, 3)
PF_POOL_KERNEL(kMaxPool2dWithIndices, "aten::max_pool2d_with_indices", maximum, false, 2)
PF_POOL_KERNEL(kMaxPool3dWithIndices, "aten::max_pool3d_with_indices", maximum, false, 3)
PF_POOL_KERNEL(kAdaptiveMaxPool2d, "aten::adaptive_max_pool2d", maximum, true, 2)
PF_POOL_KERNEL(kAdaptiveMaxPool3d, "aten::adaptive_max_pool3d", maximum, true, 3)
PF_POOL_KERNEL(kAvgPool2d, "aten::avg_pool2d", mean, false, 2)
PF_POOL_KERNEL(kAvgPool3d, "aten::avg_pool3d", mean, false, 3)
PF_POOL_KERNEL(kAdaptiveAvgPool2d, "aten::_adaptive_avg_pool2d", mean, true, 2)
PF_POOL_KERNEL(kAdaptiveAvgPool3d, "aten::_adaptive_avg_pool3d", mean, true, 3)
#undef PF_POOL_KERNEL

}  // namespace portfire::spatial
