// Operators that store elements by number, into a copy of their first operand: scatter, scatter_add and
// scatter_reduce (which index_add, index_copy and their kin become), index_put of one index.
//
// What is combined is so in f32, f64, i64, i32 or bytes: narrower dtypes, and means of bytes, by way of a copy of the
// result that is as wide, rounded at each step as the dtype would be.
#include <cstring>

#include "kernels/copy/strided.h"
#include "kernels/index/combine.h"
#include "kernels/index/numbers.h"
#include "kernels/index/walk.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "ops/creation.h"

namespace portfire::index {
namespace {

using pointwise::Class;

struct Plan {
  Combine how = Combine::store;
  bool mean = false, fresh = false;  // fresh: places that are written start anew
  DType wide;                        // that combines
};

template <class T>
int64_t store_row(const Walk& w, const Row& r, T* y, const T* x, const TensorView& index) {
  y += r.base;
  x += r.plain;
  const int64_t step = r.base_step, from_step = r.plain_step, stride = w.stride;
  if (r.index_step == 0) {
    const int64_t number = one_number(w, r, index);
    if (number < 0) return 0;
    y += number * stride;
    if (step == 1 && from_step == 1)
      std::memcpy(y, x, static_cast<size_t>(r.n) * sizeof(T));
    else if (step == 1 && from_step == 0)
      std::fill_n(y, r.n, *x);
    else
      for (int64_t j = 0; j < r.n; ++j) y[j * step] = x[j * from_step];
    return r.n;
  }
  Numbers numbers(w, r, index);
  while (const int64_t n = numbers.next()) {
    const int64_t* number = numbers.get();
    T* to = y + numbers.at() * step;
    const T* from = x + numbers.at() * from_step;
    if (step == 0 && from_step == 1)
      for (int64_t j = 0; j < n; ++j) to[number[j] * stride] = from[j];
    else
      for (int64_t j = 0; j < n; ++j) to[j * step + number[j] * stride] = from[j * from_step];
  }
  return numbers.done();
}

Error store(const Walk& w, const TensorView& out, const TensorView& source, const TensorView& index, ThreadPool* pool) {
  return ops::with_bits(out.dtype, [&](auto bits) {
    using T = decltype(bits);
    return walk_rows(w, index, pool, [&](const Row& r) { return store_row(w, r, out.as<T>(), source.as<const T>(), index); });
  });
}

// How elements of the source become those that combine.
struct Conversion {
  pointwise::LoadFn load;
  pointwise::ConvertFn convert;  // null: loaded is converted
  bool direct;                   // they are in memory as they should be
  Conversion(DType from, DType wide) : load(pointwise::load_fn(from)) {
    const Class c = pointwise::class_of(from);
    convert = c == pointwise::class_of(wide) ? nullptr : pointwise::convert_fn(c, wide);
    direct = !convert && pointwise::in_class(from);
  }
};

template <class T>
int64_t combine_row(const Walk& w, const Row& r, CombineFn<T> f, T* y, const TensorView& source, const Conversion& c, const TensorView& index) {
  alignas(64) T values[kStrip];
  alignas(64) std::byte loaded[kStrip * 8];
  y += r.base;
  const auto put = [&](int64_t at, int64_t n, T* to, int64_t stride, const int64_t* numbers) {
    const int64_t offset = r.plain + at * r.plain_step;
    const T* x = values;
    if (c.direct && r.plain_step == 1) {
      x = source.as<const T>() + offset;
    } else {
      const std::byte* from = source.as<const std::byte>() + offset * static_cast<int64_t>(byte_size(source.dtype));
      c.load(c.convert ? static_cast<void*>(loaded) : values, from, r.plain_step, static_cast<size_t>(n));
      if (c.convert) c.convert(values, loaded, static_cast<size_t>(n));
    }
    f(to + at * r.base_step, r.base_step, stride, numbers, x, static_cast<size_t>(n));
  };
  if (r.index_step == 0) {
    const int64_t number = one_number(w, r, index);
    if (number < 0) return 0;
    for (int64_t at = 0; at < r.n; at += static_cast<int64_t>(kStrip))
      put(at, std::min(r.n - at, static_cast<int64_t>(kStrip)), y + number * w.stride, 0, nullptr);
    return r.n;
  }
  Numbers numbers(w, r, index);
  while (const int64_t n = numbers.next()) put(numbers.at(), n, y, w.stride, numbers.get());
  return numbers.done();
}
template <class T>
Error combine(const Walk& w, CombineFn<T> f, T* y, const TensorView& source, DType wide, const TensorView& index, ThreadPool* pool) {
  const Conversion c(source.dtype, wide);
  return walk_rows(w, index, pool, [&](const Row& r) { return combine_row(w, r, f, y, source, c, index); });
}

// A number for every place of the walk.
TensorView one(const void* data, DType dtype) {
  TensorView t;
  t.data = const_cast<void*>(data);
  t.dtype = dtype;
  return t;
}
Walk of_one(Walk w) {
  std::fill_n(w.plain, kMaxRank, 0);
  return w;
}

template <class T>
T neutral(Combine how) {
  using Limits = std::numeric_limits<T>;
  switch (how) {
    case Combine::product: return 1;
    case Combine::maximum: return Limits::has_infinity ? -Limits::infinity() : Limits::min();
    case Combine::minimum: return Limits::has_infinity ? Limits::infinity() : Limits::max();
    default: return 0;
  }
}

// Into `y`, a tensor of dtype p.wide with the result's strides; `counts` where means are taken.
template <class T>
Error reduce(const Plan& p, const Walk& w, const TensorView& y, const TensorView& source, const TensorView& index, int32_t* counts, ThreadPool* pool) {
  if (p.fresh) {
    const T start = neutral<T>(p.how);
    PF_TRY(store(of_one(w), y, one(&start, p.wide), index, pool));
  }
  PF_TRY(combine(w, combine_fn<T>(p.how, source.dtype), y.as<T>(), source, p.wide, index, pool));
  if (!p.mean) return {};
  const int64_t n = y.numel();
  const int32_t more = 1;
  std::fill_n(counts, n, int32_t{!p.fresh});
  PF_TRY(combine(of_one(w), combine_fn<int32_t>(Combine::sum, DType::i32), counts, one(&more, DType::i32), DType::i32, index, pool));
  T* sums = y.as<T>();
  if constexpr (std::is_floating_point_v<T>) {
    for (int64_t i = 0; i < n; ++i) sums[i] = sums[i] / static_cast<T>(std::max(counts[i], 1));
  } else {
    for (int64_t i = 0; i < n; ++i) {
      if (counts[i] < 2) continue;
      const T v = static_cast<T>(ops::wrap_to(source.dtype, sums[i])), by = static_cast<T>(counts[i]);
      sums[i] = static_cast<T>(v / by - (v % by != 0 && v < 0));
    }
  }
  return {};
}

DType wide_of(DType t, bool mean) {
  switch (pointwise::class_of(t)) {
    case Class::f32: return DType::f32;
    case Class::f64: return DType::f64;
    case Class::i64: return DType::i64;
    case Class::i8: case Class::u8: return mean ? DType::i32 : t;
    default: return DType::i32;
  }
}

Error reduce_into(const Plan& p, const Walk& w, const TensorView& out, const TensorView& source, const TensorView& index, const KernelContext& context) {
  TensorView y = out;
  std::byte* free = context.scratch.data();
  if (p.wide != out.dtype) {
    y.dtype = p.wide;
    y.data = free;
    free += (static_cast<size_t>(out.numel()) * byte_size(p.wide) + 63) / 64 * 64;
  }
  auto* counts = reinterpret_cast<int32_t*>(free);
  // A strip at a time, there and back.
  const auto convert = [&](bool back) {
    const auto load = pointwise::load_fn(back ? y.dtype : out.dtype);
    const auto store = pointwise::store_fn(back ? out.dtype : y.dtype);
    const Class from = pointwise::class_of(back ? y.dtype : out.dtype), to = pointwise::class_of(back ? out.dtype : y.dtype);
    alignas(64) std::byte a[kStrip * 8], b[kStrip * 8];
    for (int64_t i = 0; i < out.numel(); i += static_cast<int64_t>(kStrip)) {
      const auto n = static_cast<size_t>(std::min(out.numel() - i, static_cast<int64_t>(kStrip)));
      const auto at = [&](const TensorView& t) { return t.as<std::byte>() + i * static_cast<int64_t>(byte_size(t.dtype)); };
      load(a, at(back ? y : out), 1, n);
      if (from != to) pointwise::convert_fn(from, back ? out.dtype : y.dtype)(b, a, n);
      store(at(back ? out : y), from != to ? b : a, 1, n);
    }
  };
  if (p.wide != out.dtype) convert(false);
  const auto in = [&](auto tag) { return reduce<decltype(tag)>(p, w, y, source, index, counts, context.pool); };
  switch (p.wide) {
    case DType::f32: PF_TRY(in(float())); break;
    case DType::f64: PF_TRY(in(double())); break;
    case DType::i64: PF_TRY(in(int64_t())); break;
    case DType::i8: PF_TRY(in(int8_t())); break;
    case DType::u8: PF_TRY(in(uint8_t())); break;
    default: PF_TRY(in(int32_t()));
  }
  if (p.wide != out.dtype) convert(true);
  return {};
}

// --- the operators ---

bool prepare_plan(const Operands& o, const Plan& wanted, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan(wanted);
  const TensorView& out = o.out(0);
  if (!out.is_contiguous()) return false;
  if (p.how == Combine::store) return true;
  const DType t = out.dtype;
  if (is_complex(t) || t == DType::u16 || t == DType::u32 || t == DType::u64 || t == DType::boolean) return false;
  p.wide = wide_of(t, p.mean);
  const auto n = static_cast<size_t>(out.numel());
  *scratch = (p.wide != t ? n * byte_size(p.wide) + 64 : 0) + (p.mean ? n * sizeof(int32_t) : 0);
  return true;
}

bool fits(const Operands& o) {
  const bool source = o.args[3]->kind == Value::Kind::tensor;
  return o.out(0).rank() > 0 && o.in(2).rank() == o.out(0).rank() && is_index(o.in(2)) && (!source || o.in(3).rank() == o.out(0).rank());
}
template <Combine how>
bool prepare(const Operands& o, void* state, size_t* scratch) {
  return fits(o) && prepare_plan(o, {.how = how}, state, scratch);
}
bool prepare_reduce(const Operands& o, void* state, size_t* scratch) {
  const std::string_view how = o.args[4]->string;
  Plan p{.how = how == "prod" ? Combine::product : how == "amax" ? Combine::maximum : how == "amin" ? Combine::minimum : Combine::sum};
  p.mean = how == "mean";
  p.fresh = !Args(o.args).boolean(5);
  return fits(o) && prepare_plan(o, p, state, scratch);
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const TensorView &index = o.in(2), &out = o.out(0);
  const bool from_tensor = o.args[3]->kind == Value::Kind::tensor;
  ops::Bits<16> bits;
  TensorView value = one(&bits, out.dtype);
  if (!from_tensor) ops::creation::fill_with(value, Args(o.args).scalar(3));
  const TensorView& source = from_tensor ? o.in(3) : value;
  copy::copy(out, o.in(0), context.pool);
  Walk w;
  PF_TRY(ops::wrap_dim(o.args[1]->integer, out.rank(), &w.dim));
  w.shape = index.shape;
  w.limit = out.size(w.dim);
  w.stride = out.strides[w.dim];
  w.stores = true;
  for (int d = 0; d < index.rank(); ++d) {
    w.plain[d] = from_tensor ? source.strides[d] : 0;
    w.index[d] = index.strides[d];
    w.base[d] = d == w.dim ? 0 : out.strides[d];
  }
  return p.how == Combine::store ? store(w, out, source, index, context.pool) : reduce_into(p, w, out, source, index, context);
}

// One index, a list, whose numbers may count from the back.
int indexed_dim(const Operands& o) {
  int dim = -1, count = 0;
  for (size_t d = 0; d < o.args[1]->tensors.size(); ++d)
    if (o.args[1]->tensors[d]) dim = static_cast<int>(d), ++count;
  return count == 1 ? dim : -1;
}
bool prepare_put(const Operands& o, void* state, size_t* scratch) {
  const int dim = indexed_dim(o);
  if (dim < 0 || o.in(2).dtype != o.out(0).dtype) return false;
  const TensorView& index = *o.args[1]->tensors[static_cast<size_t>(dim)];
  if (index.rank() != 1 || !is_index(index)) return false;
  Shape to = o.out(0).shape, both;
  to.sizes[dim] = index.size(0);
  if (ops::broadcast(to, o.in(2).shape, &both) || both != to) return false;
  return prepare_plan(o, {.how = Args(o.args).boolean(3) ? Combine::sum : Combine::store}, state, scratch);
}
Error run_put(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const int dim = indexed_dim(o);
  const TensorView &index = *o.args[1]->tensors[static_cast<size_t>(dim)], &out = o.out(0);
  copy::copy(out, o.in(0), context.pool);
  Walk w;
  w.shape = out.shape;
  w.shape.sizes[dim] = index.size(0);
  const TensorView values = ops::broadcast_view(o.in(2), w.shape);
  w.dim = dim;
  w.limit = out.size(dim);
  w.stride = out.strides[dim];
  w.stores = w.wraps = true;
  for (int d = 0; d < out.rank(); ++d) {
    w.plain[d] = values.strides[d];
    w.index[d] = d == dim ? index.strides[0] : 0;
    w.base[d] = d == dim ? 0 : out.strides[d];
  }
  return p.how == Combine::store ? store(w, out, values, index, context.pool) : reduce_into(p, w, out, values, index, context);
}

}  // namespace

#define PF_SCATTER_KERNEL(name, op, ...) \
  extern const Kernel name;              \
  const Kernel name = {op, sizeof(Plan), __VA_ARGS__};
PF_SCATTER_KERNEL(kScatter, "aten::scatter.src", prepare<Combine::store>, run)
PF_SCATTER_KERNEL(kScatterValue, "aten::scatter.value", prepare<Combine::store>, run)
PF_SCATTER_KERNEL(kScatterAdd, "aten::scatter_add", prepare<Combine::sum>, run)
PF_SCATTER_KERNEL(kScatterReduce, "aten::scatter_reduce.two", prepare_reduce, run)
PF_SCATTER_KERNEL(kIndexPut, "aten::index_put", prepare_put, run_put)
#undef PF_SCATTER_KERNEL

}  // namespace portfire::index
