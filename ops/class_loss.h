// Losses of class scores: the class dimension is 1, or 0 where that is all there is.
// reduction: 0 none, 1 mean (by weight), 2 sum.
#pragma once

#include <vector>

#include "ops/composite.h"

namespace portfire::ops::class_loss {

template <class T>
int64_t class_dim(T x) {
  return x.rank() < 2 ? 0 : 1;
}
// A vector over classes, shaped to broadcast with scores x.
template <class G, class T>
T over_classes(G& g, T weight, T x) {
  auto sizes = g.sizes(x);
  for (int d = 0; d < x.rank(); ++d)
    if (d != class_dim(x)) sizes[d] = 1;
  return g.reshape(weight, sizes);
}
// Element target_n of x along the class dimension, for each n.
template <class G, class T>
T picked(G& g, T x, T target) {
  const int64_t dim = class_dim(x);
  return g("aten::squeeze.dim", g("aten::gather", x, dim, g("aten::unsqueeze", target, dim)), dim);
}

// loss_n = -w_{t_n} x_{n, t_n}, 0 where t_n is ignore_index; and sum_n w_{t_n}
template <class G, class T>
std::vector<T> nll(G& g, T x, T target) {
  T weight = g.tensor("weight");
  T counts = g("aten::ne.Scalar", target, g.arg("ignore_index"));
  T safe = g.where(counts, target, 0);
  T weights;  // of each n
  if (weight) {
    T spread = g("aten::expand", over_classes(g, weight, x), g.sizes(x));
    weights = g.where(counts, picked(g, spread, safe), 0);
  } else {
    weights = g.cast(counts, x.dtype());
  }
  T loss = -picked(g, x, safe);
  loss = g.where(counts, weight ? loss * weights : loss, 0);
  const int64_t reduction = g.known_integer("reduction");
  if (reduction == 0) return {loss, g.full({}, 0, x.dtype())};
  T total = g("aten::sum", weights), sum = g("aten::sum", loss);
  return {reduction == 1 ? sum / total : sum, total};
}
#define PF_NLL(type, name)                                                                                             \
  PF_COMPOSITE(type, "aten::" name "(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt "        \
                     "ignore_index=-100) -> Tensor") {                                                                 \
    g.result(nll(g, g.tensor("self"), g.tensor("target"))[0]);                                                         \
  }
#define PF_NLL_FORWARD(type, name)                                                                                     \
  PF_COMPOSITE(type, "aten::" name "(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) " \
                     "-> (Tensor output, Tensor total_weight)") {                                                      \
    g.results(nll(g, g.tensor("self"), g.tensor("target")));                                                           \
  }
PF_NLL(NllLoss, "nll_loss")
PF_NLL(NllLoss2d, "nll_loss2d")
PF_NLL(NllLossNd, "nll_loss_nd")
PF_NLL_FORWARD(NllLossForward, "nll_loss_forward")
PF_NLL_FORWARD(NllLoss2dForward, "nll_loss2d_forward")
#undef PF_NLL
#undef PF_NLL_FORWARD

// nll of log softmax. The target is a class, or the probability of each. Label smoothing s mixes it
// with the uniform distribution: (1 - s) target + s / classes.
PF_COMPOSITE(CrossEntropyLoss,
             "aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt "
             "ignore_index=-100, float label_smoothing=0.) -> Tensor") {
  auto x = g.tensor("self"), target = g.tensor("target"), weight = g.tensor("weight");
  const int64_t dim = class_dim(x), reduction = g.known_integer("reduction");
  const double smoothing = g.real("label_smoothing");
  auto log = g("aten::log_softmax.int", x, dim);
  const auto sum_classes = [&](typename G::Tensor v) { return g("aten::sum.dim_IntList", v, std::vector<int64_t>{dim}); };
  const auto classes = g.size(x, dim);
  auto weighted = weight ? log * over_classes(g, weight, x) : log;

  if (is_floating(target.dtype())) {
    if (smoothing > 0) {
      auto uniform = g("aten::div.Scalar", g.scalar_tensor(smoothing, target.dtype()), classes);
      target = target * (1 - smoothing) + uniform;
    }
    auto loss = -sum_classes(weighted * target);
    if (reduction == 0) return g.result(loss);
    auto sum = g("aten::sum", loss);
    if (reduction == 2) return g.result(sum);
    return g.result(sum / g.numel(loss));
  }

  auto parts = nll(g, log, target);
  if (smoothing == 0) return g.result(parts[0]);
  auto counts = g("aten::ne.Scalar", target, g.arg("ignore_index"));
  auto smooth = g.where(counts, -sum_classes(weighted), 0);
  if (reduction != 0) smooth = g("aten::sum", smooth);
  if (reduction == 1) smooth = smooth / parts[1];
  g.result(parts[0] * (1 - smoothing) + g("aten::div.Scalar", smooth * smoothing, classes));
}

// Rows of scores: [n, classes], also where there is only one.
template <class G, class T>
T rows(G& g, T x) {
  return x.rank() < 2 ? g.reshape(x, {1, g.numel(x)}) : x;
}
template <class G, class T>
T reduced(G& g, T loss) {
  const int64_t reduction = g.known_integer("reduction");
  return reduction == 0 ? loss : g(reduction == 1 ? "aten::mean" : "aten::sum", loss);
}

// sum_{j != t} w_t max(0, margin - x_t + x_j)^p / classes
PF_COMPOSITE(MultiMarginLoss,
             "aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, "
             "int reduction=1) -> Tensor") {
  auto scores = g.tensor("self"), x = rows(g, scores), target = g.tensor("target"), weight = g.tensor("weight");
  const auto n = g.size(x, 0), classes = g.size(x, 1);
  auto column = g.reshape(target, {n, 1});
  auto z = g("portfire::maximum.Scalar", x - g("aten::gather", x, 1, column) + g.arg("margin"), 0);
  if (g.real("p") == 2) z = z * z;
  if (weight) z = z * g.reshape(g("aten::index_select", weight, 0, g.reshape(target, {n})), {n, 1});
  auto class_ids = g("aten::arange", classes, target.dtype());
  z = g.where(g("aten::eq.Tensor", class_ids, column), 0, z);
  auto loss = g("aten::mean.dim", z, std::vector<int64_t>{1});
  g.result(reduced(g, scores.rank() < 2 ? g.reshape(loss, {}) : loss));
}

// sum over targets t and classes j that are none of max(0, 1 - x_t + x_j) / classes. Targets of a row
// end at the first -1. The second result marks the classes that are targets.
template <class G>
auto multilabel_margin(G& g) {
  auto scores = g.tensor("self"), x = rows(g, scores), target = rows(g, g.tensor("target"));
  const auto classes = g.size(x, 1);
  auto ids = g("aten::arange", classes, target.dtype());
  auto ends = g.where(g("aten::eq.Scalar", target, -1), ids, classes);
  auto valid = g("aten::lt.Tensor", ids, g("aten::amin", ends, std::vector<int64_t>{1}, true));
  auto target_scores = g("aten::gather", x, 1, g.where(valid, target, 0));
  // [n, targets, classes]
  auto hit = g("aten::eq.Tensor", ids, g("aten::unsqueeze", g.where(valid, target, -1), 2));
  auto is_target = g("aten::any.dim", hit, 1);
  auto z = g("aten::unsqueeze", x, 1) - g("aten::unsqueeze", target_scores, 2) + 1;
  z = g("aten::div.Scalar", g("portfire::maximum.Scalar", z, 0), classes);
  z = g.where(g("aten::unsqueeze", is_target, 1), 0, z);
  z = g.where(g("aten::unsqueeze", valid, 2), z, 0);
  auto loss = g("aten::sum.dim_IntList", z, std::vector<int64_t>{1, 2});
  if (scores.rank() < 2) loss = g.reshape(loss, {});
  is_target = g.reshape(g.cast(is_target, x.dtype()), g.sizes(g.tensor("target")));
  return std::vector{reduced(g, loss), is_target};
}
PF_COMPOSITE(MultilabelMarginLoss, "aten::multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor") {
  g.result(multilabel_margin(g)[0]);
}
PF_COMPOSITE(MultilabelMarginLossForward,
             "aten::multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, "
             "Tensor is_target)") {
  g.results(multilabel_margin(g));
}

using Ops = OpList<NllLoss, NllLoss2d, NllLossNd, NllLossForward, NllLoss2dForward, CrossEntropyLoss, MultiMarginLoss,
                   MultilabelMarginLoss, MultilabelMarginLossForward>;

}  // namespace portfire::ops::class_loss
