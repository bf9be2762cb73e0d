// quantized_decomposed::choose_qparams*: scale and zero point of numbers from their extremes, 0 always being within.
#pragma once

#include <limits>

#include "ops/affine_blocks.h"
#include "ops/op.h"

namespace portfire::ops::choose_qparams {

struct Qparams {
  double scale;
  int64_t zero_point;
};
// As ExecuTorch's kernels choose them for integers low..high: a scale whose reciprocal would be infinite becomes 0.1, one less than
// 6.1e-5 becomes that, and the zero point is computed from the end where its rounding is smaller.
Qparams choose(float least, float most, int64_t low, int64_t high);

struct Extremes {
  double least = std::numeric_limits<double>::infinity(), most = -std::numeric_limits<double>::infinity();
  bool nan = false;  // one of the numbers is: they have no extremes
  void add(double v) {
    nan |= v != v;
    least = std::min(least, v);
    most = std::max(most, v);
  }
};
enum class Rule { runtime, affine, symmetric };
// Gives the results of a call of Runtime, Affine or Symmetric whose input has these extremes.
void store(const Args& a, std::span<TensorView> outs, const Extremes& e, Rule rule);

// For the whole tensor, as ExecuTorch's kernel does it: `eps` is not asked.
struct Runtime {
  static constexpr std::string_view schema =
      "quantized_decomposed::choose_qparams.Tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType dtype) -> (Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
// As PyTorch does it: (most - least) / (quant_max - quant_min) in the input's dtype, at least eps.
struct Affine {
  static constexpr std::string_view schema =
      "quantized_decomposed::choose_qparams.tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType dtype) -> (Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Runtime::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct Symmetric {
  static constexpr std::string_view schema =
      "quantized_decomposed::choose_qparams_symmetric.tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType dtype) -> "
      "(Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Runtime::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// For each row of the last dimension, of -128..127 whatever `dtype` says.
struct PerTokenAsymmetric {
  static constexpr std::string_view schema =
      "quantized_decomposed::choose_qparams_per_token_asymmetric(Tensor input, ScalarType dtype) -> (Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct PerTokenAsymmetricImpl {
  static constexpr std::string_view schema =
      "quantized_decomposed::_choose_qparams_per_token_asymmetric_impl(Tensor input, ScalarType dtype) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    g.results(g.all("quantized_decomposed::choose_qparams_per_token_asymmetric", g.tensor("input"), g.arg("dtype")));
  }
};
// Of -127..127, without zero points.
struct PerToken {
  static constexpr std::string_view schema =
      "quantized_decomposed::choose_qparams_per_token(Tensor input, ScalarType dtype) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    if (const auto t = g.dtype("dtype"); t && *t != DType::i8) g.refuse("parameters of another dtype than i8");
    auto x = g.tensor("input");
    auto most = g("aten::amax", g("aten::abs", x), std::vector<int64_t>{-1}, true);
    if (most.dtype() == DType::f16) most = g.cast(most, DType::f32);
    auto scales = g("aten::clamp", most, 1e-5) / 127;
    g.results({scales, scales * 0.0});
  }
};

using Ops = OpList<Runtime, Affine, Symmetric, PerTokenAsymmetric, PerTokenAsymmetricImpl, PerToken>;

}  // namespace portfire::ops::choose_qparams
