// The greatest or least element of each row and where it stands first. NaN counts as both.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::arg_reduce {

// values = max_j x_j along `dim`, indices = the first j that has it
struct MaxDim {
  static constexpr std::string_view schema =
      "aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, g.boolean("keepdim"), false);
  }
};
struct MinDim {
  static constexpr std::string_view schema =
      "aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return MaxDim::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, g.boolean("keepdim"), false);
  }
};
// The first j with the greatest x_j along `dim`; None counts through the flattened tensor.
struct Argmax {
  static constexpr std::string_view schema = "aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct Argmin {
  static constexpr std::string_view schema = "aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Argmax::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<MaxDim, MinDim, Argmax, Argmin>;

}  // namespace portfire::ops::arg_reduce
