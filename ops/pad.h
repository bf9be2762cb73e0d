// aten::constant_pad_nd, pad and its modes: borders added to (or, where negative, taken from) the last
// dimensions. `pad` lists (before, after) pairs, last dimension first.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::pad {

struct ConstantPad {
  static constexpr std::string_view schema =
      "aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    std::vector<typename G::Int> back;
    for (auto n : g.ints("pad")) back.push_back(typename G::Int(0) - n);
    g.give("self", g("aten::constant_pad_nd", g.grad(), back, 0.0));
  }
};

// Borders filled from within: position i outside [0, n) shows the element at
//   reflect    -i before, 2(n-1) - i after
//   replicate  the nearest end
//   circular   i mod n, n being what negative paddings leave
enum class Mode { reflect, replicate, circular };
Error infer_pad(const Args& a, Mode mode, std::span<TensorSpec> outs);
Error run_pad(const Args& a, Mode mode, std::span<TensorView> outs);

template <class G>
void give_padded(G& g, std::string_view op) {
  const char* const name = op == "aten::_pad_circular" ? "pad" : "padding";
  give_to_sources(g, static_cast<int>(g.ints(name).size() / 2), [&](auto numbers) { return g(op, numbers, g.arg(name)); });
}

#define PF_PAD(type, mode, schema_text)                                                                         \
  struct type {                                                                                                 \
    static constexpr std::string_view schema = schema_text;                                                     \
    static Error infer(const Args& a, std::span<TensorSpec> outs) { return infer_pad(a, Mode::mode, outs); }    \
    static Error reference(const Args& a, std::span<TensorView> outs) { return run_pad(a, Mode::mode, outs); }  \
    template <class G>                                                                                          \
    static void gradient(G& g) {                                                                                \
      give_padded(g, schema.substr(0, schema.find('(')));                                                       \
    }                                                                                                           \
  };
PF_PAD(Reflection1d, reflect, "aten::reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor")
PF_PAD(Reflection2d, reflect, "aten::reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor")
PF_PAD(Reflection3d, reflect, "aten::reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor")
PF_PAD(Replication1d, replicate, "aten::replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor")
PF_PAD(Replication2d, replicate, "aten::replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor")
PF_PAD(Replication3d, replicate, "aten::replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor")
PF_PAD(Circular, circular, "aten::_pad_circular(Tensor self, SymInt[] pad) -> Tensor")
#undef PF_PAD

template <class G>
void pad_by_mode(G& g, const std::string& mode) {
  auto x = g.tensor("self");
  const size_t n = g.ints("pad").size() / 2;
  if (mode == "constant")
    return g.result(g("aten::constant_pad_nd", x, g.arg("pad"), g.none("value") ? g.to_arg(0) : g.arg("value")));
  if (mode == "circular") return g.result(g("aten::_pad_circular", x, g.arg("pad")));
  const bool reflect = mode == "reflect";
  if ((!reflect && mode != "replicate") || n < 1 || n > 3)
    g.reject("mode " + mode + " over " + std::to_string(n) + " dimensions");
  const char* ops[2][3] = {{"aten::replication_pad1d", "aten::replication_pad2d", "aten::replication_pad3d"},
                           {"aten::reflection_pad1d", "aten::reflection_pad2d", "aten::reflection_pad3d"}};
  g.result(g(ops[reflect][n - 1], x, g.arg("pad")));
}

struct Pad {
  static constexpr std::string_view schema =
      "aten::pad(Tensor self, SymInt[] pad, str mode=\"constant\", float? value=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    pad_by_mode(g, g.string("mode"));
  }
};
struct PadEnum {
  static constexpr std::string_view schema =
      "aten::_pad_enum(Tensor self, SymInt[] pad, int mode, float? value=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    const char* names[] = {"reflect", "replicate", "circular", "constant"};
    const int64_t mode = g.known_integer("mode");
    if (mode < 0 || mode > 3) g.reject("mode " + std::to_string(mode));
    pad_by_mode(g, names[mode]);
  }
};

using Ops = OpList<ConstantPad, Reflection1d, Reflection2d, Reflection3d, Replication1d, Replication2d, Replication3d,
                   Circular, Pad, PadEnum>;

}  // namespace portfire::ops::pad
