// What batch norm computes where it trains, of x [N,C,...] (ops/batch_norm.h):
//   portfire::batch_norm_train     y = (x - mean) / sqrt(var + eps) * w[c] + b[c], and mean and var of each channel
//   portfire::batch_norm_backward  the gradients of x, w and b, of a result whose gradient is d. With z = (x - mean) / sqrt(var + eps)
//                                  and means over a channel:
//                                  w / sqrt(var + eps) * (d - mean d - z mean(d z)), sum d z, sum d
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::batch_norm_train {

// All dimensions but the channels', how many elements of a channel there are, and a vector over channels as it meets x.
template <class G, class T>
struct Channels {
  G& g;
  T x;
  std::vector<int64_t> dims() const {
    std::vector<int64_t> out{0};
    for (int64_t d = 2; d < x.rank(); ++d) out.push_back(d);
    return out;
  }
  auto count() const {
    auto n = g.size(x, 0);
    for (int64_t d = 2; d < x.rank(); ++d) n = n * g.size(x, d);
    return n;
  }
  T spread(T v) const {
    std::vector<typename G::Int> sizes{g.size(x, 1)};
    for (int d = 2; d < x.rank(); ++d) sizes.push_back(1);
    return g.reshape(v, sizes);
  }
  T sum(T v) const { return g("aten::sum.dim_IntList", v, dims()); }
};

struct BatchNormTrain {
  static constexpr std::string_view schema = "portfire::batch_norm_train(Tensor input, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  // Planes of f32 have a kernel.
  template <class G>
  static bool whole(G& g) {
    return g.tensor("input").rank() > 2 && g.tensor("input").dtype() == DType::f32;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("input"), w = g.tensor("weight"), b = g.tensor("bias");
    const Channels<G, decltype(x)> c{g, x};
    auto mean = g("aten::mean.dim", x, c.dims()), off = x - c.spread(mean);
    auto var = g("portfire::sum_squares", off, c.dims(), false) / g.scalar_tensor(c.count(), x.dtype());
    auto invstd = g("aten::rsqrt", var + g.arg("eps")), y = off * c.spread(w ? invstd * w : invstd);
    g.results({b ? y + c.spread(b) : y, mean, var});
  }
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("input"), mean = g.value(1), var = g.value(2);
    const Channels<G, decltype(x)> c{g, x};
    if (g.grad(0)) {
      auto all = g.all("portfire::batch_norm_backward", g.grad(), x, g.arg("weight"), mean, var, g.arg("eps"));
      g.give("input", all[0]);
      g.give("weight", all[1]);
      g.give("bias", all[2]);
    }
    // mean = sum x / count, var = sum (x - mean)^2 / count
    auto n = g.scalar_tensor(c.count(), x.dtype());
    if (g.grad(1)) g.give("input", g("aten::expand", c.spread(g.grad(1) / n), g.sizes(x)));
    if (g.grad(2)) g.give("input", (x - c.spread(mean)) * c.spread(g.grad(2) * 2.0 / n));
  }
};

struct BatchNormBackward {
  static constexpr std::string_view schema =
      "portfire::batch_norm_backward(Tensor grad_output, Tensor input, Tensor? weight, Tensor mean, Tensor var, float eps) -> (Tensor, Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void decompose(G& g) {
    auto d = g.tensor("grad_output"), x = g.tensor("input"), w = g.tensor("weight");
    const Channels<G, decltype(x)> c{g, x};
    auto n = g.scalar_tensor(c.count(), x.dtype()), invstd = g("aten::rsqrt", g.tensor("var") + g.arg("eps"));
    auto z = (x - c.spread(g.tensor("mean"))) * c.spread(invstd), sum = c.sum(d), sum_z = c.sum(d * z);
    g.results({(d - c.spread(sum / n) - z * c.spread(sum_z / n)) * c.spread(w ? invstd * w : invstd), sum_z, sum});
  }
};

using Ops = OpList<BatchNormTrain, BatchNormBackward>;

}  // namespace portfire::ops::batch_norm_train
