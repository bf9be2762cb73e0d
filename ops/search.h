// aten::searchsorted, bucketize, isin, one_hot, bincount, histc: where values fall among others.
#pragma once

#include "ops/op.h"

namespace portfire::ops::search {

// y_i = the number of items of the sorted row that are < x_i (right: <= x_i); rows are the last
// dimension. What compares with NaN counts as smaller. `sorter` names the row's items in sorted order.
struct Searchsorted {
  static constexpr std::string_view schema =
      "aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, "
      "str? side=None, Tensor? sorter=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct SearchsortedScalar {
  static constexpr std::string_view schema =
      "aten::searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, "
      "str? side=None, Tensor? sorter=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto row = g.tensor("sorted_sequence");
    g.result(g("aten::searchsorted.Tensor", row, g.scalar_tensor(g.arg("self"), row.dtype()), g.arg("out_int32"),
               g.arg("right"), g.arg("side"), g.arg("sorter")));
  }
};
struct Bucketize {
  static constexpr std::string_view schema =
      "aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::searchsorted.Tensor", g.tensor("boundaries"), g.tensor("self"), g.arg("out_int32"), g.arg("right")));
  }
};
struct BucketizeScalar {
  static constexpr std::string_view schema =
      "aten::bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto row = g.tensor("boundaries");
    g.result(g("aten::searchsorted.Tensor", row, g.scalar_tensor(g.arg("self"), row.dtype()), g.arg("out_int32"),
               g.arg("right")));
  }
};

// Whether each element is one of `tests`. A few are compared one by one, many are sorted and searched.
template <class G>
void is_in(G& g, typename G::Tensor x, typename G::Tensor tests) {
  constexpr int64_t kFew = 8;
  const DType common = promote(x.dtype(), tests.dtype());
  x = g.cast(x, common), tests = g.cast(g.reshape(tests, {g.numel(tests)}), common);
  auto n = g.size(tests, 0);
  typename G::Tensor found;
  if (n.known() && n.fixed <= kFew) {
    found = g.full(g.sizes(x), false, DType::boolean);
    for (int64_t i = 0; i < n.fixed; ++i)
      found = g("aten::logical_or", found, g("aten::eq.Tensor", x, g("aten::select.int", tests, 0, i)));
  } else {
    auto sorted = g.all("aten::sort", tests, 0, false)[0];
    auto at = g("aten::searchsorted.Tensor", sorted, x);
    at = g("aten::minimum", at, g.scalar_tensor(n - 1, DType::i64));  // past the end is not found either
    found = g("aten::eq.Tensor", x, g("aten::index.Tensor", sorted, g.list(at)));
  }
  g.result(g.boolean("invert") ? g("aten::logical_not", found) : found);
}
#define PF_ISIN(type, overload, x, tests)                                                                           \
  struct Isin##type {                                                                                               \
    static constexpr std::string_view schema = "aten::isin." overload                                               \
                                               ", *, bool assume_unique=False, bool invert=False) -> Tensor";       \
    template <class G>                                                                                              \
    static void decompose(G& g) {                                                                                   \
      is_in(g, g.tensor(x), g.tensor(tests));                                                                       \
    }                                                                                                               \
  };
PF_ISIN(TensorTensor, "Tensor_Tensor(Tensor elements, Tensor test_elements", "elements", "test_elements")
PF_ISIN(TensorScalar, "Tensor_Scalar(Tensor elements, Scalar test_element", "elements", "test_element")
PF_ISIN(ScalarTensor, "Scalar_Tensor(Scalar element, Tensor test_elements", "element", "test_elements")
#undef PF_ISIN

// y_{..k} = (x_{..} == k). Without a number of classes it is max x + 1.
struct OneHot {
  static constexpr std::string_view schema = "aten::one_hot(Tensor self, int num_classes=-1) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    auto n = g.integer("num_classes");
    if (n.known() && n.fixed < 0) n = g.item(g("aten::max", x)) + 1;
    g.result(g.cast(g("aten::eq.Tensor", g("aten::unsqueeze", x, -1), g("aten::arange", n)), DType::i64));
  }
};

// y_k = how many x are k (or the sum of their weights), for k up to max x, at least `minlength` many.
struct Bincount {
  static constexpr std::string_view schema =
      "aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.cast(g.tensor("self"), DType::i64), weights = g.tensor("weights");
    auto n = g.integer("minlength");
    if (!same(g.numel(x), 0)) n = max(g.item(g("aten::max", x)) + 1, n);
    if (!weights) weights = g("aten::expand", g.full({1}, 1, DType::i64), g.sizes(x));
    if (weights.dtype() != DType::i64 && weights.dtype() != DType::f32) weights = g.cast(weights, DType::f64);
    g.result(g("aten::scatter_add", g.full({n}, 0, weights.dtype()), 0, x, weights));
  }
};

// Counts in `bins` equal parts of [min, max]; both 0 means the range of the data.
struct Histc {
  static constexpr std::string_view schema =
      "aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<Searchsorted, SearchsortedScalar, Bucketize, BucketizeScalar, IsinTensorTensor, IsinTensorScalar,
                   IsinScalarTensor, OneHot, Bincount, Histc>;

}  // namespace portfire::ops::search
