// aten::flip, roll, rot90: the same elements in another order along dimensions.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::flip {

// y_i = x_{n - 1 - i} along each of `dims`
struct Flip {
  static constexpr std::string_view schema = "aten::flip(Tensor self, int[] dims) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::flip", g.grad(), g.arg("dims")));
  }
};

// y_i = x_{(i - shift) mod n} along each of `dims`; without dims, along all of them as one.
struct Roll {
  static constexpr std::string_view schema = "aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    std::vector<typename G::Int> back;
    for (auto shift : g.ints("shifts")) back.push_back(typename G::Int(0) - shift);
    g.give("self", g("aten::roll", g.grad(), back, g.arg("dims")));
  }
};

struct Fliplr {
  static constexpr std::string_view schema = "aten::fliplr(Tensor self) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::flip", g.tensor("self"), std::vector<int64_t>{1}));
  }
};
struct Flipud {
  static constexpr std::string_view schema = "aten::flipud(Tensor self) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::flip", g.tensor("self"), std::vector<int64_t>{0}));
  }
};

// k quarter turns from dims[0] towards dims[1].
struct Rot90 {
  static constexpr std::string_view schema = "aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const auto dims = g.known_ints("dims");
    if (dims.size() != 2) g.reject("2 dims expected");
    const std::vector<int64_t> first{dims[0]}, second{dims[1]};
    switch (((g.known_integer("k") % 4) + 4) % 4) {
      case 1: return g.result(g("aten::transpose.int", g("aten::flip", x, second), dims[0], dims[1]));
      case 2: return g.result(g("aten::flip", x, dims));
      case 3: return g.result(g("aten::transpose.int", g("aten::flip", x, first), dims[0], dims[1]));
      default: return g.result(x);
    }
  }
};

using Ops = OpList<Flip, Roll, Fliplr, Flipud, Rot90>;

}  // namespace portfire::ops::flip
