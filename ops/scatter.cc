#include "ops/scatter.h"

#include "ops/cells.h"
#include "ops/creation.h"
#include "ops/index_reader.h"
#include "ops/rows.h"
#include "ops/strips.h"

namespace portfire::ops::scatter {
namespace {

Error infer_scatter(const Args& a, const TensorView* src, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &index = a.tensor(2);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  PF_TRY(check_index_dtype(index));
  outs[0] = {x.dtype, x.shape};
  if (index.numel() == 0) return {};
  bool fits = index.rank() == x.rank() || (index.rank() <= 1 && x.rank() <= 1);
  if (src) fits &= src->rank() == index.rank() || (src->rank() <= 1 && index.rank() <= 1);
  for (int d = 0; fits && d < index.rank(); ++d) {
    if (d < x.rank() && d != dim) fits &= index.size(d) <= x.size(d);
    if (src && d < src->rank()) fits &= index.size(d) <= src->size(d);
  }
  if (src && src->numel() == 0 && index.numel() > 0) fits = false;  // rank 0 meets rank 1
  if (src && src->dtype != x.dtype)
    return Error::make(Code::bad_argument, "src is %s (expected %s)", name_of(src->dtype), name_of(x.dtype));
  if (!fits)
    return Error::make(Code::bad_argument, "index %s%s%s into %s along dim %d", TypeText(index).c_str(),
                       src ? " of " : "", src ? TypeText(*src).c_str() : "", TypeText(x).c_str(), dim);
  return {};
}

// Calls put(offset in out, offset in src, offset in twin) for each element of index; `twin` has the
// shape of `out`.
template <class F>
Error each(const Args& a, const TensorView& out, const TensorView* src, const TensorView& twin, F put) {
  const TensorView& index = a.tensor(2);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), out.rank(), &dim));
  const int64_t n = out.rank() ? out.size(dim) : 1, stride = out.rank() ? out.strides[dim] : 0;
  const int64_t twin_stride = out.rank() ? twin.strides[dim] : 0;
  int64_t base[kMaxRank] = {}, from[kMaxRank] = {}, second[kMaxRank] = {};
  for (int d = 0; d < index.rank(); ++d) {
    if (d != dim && d < out.rank()) base[d] = out.strides[d], second[d] = twin.strides[d];
    if (src && d < src->rank()) from[d] = src->strides[d];
  }
  const IndexReader read(index, n);
  for (Rows r(index.shape, {index.strides, base, from, second}); r.valid(); r.next())
    for (int64_t j = 0; j < r.length(); ++j) {
      const int64_t i = read(r.offset(0) + j * r.step(0));
      if (!read.valid(i)) return read.out_of_range(i, dim);
      put(r.offset(1) + j * r.step(1) + i * stride, r.offset(2) + j * r.step(2),
          r.offset(3) + j * r.step(3) + i * twin_stride);
    }
  return {};
}
template <class F>
Error each(const Args& a, const TensorView& out, const TensorView* src, F put) {
  return each(a, out, src, out, [&](int64_t i, int64_t j, int64_t) { put(i, j); });
}

enum class Reduce { sum, prod, mean, amax, amin };

Error parse(std::string_view name, Reduce* out) {
  if (name == "sum") *out = Reduce::sum;
  else if (name == "prod") *out = Reduce::prod;
  else if (name == "mean") *out = Reduce::mean;
  else if (name == "amax") *out = Reduce::amax;
  else if (name == "amin") *out = Reduce::amin;
  else
    return Error::make(Code::bad_argument, "reduce %.*s (expected sum, prod, mean, amax or amin)",
                       static_cast<int>(name.size()), name.data());
  return {};
}

// Calls f(combine_at), where combine_at(i, j) makes to[i] = combine(to[i], from[j]).
template <class F>
Error with_combination(Reduce how, const TensorView& to, const TensorView& from, F f) {
  if (is_complex(to.dtype))
    return f([&](int64_t i, int64_t j) { store_complex(to, i, load_complex(to, i) + load_complex(from, j)); });
  return with_cells(to.dtype, [&](auto type) {
    using Cell = typename decltype(type)::type;
    using Wide = typename Cell::Wide;
    const Cell y(to), x(from);
    return f([=](int64_t i, int64_t j) {
      const Wide a = y.get(i), b = x.get(j);
      switch (how) {
        case Reduce::prod: return y.set(i, wrapping_multiply(a, b));
        case Reduce::amax: return y.set(i, a != a ? a : b != b ? b : a > b ? a : b);
        case Reduce::amin: return y.set(i, a != a ? a : b != b ? b : a < b ? a : b);
        default: return y.set(i, wrapping_add(a, b));
      }
    });
  });
}

}  // namespace

Error ScatterSrc::infer(const Args& a, std::span<TensorSpec> outs) { return infer_scatter(a, &a.tensor(3), outs); }
Error ScatterSrc::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &out = outs[0], &src = a.tensor(3);
  copy_view(out, a.tensor(0));
  return with_bits(out.dtype, [&](auto tag) {
    auto* to = out.as<decltype(tag)>();
    const auto* from = src.as<decltype(tag)>();
    return each(a, out, &src, [&](int64_t i, int64_t j) { to[i] = from[j]; });
  });
}

Error ScatterValue::infer(const Args& a, std::span<TensorSpec> outs) { return infer_scatter(a, nullptr, outs); }
Error ScatterValue::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& out = outs[0];
  copy_view(out, a.tensor(0));
  Bits<16> one;
  TensorView value;
  value.data = &one;
  value.dtype = out.dtype;
  creation::fill_with(value, a.scalar(3));
  return with_bits(out.dtype, [&](auto tag) {
    auto* to = out.as<decltype(tag)>();
    const auto v = *value.as<decltype(tag)>();
    return each(a, out, nullptr, [&](int64_t i, int64_t) { to[i] = v; });
  });
}

Error ScatterAdd::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &out = outs[0], &src = a.tensor(3);
  copy_view(out, a.tensor(0));
  return with_combination(Reduce::sum, out, src, [&](auto combine_at) { return each(a, out, &src, combine_at); });
}

Error ScatterReduce::infer(const Args& a, std::span<TensorSpec> outs) {
  Reduce how = Reduce::sum;
  PF_TRY(parse(a.string(4), &how));
  return infer_scatter(a, &a.tensor(3), outs);
}

// How often each place was written, for mean.
size_t ScatterReduce::scratch(const Args& a) {
  const TensorView& x = a.tensor(0);
  return a.string(4) == "mean" || !a.boolean(5) ? static_cast<size_t>(x.numel()) * sizeof(int64_t) : 0;
}

Error ScatterReduce::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &out = outs[0], &src = a.tensor(3);
  const bool include_self = a.boolean(5);
  Reduce how = Reduce::sum;
  PF_TRY(parse(a.string(4), &how));
  copy_view(out, a.tensor(0));
  if (how != Reduce::mean && include_self)
    return with_combination(how, out, src, [&](auto combine_at) { return each(a, out, &src, combine_at); });
  TensorView counts;
  counts.data = a.context().scratch.data();
  counts.dtype = DType::i64;
  counts.shape = out.shape;
  counts.set_contiguous();
  fill_view(counts, int64_t{include_self});
  int64_t* count = counts.as<int64_t>();
  PF_TRY(with_combination(how, out, src, [&](auto combine_at) {
    return each(a, out, &src, counts, [&](int64_t i, int64_t j, int64_t c) {
      if (count[c]++ == 0)
        copy_element(out, i, src, j);
      else
        combine_at(i, j);
    });
  }));
  if (how != Reduce::mean) return {};
  with_cells(out.dtype, [&](auto type) {
    using Cell = typename decltype(type)::type;
    const Cell y(out);
    for (Rows r(out.shape, {out.strides, counts.strides}); r.valid(); r.next())
      for (int64_t k = 0; k < r.length(); ++k) {
        const int64_t i = r.offset(0) + k * r.step(0), n = count[r.offset(1) + k * r.step(1)];
        if (n < 2) continue;
        const auto v = y.get(i);
        if constexpr (std::is_same_v<typename Cell::Wide, double>)
          y.set(i, v / static_cast<double>(n));
        else
          y.set(i, v / n - (v % n != 0 && v < 0));
      }
  });
  return {};
}

}  // namespace portfire::ops::scatter
