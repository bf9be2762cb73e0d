// aten::convolution as it comes: one to three dimensions, channels first, any groups, weights only known at run
// time, transposed too; f32, f64, and f16 and bf16, which are widened. Each is a matrix product by group and image:
//   forward     y [O, pixels] = w [O, C taps] x columns, where columns [C taps, pixels] are the windows,
//               packed into panels for some pixels at a time;
//   transposed  columns [O taps, pixels] = w^T x [C, pixels], each then added where its window lies.
#include <algorithm>

#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"
#include "ops/convolution.h"
#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::conv {
namespace {

using gemm::kWidth;
using ops::as_volume;
using ops::convolution::Geometry;

constexpr int64_t kChunk = 256;        // forward: pixels in a task, some panels of them
constexpr int64_t kColumns = 1 << 18;  // transposed: numbers of columns in a task, at most (one channel at least)

struct Plan {
  Geometry g;
  int64_t batch, ins, outs, taps;        // channels of a group
  int64_t in_pixels, out_pixels;         // of one plane
  int64_t channels_at_once;              // transposed: channels of a task
  size_t shared, thread;                 // scratch, in numbers
  size_t x_copy = 0, w_copy = 0, y_copy = 0;  // of half types
};

template <class T>
int64_t packed_size(int64_t k, int64_t n) { return (n + kWidth<T> - 1) / kWidth<T> * kWidth<T> * k; }
bool is_half(DType t) { return t == DType::f16 || t == DType::bf16; }

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan();
  const TensorView &x = o.in(0), &w = o.in(1), &y = o.out(0);
  const bool wide = x.dtype == DType::f64;
  if ((x.dtype != DType::f32 && !wide && !is_half(x.dtype)) || w.dtype != x.dtype || y.dtype != x.dtype || !w.is_contiguous() || !y.is_contiguous() || ops::convolution::read_geometry(Args(o.args), &p.g)) return false;
  if (const TensorView* b = o.optional(2); b && (!b->is_contiguous() || b->dtype != x.dtype)) return false;
  p.batch = x.size(0);
  p.ins = x.size(1) / p.g.groups;
  p.outs = y.size(1) / p.g.groups;
  p.taps = p.in_pixels = p.out_pixels = 1;
  for (int d = 2; d < x.rank(); ++d) {
    p.taps *= w.size(d);
    p.in_pixels *= x.size(d);
    p.out_pixels *= y.size(d);
  }
  if (p.ins == 0 || p.taps == 0 || p.outs == 0 || p.in_pixels == 0) return false;
  if (!p.g.transposed) {
    p.shared = 0;
    p.thread = padded(p.ins * p.taps * kChunk);
  } else {
    if (!x.is_contiguous()) return false;
    p.channels_at_once = std::clamp<int64_t>(kColumns / (p.taps * p.in_pixels), 1, p.outs);
    p.thread = padded(p.channels_at_once * p.taps * p.in_pixels);
    p.shared = padded(wide ? packed_size<double>(p.ins, p.in_pixels) : packed_size<float>(p.ins, p.in_pixels)) + padded(p.outs * p.taps * p.ins);
  }
  if (is_half(x.dtype)) {
    p.x_copy = padded(x.numel());
    p.w_copy = padded(w.numel() + p.outs * p.g.groups);  // the bias behind the weights
    p.y_copy = padded(y.numel());
  }
  *scratch = (p.x_copy + p.w_copy + p.y_copy + p.shared + p.thread * o.threads) * (wide ? sizeof(double) : sizeof(float));
  return true;
}

// Calls f(line, i) for one kernel tap and pixels [first, first + count) of the output: `line` is where a
// run of pixels begins (counted from `first`), paired with input elements from offset i on.
template <class F>
void for_runs(const Plan& p, const TensorView& x, const TensorView& y, const int64_t (&tap)[3], int64_t first, int64_t count, F f) {
  const int64_t width = y.size(4), height = y.size(3);
  for (int64_t row = first / width; row * width < first + count; ++row) {
    const int64_t begin = row * width, low = std::max(first - begin, int64_t{0}), high = std::min(first + count - begin, width);
    const int64_t oh = row % height, od = row / height;
    const Geometry::Pairs deep = p.g.pairs(0, tap[0], od, od + 1, x.size(2)), tall = p.g.pairs(1, tap[1], oh, oh + 1, x.size(3)),
                          wide = p.g.pairs(2, tap[2], low, high, x.size(4));
    if (deep.count && tall.count && wide.count)
      f(begin + wide.o - first, deep.i * x.strides[2] + tall.i * x.strides[3] + wide.i * x.strides[4], wide.count);
  }
}

// The windows of `count` pixels (at most kChunk) of a group's channels, as panels.
template <class T>
void pack_windows(const Plan& p, const TensorView& x, const TensorView& w, const TensorView& y, const T* channels, int64_t first,
                  int64_t count, T* packed) {
  const int64_t k = p.ins * p.taps, panels = (count + kWidth<T> - 1) / kWidth<T>;
  const int64_t step = p.g.stride[2] * x.strides[4];
  int64_t row = 0;
  T line[kChunk];
  for (int64_t c = 0; c < p.ins; ++c)
    for (int64_t kd = 0; kd < w.size(2); ++kd)
      for (int64_t kh = 0; kh < w.size(3); ++kh)
        for (int64_t kw = 0; kw < w.size(4); ++kw, ++row) {
          std::fill_n(line, kChunk, T(0));
          for_runs(p, x, y, {kd, kh, kw}, first, count, [&](int64_t at, int64_t offset, int64_t length) {
            const T* from = channels + c * x.strides[1] + offset;
            if (step == 1)
              std::copy_n(from, length, line + at);
            else
              for (int64_t i = 0; i < length; ++i) line[at + i] = from[i * step];
          });
          for (int64_t panel = 0; panel < panels; ++panel)
            std::copy_n(line + panel * kWidth<T>, kWidth<T>, packed + (panel * k + row) * kWidth<T>);
        }
}

// The call's tensors as volumes of T.
template <class T>
struct Tensors {
  TensorView x, w, y;
  const T* bias;
  T* scratch;
};

template <class T>
void run_forward(const Plan& p, const Tensors<T>& t, ThreadPool* pool) {
  const int64_t chunks = (p.out_pixels + kChunk - 1) / kChunk, k = p.ins * p.taps;
  parallel(pool, static_cast<size_t>(p.batch * p.g.groups * chunks), [&](size_t task, size_t worker) {
    const int64_t chunk = static_cast<int64_t>(task) % chunks, group = static_cast<int64_t>(task) / chunks % p.g.groups,
                  n = static_cast<int64_t>(task) / chunks / p.g.groups;
    const int64_t first = chunk * kChunk, count = std::min(kChunk, p.out_pixels - first);
    T* packed = t.scratch + worker * p.thread;
    pack_windows<T>(p, t.x, t.w, t.y, t.x.template as<T>() + n * t.x.strides[0] + group * p.ins * t.x.strides[1], first, count, packed);
    T* to = t.y.template as<T>() + (n * t.y.size(1) + group * p.outs) * p.out_pixels + first;
    gemm::run_panels(t.w.template as<const T>() + group * p.outs * k, k, p.outs, k, static_cast<const T*>(packed), count, to, p.out_pixels);
    for (int64_t c = 0; t.bias && c < p.outs; ++c)
      for (int64_t i = 0; i < count; ++i) to[c * p.out_pixels + i] += t.bias[group * p.outs + c];
  });
}

// Adds the columns of one channel, [taps, input pixels], to its plane of the output.
template <class T>
void add_windows(const Plan& p, const TensorView& x, const TensorView& w, const TensorView& y, const T* columns, T* plane) {
  const int64_t height = x.size(3), width = x.size(4);
  for (int64_t kd = 0; kd < w.size(2); ++kd)
    for (int64_t kh = 0; kh < w.size(3); ++kh)
      for (int64_t kw = 0; kw < w.size(4); ++kw, columns += p.in_pixels) {
        const Geometry::Pairs deep = p.g.pairs(0, kd, 0, y.size(2), x.size(2)), tall = p.g.pairs(1, kh, 0, y.size(3), height),
                              wide = p.g.pairs(2, kw, 0, y.size(4), width);
        for (int64_t a = 0; a < deep.count; ++a)
          for (int64_t b = 0; b < tall.count; ++b) {
            T* to = plane + ((deep.o + a * p.g.stride[0]) * y.size(3) + tall.o + b * p.g.stride[1]) * y.size(4) + wide.o;
            const T* from = columns + ((deep.i + a) * height + tall.i + b) * width + wide.i;
            for (int64_t i = 0; i < wide.count; ++i) to[i * p.g.stride[2]] += from[i];
          }
      }
}

template <class T>
void run_transposed(const Plan& p, const Tensors<T>& t, ThreadPool* pool) {
  T* const packed = t.scratch;
  T* const turned = packed + padded(packed_size<T>(p.ins, p.in_pixels));
  T* const columns = packed + p.shared;
  const int64_t rows = p.outs * p.taps, chunks = (p.outs + p.channels_at_once - 1) / p.channels_at_once;
  for (int64_t group = 0; group < p.g.groups; ++group) {
    const T* weights = t.w.template as<const T>() + group * p.ins * rows;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < p.ins; ++c) turned[r * p.ins + c] = weights[c * rows + r];
    for (int64_t n = 0; n < p.batch; ++n) {
      const T* from = t.x.template as<const T>() + (n * t.x.size(1) + group * p.ins) * p.in_pixels;
      for (int64_t j = 0; j < p.in_pixels; j += kWidth<T>)
        for (int64_t c = 0; c < p.ins; ++c) {
          const int64_t count = std::min(kWidth<T>, p.in_pixels - j);
          T* to = packed + j * p.ins + c * kWidth<T>;
          std::copy_n(from + c * p.in_pixels + j, count, to);
          std::fill(to + count, to + kWidth<T>, T(0));
        }
      parallel(pool, static_cast<size_t>(chunks), [&](size_t task, size_t worker) {
        const int64_t first = static_cast<int64_t>(task) * p.channels_at_once, count = std::min(p.channels_at_once, p.outs - first);
        T* const mine = columns + worker * p.thread;
        gemm::run_panels<T>(turned + first * p.taps * p.ins, p.ins, count * p.taps, p.ins, packed, p.in_pixels, mine, p.in_pixels);
        for (int64_t c = 0; c < count; ++c) {
          const int64_t channel = group * p.outs + first + c;
          T* plane = t.y.template as<T>() + (n * t.y.size(1) + channel) * p.out_pixels;
          std::fill_n(plane, p.out_pixels, t.bias ? t.bias[channel] : T(0));
          add_windows<T>(p, t.x, t.w, t.y, mine + c * p.taps * p.in_pixels, plane);
        }
      });
    }
  }
}

template <class T>
void run_as(const Plan& p, const Operands& o, T* scratch, ThreadPool* pool) {
  Tensors<T> t{o.in(0), o.in(1), o.out(0), o.optional(2) ? o.optional(2)->as<T>() : nullptr, scratch};
  if constexpr (sizeof(T) == 4)
    if (p.y_copy) {  // widened, at first
      const auto load = pointwise::load_fn(t.x.dtype);
      TensorView* copies[] = {&t.x, &t.w};
      for (TensorView* copy : copies) {
        const TensorView from = *copy;
        copy->data = t.scratch;
        copy->dtype = DType::f32;
        copy->set_contiguous();
        t.scratch += copy == &t.x ? p.x_copy : p.w_copy;
        for (ops::Rows r(from.shape, {copy->strides, from.strides}); r.valid(); r.next())
          if (r.step(0) == 1)
            load(copy->as<T>() + r.offset(0), from.as<uint16_t>() + r.offset(1), r.step(1), static_cast<size_t>(r.length()));
          else
            for (int64_t i = 0; i < r.length(); ++i)
              copy->as<T>()[r.offset(0) + i * r.step(0)] = static_cast<T>(ops::load_real(from, r.offset(1) + i * r.step(1)));
      }
      if (t.bias) {
        T* bias = t.w.template as<T>() + o.in(1).numel();
        load(bias, o.optional(2)->data, 1, static_cast<size_t>(p.outs * p.g.groups));
        t.bias = bias;
      }
      t.y.data = t.scratch;
      t.y.dtype = DType::f32;
      t.scratch += p.y_copy;
    }
  const TensorView result = t.y;
  t.x = as_volume(t.x, p.g.spatial);
  t.w = as_volume(t.w, p.g.spatial);
  t.y = as_volume(t.y, p.g.spatial);
  p.g.transposed ? run_transposed(p, t, pool) : run_forward(p, t, pool);
  if (p.y_copy) pointwise::store_fn(o.out(0).dtype)(o.out(0).data, result.data, 1, static_cast<size_t>(result.numel()));
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  if (o.in(0).dtype == DType::f64)
    run_as(p, o, reinterpret_cast<double*>(context.scratch.data()), context.pool);
  else
    run_as(p, o, reinterpret_cast<float*>(context.scratch.data()), context.pool);
  return {};
}

}  // namespace

extern const Kernel kConvolution;
const Kernel kConvolution = {"aten::convolution", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
