// aten::slice, select, narrow: part of a dimension, as a view.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"
#include "ops/rows.h"

namespace portfire::ops::slice {

// y_i = x_{start + i * step} along `dim`, bounds as Python's.
struct Slice {
  static constexpr std::string_view schema =
      "aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const TensorView& x = a.tensor(0);
    int d;
    PF_TRY(wrap_dim(a.integer(1), x.rank(), &d));
    if (x.rank() == 0) return Error::make(Code::bad_argument, "a rank-0 tensor has no slices");
    const int64_t n = x.size(d), step = a.integer(4, 1);
    if (step <= 0) return Error::make(Code::bad_argument, "step %lld (expected at least 1)", static_cast<long long>(step));
    auto bound = [n](int64_t i) { return i < 0 ? (i + n < 0 ? 0 : i + n) : i > n ? n : i; };
    const int64_t start = bound(a.integer(2, 0)), end = bound(a.integer(3, n));
    const int64_t count = end > start ? (end - start - 1) / step + 1 : 0;
    out = sliced(x, d, start, count);
    if (count > 1) out.strides[d] *= step;
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::slice_scatter", zeros_like(g, g.tensor("self"), g.grad().dtype()), g.grad(), g.arg("dim"), g.arg("start"), g.arg("end"), g.arg("step")));
  }
};

// y = x_index along `dim`, which goes away.
struct Select {
  static constexpr std::string_view schema = "aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const TensorView& x = a.tensor(0);
    int d;
    PF_TRY(wrap_dim(a.integer(1), x.rank(), &d));
    if (x.rank() == 0) return Error::make(Code::bad_argument, "a rank-0 tensor has nothing to select");
    const int64_t index = a.integer(2), n = x.size(d);
    if (!a.context().sampled && (index < -n || index >= n))
      return Error::make(Code::bad_argument, "index %lld out of range for dim %d of %s", static_cast<long long>(index), d,
                         TypeText(x).c_str());
    out = selected(x, d, index < 0 ? index + n : index);
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::select_scatter", zeros_like(g, g.tensor("self"), g.grad().dtype()), g.grad(), g.arg("dim"), g.arg("index")));
  }
};

// Negative numbers count from the back where they are known to be negative.
template <class G>
typename G::Int from_front(G& g, typename G::Int i, typename G::Tensor x, int64_t dim) {
  return i.known() && i.fixed < 0 ? i + g.size(x, dim) : i;
}

struct Narrow {
  static constexpr std::string_view schema =
      "aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int64_t dim = g.dim("dim", x.rank());
    auto start = from_front(g, g.integer("start"), x, dim), end = start + g.integer("length"), n = g.size(x, dim);
    if (start.known() && end.known() && n.known() && (start.fixed < 0 || end.fixed < start.fixed || end.fixed > n.fixed))
      g.reject("[" + std::to_string(start.fixed) + ", " + std::to_string(end.fixed) + ") of " + std::to_string(n.fixed));
    g.result(g("aten::slice.Tensor", x, dim, start, end));
  }
};

struct NarrowTensor {
  static constexpr std::string_view schema =
      "aten::narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self"), start = g.cast(g.tensor("start"), DType::i64);
    const int64_t dim = g.dim("dim", x.rank());
    auto from_back = start + g.size(x, dim);
    start = g.where(g("aten::lt.Scalar", start, 0), from_back, start);
    auto index = g("aten::arange", g.integer("length"), DType::i64) + g.reshape(start, {1});
    g.result(g("aten::index_select", x, dim, index));
  }
};

struct NarrowCopy {
  static constexpr std::string_view schema =
      "aten::narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor";
  static Error narrowed(const Args& a, TensorView* out) {
    const TensorView& x = a.tensor(0);
    int d;
    PF_TRY(wrap_dim(a.integer(1), x.rank(), &d));
    const int64_t n = x.rank() ? x.size(d) : 0, start = a.integer(2) < 0 ? a.integer(2) + n : a.integer(2);
    const int64_t length = a.integer(3);
    if (x.rank() == 0 || start < 0 || length < 0 || length > n || start > n - length)
      return Error::make(Code::bad_argument, "%lld items from %lld on at dim %d of %s", static_cast<long long>(length),
                         static_cast<long long>(start), d, TypeText(x).c_str());
    *out = sliced(x, d, start, length);
    return {};
  }
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    TensorView v;
    PF_TRY(narrowed(a, &v));
    outs[0] = {v.dtype, v.shape};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    TensorView v;
    PF_TRY(narrowed(a, &v));
    copy_view(outs[0], v);
    return {};
  }
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    g.forward_copy("aten::narrow");
  }
};

using Ops = OpList<Slice, Select, Narrow, NarrowTensor, NarrowCopy>;

}  // namespace portfire::ops::slice
