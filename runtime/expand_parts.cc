// Operators of parts: pieces of a tensor, halves of a dimension, the numbers that a complex one is made of.
#include <algorithm>

#include "ops/composite.h"
#include "ops/element.h"
#include "runtime/expansions.h"

namespace portfire {
namespace {

using namespace expand;

// Real or imaginary parts of a complex `t` of these sizes: every second number.
TensorView* part(Calls& c, TensorView& t, bool imaginary, const Shape& sizes) {
  TensorView* v = c.derive(t, imaginary ? static_cast<int64_t>(byte_size(real_of(t.dtype))) : 0);
  v->dtype = real_of(t.dtype);
  v->shape = sizes;
  if (sizes != t.shape) v->set_contiguous();
  for (int64_t& stride : v->strides) stride *= 2;
  return v;
}

Error conj_physical(Calls& c) {
  TensorView &x = tensor(c, 0), &out = c.out();
  PF_TRY(add_copy(c, x, out, x.shape));
  if (!is_complex(x.dtype)) return {};
  if (out.dtype != x.dtype) return Error::make(Code::unsupported, "result is %s (expected %s)", name_of(out.dtype), name_of(x.dtype));
  TensorView* imaginary = part(c, out, true, x.shape);
  PointwiseText text(c);
  text.step("neg", imaginary->dtype, {text.input(*imaginary)});
  return text.finish(*imaginary);
}

// Complex numbers of two tensors: real and imaginary parts, or lengths and angles.
Error complex_of_parts(Calls& c, bool polar) {
  TensorView &x = tensor(c, 0), &y = tensor(c, 1), &out = c.out();
  PF_TRY(check_dtype(x));
  PF_TRY(check_dtype(y));
  if (!is_complex(out.dtype) || (x.shape != y.shape && !c.sampled()))
    return Error::make(Code::unsupported, "%s of %s and %s (expected a complex result and equal sizes)", name_of(out.dtype),
                       TypeText(x).c_str(), TypeText(y).c_str());
  PF_TRY(c.add("aten::full_like", {c.arg(0), c.value(0.0), c.dtype(out.dtype)}, {&out}));
  const DType t = real_of(out.dtype);
  for (const bool imaginary : {false, true}) {
    PointwiseText text(c);
    const int a = text.input(x), b = text.input(y);
    if (polar)
      text.step("mul", t, {a, text.step(imaginary ? "sin" : "cos", t, {b})});
    else
      text.step("cast", t, {imaginary ? b : a});
    PF_TRY(text.finish(*part(c, out, imaginary, x.shape)));
  }
  return {};
}
Error complex(Calls& c) { return complex_of_parts(c, false); }
Error polar(Calls& c) { return complex_of_parts(c, true); }

TensorView* slice(Calls& c, TensorView& t, int dim, int64_t start, int64_t length) {
  TensorView* v = c.derive(t, start * t.strides[dim] * static_cast<int64_t>(byte_size(t.dtype)));
  v->shape.sizes[dim] = length;
  return v;
}

// a sigmoid(b), where a and b are the halves of x along `dim`
Error glu(Calls& c) {
  TensorView& x = tensor(c, 0);
  PF_TRY(check_dtype(x));
  int dim;
  PF_TRY(ops::wrap_dim(c.args().integer(1), x.rank(), &dim));
  if (x.rank() == 0 || (x.size(dim) % 2 && !c.sampled()))
    return Error::make(Code::bad_argument, "%s has no halves along %d", TypeText(x).c_str(), dim);
  const int64_t half = x.size(dim) / 2;
  const DType t = ops::compute_dtype(ops::float_result(x.dtype));
  PointwiseText text(c);
  const int a = text.input(*slice(c, x, dim, 0, half)), b = text.input(*slice(c, x, dim, half, half));
  text.step("mul", t, {a, text.step("sigmoid", t, {b})});
  return text.finish(c.out());
}

// Pieces of x along `dim`, of `length(k)` each.
template <class F>
Error split(Calls& c, size_t dim_at, F length) {
  TensorView& x = tensor(c, 0);
  int dim;
  PF_TRY(ops::wrap_dim(c.args().integer(dim_at), x.rank(), &dim));
  if (x.rank() == 0) return Error::make(Code::bad_argument, "%s cannot be split", TypeText(x).c_str());
  int64_t start = 0;
  for (size_t k = 0; k < c.outs().size(); ++k) {
    const int64_t n = length(k, x.size(dim) - start);
    if (!c.sampled() && (n < 0 || n > x.size(dim) - start))
      return Error::make(Code::bad_argument, "piece %zu is longer than what is left of %s", k, TypeText(x).c_str());
    TensorView* piece = slice(c, x, dim, start, n);
    PF_TRY(add_copy(c, *piece, c.out(k), piece->shape));
    start += n;
  }
  if (start == x.size(dim) || c.sampled()) return {};
  return Error::make(Code::bad_file, "%zu results do not take all of %s", c.outs().size(), TypeText(x).c_str());
}
Error split_copy(Calls& c) {
  const int64_t size = c.args().integer(1);
  if (size < 0 && !c.sampled()) return Error::make(Code::bad_argument, "split_size %lld", static_cast<long long>(size));
  return split(c, 2, [&](size_t, int64_t left) { return std::min(size, left); });
}
Error split_with_sizes_copy(Calls& c) {
  const auto sizes = c.args().ints(1);
  if (sizes.size() != c.outs().size()) return Error::make(Code::bad_file, "%zu results (expected %zu)", c.outs().size(), sizes.size());
  return split(c, 2, [&](size_t k, int64_t) { return sizes[k]; });
}
Error unbind_copy(Calls& c) {
  TensorView& x = tensor(c, 0);
  int dim;
  PF_TRY(ops::wrap_dim(c.args().integer(1), x.rank(), &dim));
  if (x.rank() == 0 || (x.size(dim) != static_cast<int64_t>(c.outs().size()) && !c.sampled()))
    return Error::make(Code::bad_file, "%zu results of %s along %d", c.outs().size(), TypeText(x).c_str(), dim);
  for (size_t k = 0; k < c.outs().size(); ++k) {
    TensorView* piece = slice(c, x, dim, static_cast<int64_t>(k), 1);
    for (int d = dim; d + 1 < piece->rank(); ++d) {
      piece->shape.sizes[d] = piece->size(d + 1);
      piece->strides[d] = piece->strides[d + 1];
    }
    --piece->shape.rank;
    PF_TRY(add_copy(c, *piece, c.out(k), piece->shape));
  }
  return {};
}

// The one index of a list, where it is a mask; null elsewhere. Masks among several indices are refused by the operator itself.
TensorView* only_mask(const Value& indices, size_t* dim) {
  TensorView* mask = nullptr;
  for (size_t i = 0; i < indices.tensors.size(); ++i) {
    TensorView* t = indices.tensors[i];
    if (!t) continue;
    if (mask || t->dtype != DType::boolean) return nullptr;
    mask = t;
    *dim = i;
  }
  return mask;
}

Error index(Calls& c) {
  size_t dim = 0;
  TensorView* mask = only_mask(*c.arg(1), &dim);
  if (!mask) return c.add("aten::index.Tensor", {c.arg(0), c.arg(1)}, {&c.out()});
  return c.add("portfire::masked_rows", {c.arg(0), c.value(mask), c.value(static_cast<int64_t>(dim))}, {&c.out()});
}

// One number where the mask is true, or the rows of `values` one after another.
Error index_put(Calls& c) {
  TensorView &x = tensor(c, 0), &values = tensor(c, 2);
  size_t dim = 0;
  TensorView* mask = only_mask(*c.arg(1), &dim);
  if (!mask) return c.add("aten::index_put", {c.arg(0), c.arg(1), c.arg(2), c.arg(3)}, {&c.out()});
  PF_TRY(check_dtype(x));
  const int before = static_cast<int>(dim);
  if (before + mask->rank() > x.rank()) return Error::make(Code::bad_argument, "mask %s of %s", TypeText(*mask).c_str(), TypeText(x).c_str());
  TensorView* spread = c.derive(*mask);  // over all of x
  spread->shape = x.shape;
  for (int d = 0; d < x.rank(); ++d) {
    const int k = d - before;
    spread->strides[d] = k >= 0 && k < mask->rank() ? mask->strides[k] : 0;
    if (k >= 0 && k < mask->rank() && mask->size(k) != x.size(d) && !c.sampled())
      return Error::make(Code::bad_argument, "mask %s of %s at dim %d", TypeText(*mask).c_str(), TypeText(x).c_str(), before);
  }
  if (values.numel() == 1) {
    TensorView* value = c.derive(values);
    value->shape = Shape();
    PointwiseText text(c);
    const int condition = text.input(*spread), old = text.input(x), number = text.input(*value);
    text.step("where", x.dtype, {condition, c.args().boolean(3) ? text.step("add", x.dtype, {old, number}) : number, old});
    return text.finish(c.out());
  }
  if (before > 0 || c.args().boolean(3) || values.rank() != x.rank() - mask->rank() + 1)
    return Error::make(Code::unsupported, "values %s where a mask %s is true (expected one, or a row for each place)", TypeText(values).c_str(),
                       TypeText(*mask).c_str());
  return c.add("aten::masked_scatter", {c.arg(0), c.value(spread), c.arg(2)}, {&c.out()});
}

constexpr Expansion kExpansions[] = {
    {"aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", index},
    {"aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor", index_put},
    {"aten::_conj_physical(Tensor self) -> Tensor", conj_physical},
    {"aten::complex(Tensor real, Tensor imag) -> Tensor", complex},
    {"aten::polar(Tensor abs, Tensor angle) -> Tensor", polar},
    {"aten::glu(Tensor self, int dim=-1) -> Tensor", glu},
    {"aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]", split_copy},
    {"aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]", split_with_sizes_copy},
    {"aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]", unbind_copy},
};

}  // namespace

std::span<const Expansion> part_expansions() { return kExpansions; }

}  // namespace portfire
