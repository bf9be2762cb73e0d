// aten::embedding_bag: rows of a table looked up, and the rows of each bag summed, averaged or maximised.
// aten::embedding_dense_backward: the gradient of a lookup.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::embedding_bag {

// Bag b holds indices[offsets_b .. offsets_{b+1}), but for padding_idx.
//   out_b = sum_i weights_i table_{index_i}   (mode 0; 1: divided by the number of rows; 2: maximum)
// Further results are what PyTorch's gradient needs: the bag of each index, the bags' sizes, and which
// index each maximum came from.
struct EmbeddingBag {
  static constexpr std::string_view schema =
      "aten::_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, "
      "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> "
      "(Tensor, Tensor, Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto table = g.tensor("weight"), indices = g.tensor("indices"), weights = g.tensor("per_sample_weights"), d = g.grad();
    constexpr int64_t kMean = 1, kMax = 2;
    const int64_t mode = g.known_integer("mode");
    if (mode == kMax) {  // result 3: the row that each maximum came from; bags of nothing have a gradient of nothing
      auto filled = g("aten::gt.Scalar", g("aten::unsqueeze", g.value(2), 1), 0);
      return g.give("weight", g("aten::scatter_add", zeros_like(g, table, d.dtype()), 0, g.value(3), g.where(filled, d, 0.0)));
    }
    if (mode == kMean) d = d / g("aten::unsqueeze", g("portfire::maximum.Scalar", g.value(2), 1), 1);
    auto rows = g("aten::index_select", d, 0, bag_of_each(g));
    if (g.wants("per_sample_weights")) {
      auto products = g("aten::sum.dim_IntList", rows * g("aten::index_select", table, 0, indices), std::vector<int64_t>{1}, false);
      g.give("per_sample_weights", g.where(g("aten::eq.Scalar", indices, g.arg("padding_idx")), 0.0, products));
    }
    if (weights) rows = rows * g("aten::unsqueeze", weights, 1);
    if (g.wants("weight"))
      g.give("weight", g("aten::embedding_dense_backward", rows, indices, g.size(table, 0), g.arg("padding_idx"), g.boolean("scale_grad_by_freq")));
  }
  // How many bags begin at or before an index, less one. (Result 1 says it too, but not for every mode.)
  template <class G>
  static auto bag_of_each(G& g) {
    auto indices = g.tensor("indices"), offsets = g.tensor("offsets");
    if (g.boolean("include_last_offset")) offsets = g("aten::slice.Tensor", offsets, 0, 0, g.size(offsets, 0) - 1);
    auto places = g("aten::arange.start_step", 0, g.size(indices, 0), 1, offsets.dtype());
    return g("aten::searchsorted.Tensor", offsets, places, false, true) - 1;
  }
};

template <class G>
void bag(G& g, bool padded) {
  const typename G::Int none = -1;
  g.results(g.all("aten::_embedding_bag", g.tensor("weight"), g.tensor("indices"), g.tensor("offsets"),
                  g.arg("scale_grad_by_freq"), g.arg("mode"), g.arg("sparse"), g.tensor("per_sample_weights"),
                  g.arg("include_last_offset"), padded ? g.integer_or("padding_idx", none) : none));
}
struct EmbeddingBagPublic {
  static constexpr std::string_view schema =
      "aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, "
      "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> "
      "(Tensor, Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    bag(g, false);
  }
};
struct EmbeddingBagPadded {
  static constexpr std::string_view schema =
      "aten::embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, "
      "bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> "
      "(Tensor, Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    bag(g, true);
  }
};
struct EmbeddingBagForward {
  static constexpr std::string_view schema =
      "aten::_embedding_bag_forward_only(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, "
      "int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, "
      "int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    bag(g, true);
  }
};

// y_r = sum of the gradients of the indices that are r, divided by their number with
// scale_grad_by_freq; row padding_idx gets none.
struct EmbeddingDenseBackward {
  static constexpr std::string_view schema =
      "aten::embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, "
      "bool scale_grad_by_freq) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};
struct EmbeddingBackward {
  static constexpr std::string_view schema =
      "aten::embedding_backward(Tensor grad, Tensor indices, SymInt num_weights, SymInt padding_idx, "
      "bool scale_grad_by_freq, bool sparse) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::embedding_dense_backward", g.tensor("grad"), g.tensor("indices"), g.arg("num_weights"),
               g.arg("padding_idx"), g.arg("scale_grad_by_freq")));
  }
};

using Ops = OpList<EmbeddingBag, EmbeddingBagPublic, EmbeddingBagPadded, EmbeddingBagForward, EmbeddingDenseBackward,
                   EmbeddingBackward>;

}  // namespace portfire::ops::embedding_bag
