// aten::batch_norm of x [N,C,...]: y = (x - mean) / sqrt(var + eps) * w[c] + b[c], the statistics
// given (inference) or taken over all but channels (training, which also moves the running ones:
// running = (1 - momentum) * running + momentum * now, the variance unbiased).
//
// Inference is y = x * scale + shift with scale and shift per channel, which are constants of most
// programs and fold away or into a convolution before it.
#pragma once

#include "ops/batch_norm_train.h"
#include "ops/layer_norm.h"
#include "ops/op.h"

namespace portfire::ops::batch_norm {

// [C] as [C,1,...], to meet the channels of a tensor of `rank`.
template <class G, class T>
T per_channel(G& g, T v, int rank, DType dtype) {
  auto sizes = g.sizes(v);
  sizes.resize(rank > 2 ? static_cast<size_t>(rank) - 1 : 1, 1);
  return g.reshape(g.cast(v, dtype), sizes);
}

template <class G, class T>
T scale_and_shift(G& g, T x, T w, T b, T mean, T invstd) {
  const DType t = layer_norm::wide(x.dtype());
  auto scale = w ? g.cast(invstd, t) * g.cast(w, t) : g.cast(invstd, t);
  auto shift = -(g.cast(mean, t) * scale);
  if (b) shift = shift + g.cast(b, t);
  auto y = g.cast(x, t) * per_channel(g, scale, x.rank(), t) + per_channel(g, shift, x.rank(), t);
  return g.cast(y, x.dtype());
}

template <class G, class T>
T infer_only(G& g, T x, T w, T b, T mean, T var, double eps) {
  auto invstd = g("aten::rsqrt", g.cast(var, layer_norm::wide(x.dtype())) + eps);
  return scale_and_shift(g, x, w, b, mean, invstd);
}

template <class T>
struct Trained {
  T y, mean, invstd;               // of this batch
  T running_mean, running_var;     // the new ones; absent where there are none
};

template <class G, class T>
Trained<T> train(G& g, T x, T w, T b, T running_mean, T running_var, double momentum, double eps) {
  const DType t = layer_norm::wide(x.dtype()), saved = w ? w.dtype() : x.dtype();
  const auto all = g.all("portfire::batch_norm_train", g.cast(x, t), w ? g.cast(w, t) : w, b ? g.cast(b, t) : b, eps);
  const T mean = all[1], var = all[2], invstd = g("aten::rsqrt", var + eps);
  Trained<T> out{g.cast(all[0], x.dtype()), g.cast(mean, saved), g.cast(invstd, saved), {}, {}};
  if (running_mean)
    out.running_mean =
        g.cast(running_mean * (1 - momentum) + mean * momentum, running_mean.dtype());
  if (running_var) {
    // var * n / (n - 1); one value alone has no unbiased variance (0 / 0).
    const auto count = batch_norm_train::Channels<G, T>{g, x}.count();
    auto unbiased = var * g.scalar_tensor(count, t) / g.scalar_tensor(count - 1, t);
    out.running_var =
        g.cast(running_var * (1 - momentum) + unbiased * momentum, running_var.dtype());
  }
  return out;
}

template <class G>
auto train_named(G& g) {
  return train(g, g.tensor("input"), g.tensor("weight"), g.tensor("bias"), g.tensor("running_mean"),
               g.tensor("running_var"), g.real("momentum"), g.real("eps"));
}
template <class G>
auto infer_named(G& g) {
  return infer_only(g, g.tensor("input"), g.tensor("weight"), g.tensor("bias"),
                    g.tensor("running_mean"), g.tensor("running_var"), g.real("eps"));
}
// Saved statistics of an inference call: there are none.
template <class G>
auto no_statistics(G& g) {
  auto w = g.tensor("weight");
  return g.full({0}, 0.0, w ? w.dtype() : g.tensor("input").dtype());
}
template <class G, class Out>
void update_running(G& g, const Out& out) {
  if (out.running_mean) g("aten::copy_", g.tensor("running_mean"), out.running_mean);
  if (out.running_var) g("aten::copy_", g.tensor("running_var"), out.running_var);
}

// Writes the running statistics where it trains.
template <class G>
void decompose_in_place(G& g, bool y_only) {
  if (!g.boolean("training") && !g.none("running_mean")) {
    auto y = infer_named(g), none = no_statistics(g);
    return y_only ? g.result(y) : g.results({y, none, none});
  }
  const auto out = train_named(g);
  if (g.boolean("training")) update_running(g, out);
  y_only ? g.result(out.y) : g.results({out.y, out.mean, out.invstd});
}

struct BatchNorm {
  static constexpr std::string_view schema =
      "aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? "
      "running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    decompose_in_place(g, true);
  }
};

struct NativeBatchNorm {
  static constexpr std::string_view schema =
      "aten::native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
      "Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    decompose_in_place(g, false);
  }
};

struct Legit {
  static constexpr std::string_view schema =
      "aten::_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) "
      "running_mean, Tensor(b!) running_var, bool training, float momentum, float eps) -> (Tensor, "
      "Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    decompose_in_place(g, false);
  }
};

struct LegitNoStats {
  static constexpr std::string_view schema =
      "aten::_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool "
      "training, float momentum, float eps) -> (Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    decltype(g.tensor("input")) absent;
    const auto out = train(g, g.tensor("input"), g.tensor("weight"), g.tensor("bias"), absent,
                           absent, g.real("momentum"), g.real("eps"));
    g.results({out.y, out.mean, out.invstd});
  }
};

struct LegitNoTraining {
  static constexpr std::string_view schema =
      "aten::_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, "
      "Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, "
      "Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto y = infer_named(g), none = no_statistics(g);
    g.results({y, none, none});
  }
};

// Gives the running statistics instead of writing them.
struct LegitFunctional {
  static constexpr std::string_view schema =
      "aten::_native_batch_norm_legit_functional(Tensor input, Tensor? weight, Tensor? bias, "
      "Tensor running_mean, Tensor running_var, bool training, float momentum, float eps) -> "
      "(Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor running_var_out)";
  template <class G>
  static void decompose(G& g) {
    if (g.boolean("training")) {
      const auto out = train_named(g);
      return g.results({out.y, out.mean, out.invstd, out.running_mean, out.running_var});
    }
    auto y = infer_named(g), none = no_statistics(g);
    g.results({y, none, none, g.tensor("running_mean"), g.tensor("running_var")});
  }
};

// The fourth result is memory that only some backends use.
template <class G>
auto no_reserve(G& g) {
  return g.full({0}, 0, DType::u8);
}

struct WithUpdate {
  static constexpr std::string_view schema =
      "aten::_batch_norm_with_update(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) "
      "running_mean, Tensor(b!) running_var, float momentum, float eps) -> (Tensor, Tensor, "
      "Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    const auto out = train_named(g);
    update_running(g, out);
    g.results({out.y, out.mean, out.invstd, no_reserve(g)});
  }
};

struct WithUpdateFunctional {
  static constexpr std::string_view schema =
      "aten::_batch_norm_with_update_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor "
      "running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, "
      "Tensor, Tensor running_mean_out, Tensor running_var_out)";
  template <class G>
  static void decompose(G& g) {
    const auto out = train_named(g);
    g.results({out.y, out.mean, out.invstd, no_reserve(g), out.running_mean, out.running_var});
  }
};

struct NoUpdate {
  static constexpr std::string_view schema =
      "aten::_batch_norm_no_update(Tensor input, Tensor? weight, Tensor? bias, Tensor? "
      "running_mean, Tensor? running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, "
      "Tensor)";
  template <class G>
  static void decompose(G& g) {
    if (g.none("running_mean")) {
      const auto out = train_named(g);
      return g.results({out.y, out.mean, out.invstd, no_reserve(g)});
    }
    auto y = infer_named(g), none = no_statistics(g);
    g.results({y, none, none, no_reserve(g)});
  }
};

using Ops = OpList<BatchNorm, NativeBatchNorm, Legit, LegitNoStats, LegitNoTraining,
                   LegitFunctional, WithUpdate, WithUpdateFunctional, NoUpdate>;

}  // namespace portfire::ops::batch_norm
