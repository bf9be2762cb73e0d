// Losses that compare element by element, then reduce: 0 not at all, 1 to the mean, 2 to the sum.
#pragma once

#include <cmath>

#include "ops/composite.h"

namespace portfire::ops::loss {

template <class G, class T>
T reduce(G& g, T x) {
  switch (g.known_integer("reduction")) {
    case 0: return x;
    case 1: return g("aten::mean", x);
    case 2: return g("aten::sum", x);
    default: g.reject("reduction out of range (expected 0, 1 or 2)");
  }
}
// max(x, 0)
template <class G, class T>
T positive_part(G& g, T x) {
  return g("portfire::maximum.Scalar", x, 0);
}
// c - x
template <class G, class T, class C>
T from(G& g, C c, T x) {
  return g("portfire::sub.Scalar_Tensor", c, x);
}

PF_COMPOSITE(MseLoss, "aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor") {
  auto d = g.tensor("self") - g.tensor("target");
  g.result(reduce(g, d * d));
}
PF_COMPOSITE(L1Loss, "aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor") {
  g.result(reduce(g, g("aten::abs", g.tensor("self") - g.tensor("target"))));
}
// |d| < beta: d^2 / (2 beta); else |d| - beta / 2
PF_COMPOSITE(SmoothL1Loss,
             "aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor") {
  auto x = g.tensor("self"), y = g.tensor("target");
  const double beta = g.real("beta");
  if (beta == 0) return g.result(reduce(g, g("aten::abs", x - y)));
  auto loss = g("portfire::smooth_l1", widen(g, x), widen(g, y), beta);
  g.result(reduce(g, g.cast(loss, float_result(promote(x.dtype(), y.dtype())))));
}
// |d| <= delta: d^2 / 2; else delta (|d| - delta / 2)
PF_COMPOSITE(HuberLoss, "aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor") {
  auto x = g.tensor("self"), y = g.tensor("target");
  auto loss = g("portfire::huber", widen(g, x), widen(g, y), g.real("delta"));
  g.result(reduce(g, g.cast(loss, float_result(promote(x.dtype(), y.dtype())))));
}
// log(1 + exp(-x y))
PF_COMPOSITE(SoftMarginLoss, "aten::soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor") {
  g.result(reduce(g, g("aten::log1p", g("aten::exp", -g.tensor("self") * g.tensor("target")))));
}

// -w (y log x + (1 - y) log(1 - x)), logarithms no less than -100
PF_COMPOSITE(BinaryCrossEntropy,
             "aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor") {
  auto x = g.tensor("self"), y = g.tensor("target"), weight = g.tensor("weight");
  const auto bounded = [&](typename G::Tensor v) { return g("portfire::maximum.Scalar", v, -100); };
  auto loss = (y - 1) * bounded(g("aten::log1p", -x)) - y * bounded(g("aten::log", x));
  g.result(reduce(g, weight ? loss * weight : loss));
}
// w ((1 - y) x - (1 + (p - 1) y) log sigmoid x)
PF_COMPOSITE(BinaryCrossEntropyWithLogits,
             "aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? "
             "pos_weight=None, int reduction=1) -> Tensor") {
  auto x = g.tensor("self"), y = g.tensor("target"), weight = g.tensor("weight"), positive = g.tensor("pos_weight");
  auto log = g("aten::log_sigmoid", x);
  if (positive) log = ((positive - 1) * y + 1) * log;
  auto loss = from(g, 1, y) * x - log;
  g.result(reduce(g, weight ? loss * weight : loss));
}
// y (log y - x), x a log probability, 0 where y is; with log_target exp(y) (y - x)
PF_COMPOSITE(KlDiv,
             "aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor") {
  auto x = g.tensor("self"), y = g.tensor("target");
  auto loss = g.boolean("log_target") ? g("aten::exp", y) * (y - x) : g("aten::xlogy.Tensor", y, y) - y * x;
  g.result(reduce(g, loss));
}
// log_input: exp(x) - y x; else x - y log(x + eps). full adds Stirling's approximation of log y!.
PF_COMPOSITE(PoissonNllLoss,
             "aten::poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) "
             "-> Tensor") {
  auto x = g.tensor("input"), y = g.tensor("target");
  auto loss = g.boolean("log_input") ? g("aten::exp", x) - y * x : x - y * g("aten::log", x + g.real("eps"));
  if (g.boolean("full")) {
    auto stirling = y * g("aten::log", y) - y + g("aten::log", y * 6.2831853071795864769) * 0.5;
    loss = loss + g.where(g("aten::le.Scalar", y, 1), 0, stirling);
  }
  g.result(reduce(g, loss));
}

// y = 1: x; y = -1: max(0, margin - x)
PF_COMPOSITE(HingeEmbeddingLoss,
             "aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor") {
  auto x = g.tensor("self"), y = g.tensor("target");
  auto hinge = g.where(g("aten::ne.Scalar", y, 1), positive_part(g, from(g, g.real("margin"), x)), 0);
  g.result(reduce(g, hinge + g.where(g("aten::ne.Scalar", y, -1), x, 0)));
}
// max(0, -y (a - b) + margin)
PF_COMPOSITE(MarginRankingLoss,
             "aten::margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) "
             "-> Tensor") {
  auto difference = -g.tensor("target") * (g.tensor("input1") - g.tensor("input2"));
  g.result(reduce(g, positive_part(g, difference + g.real("margin"))));
}
// y = 1: 1 - cos; y = -1: max(0, cos - margin)
PF_COMPOSITE(CosineEmbeddingLoss,
             "aten::cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int "
             "reduction=1) -> Tensor") {
  auto a = g.tensor("input1"), b = g.tensor("input2"), y = g.tensor("target");
  const std::vector<int64_t> dim{y.rank()};
  const auto sum = [&](typename G::Tensor v) { return g("aten::sum.dim_IntList", v, dim); };
  constexpr double kEpsilon = 1e-12;
  auto cosine = sum(a * b) / g("aten::sqrt", (sum(a * a) + kEpsilon) * (sum(b * b) + kEpsilon));
  auto alike = g.where(g("aten::eq.Scalar", y, 1), from(g, 1, cosine), 0);
  auto unlike = g.where(g("aten::eq.Scalar", y, -1), positive_part(g, cosine - g.real("margin")), 0);
  g.result(reduce(g, alike + unlike));
}
// max(0, margin + |a - p| - |a - n|); swap takes |p - n| where that is less than |a - n|
PF_COMPOSITE(TripletMarginLoss,
             "aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., "
             "float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor") {
  auto anchor = g.tensor("anchor"), positive = g.tensor("positive"), negative = g.tensor("negative");
  const auto distance = [&](typename G::Tensor x, typename G::Tensor y) {
    return g("aten::pairwise_distance", x, y, g.real("p"), g.real("eps"));
  };
  auto near = distance(anchor, positive), far = distance(anchor, negative);
  if (g.boolean("swap")) far = g("aten::minimum", far, distance(positive, negative));
  g.result(reduce(g, positive_part(g, near - far + g.real("margin"))));
}

using Ops = OpList<MseLoss, L1Loss, SmoothL1Loss, HuberLoss, SoftMarginLoss, BinaryCrossEntropy,
                   BinaryCrossEntropyWithLogits, KlDiv, PoissonNllLoss, HingeEmbeddingLoss, MarginRankingLoss,
                   CosineEmbeddingLoss, TripletMarginLoss>;

}  // namespace portfire::ops::loss
