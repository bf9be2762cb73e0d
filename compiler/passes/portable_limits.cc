// Operators that ExecuTorch's portable library has, but not for all that ATen takes: what its kernels refuse when they run, or get wrong
// (as of 1.4.1), is said in others here. A rule's result must not need a rule of the same operator.
#include <algorithm>
#include <map>

#include "compiler/passes/portable_forms.h"

namespace portfire::passes {
namespace {

using ir::Int;
using ir::Tensor;
using ir::Type;

struct Limit {
  bool (*beyond)(const PortableCall&);  // whether the kernel does not take this call
  Tensor (*rule)(const PortableCall&);
};

DType result(const PortableCall& c) { return c.b.hint->dtype; }
bool is_half(DType t) { return t == DType::f16 || t == DType::bf16; }

// x - max - log(sum(exp(x - max)))
Tensor log_softmax(const PortableCall& c) {
  Tensor x = c.tensor(0);
  if (x.rank() == 0) return x * 0.0;
  const std::vector<int64_t> dim{*c.args[1].integer()};
  x = x - c.b("aten::amax", x, dim, true);
  return x - c.b("aten::log", c.b("aten::sum.dim_IntList", c.b("aten::exp", x), dim, true));
}

// The whole operator in f32.
Tensor layer_norm(const PortableCall& c, size_t which) {
  std::vector<Arg> args = c.args;
  for (size_t k : {0u, 2u, 3u})
    if (args[k].ref()) args[k] = c.b.cast(c.tensor(k), DType::f32);
  return c.b.many("aten::native_layer_norm", args)[which];
}

// Negative padding takes away.
bool takes_away(const PortableCall& c) {
  for (const Arg& pad : *c.args[1].list())
    if (pad.integer() && *pad.integer() < 0) return true;
  return false;
}
Tensor cut_and_padded(const PortableCall& c) {
  Tensor x = c.tensor(0);
  Arg::List pads = *c.args[1].list();
  for (size_t k = 0; k + 1 < pads.size(); k += 2) {
    const int64_t dim = x.rank() - 1 - static_cast<int64_t>(k / 2);
    int64_t cut[2] = {0, 0};
    for (size_t side : {0u, 1u})
      if (pads[k + side].integer() && *pads[k + side].integer() < 0) {
        cut[side] = -*pads[k + side].integer();
        pads[k + side] = 0;
      }
    if (cut[0] || cut[1]) x = c.b("aten::slice.Tensor", x, dim, cut[0], c.b.size(x, dim) - cut[1], 1);
  }
  bool none = true;
  for (const Arg& pad : pads) none = none && pad == Arg(0);
  return none ? c.b("aten::clone", x, 0) : c.b("aten::constant_pad_nd", x, Arg(pads), c.args[2]);
}

// A convolution in three dimensions is a sum of those in two, one for each tap of the first: all planes that it meets are a batch.
// A transposed one meets them as one of stride 1 does, from the other end, once zeros stand between them.
bool is_volume(const PortableCall& c) { return c.tensor(0).rank() == 5; }
Tensor volume_convolution(const PortableCall& c) {
  Builder& b = c.b;
  const auto number = [&](size_t arg, size_t k) { return *(*c.args[arg].list())[k].integer(); };
  const auto planar = [&](size_t arg) { return Arg(Arg::List{(*c.args[arg].list())[1], (*c.args[arg].list())[2]}); };
  const bool transposed = *c.args[6].boolean();
  const int64_t stride = number(3, 0), padding = number(4, 0), dilation = number(5, 0);
  Tensor x = c.tensor(0);
  const Tensor w = c.tensor(1);
  const int64_t taps = w.type().sizes[2].at[0], reach = dilation * (taps - 1);
  const Int batch = b.size(x, 0), channels = b.size(x, 1), depth = b.size(x, 2);
  int64_t before = padding, behind = padding, first = 0;
  Int planes = floor_div(depth + (2 * padding - (reach + 1)), stride) + 1;
  if (transposed) {
    planes = (depth - 1) * stride + (reach - 2 * padding + number(7, 0) + 1);
    if (stride > 1) {
      const Tensor apart = b("aten::constant_pad_nd", b("aten::unsqueeze", x, 3), std::vector<int64_t>{0, 0, 0, 0, 0, stride - 1}, 0);
      x = b.reshape(apart, {batch, channels, depth * stride, b.size(x, 3), b.size(x, 4)});
    }
    before = std::max<int64_t>(0, reach - padding);
    behind = std::max<int64_t>(0, reach - padding + number(7, 0) + 1 - stride);
    first = padding + before;
  }
  if (before || behind) x = b("aten::constant_pad_nd", x, std::vector<int64_t>{0, 0, 0, 0, before, behind}, 0);
  const int64_t step = transposed ? 1 : stride;
  Tensor sum;
  for (int64_t tap = 0; tap < taps; ++tap) {
    const int64_t from = transposed ? first - tap * dilation : tap * dilation;
    const Tensor part = b("aten::slice.Tensor", x, 2, from, (planes - 1) * step + (from + 1), step);
    const Tensor flat = b.reshape(b.permute(part, {0, 2, 1, 3, 4}), {batch * planes, channels, b.size(x, 3), b.size(x, 4)});
    const Tensor weights = b("aten::select.int", w, 2, tap);
    const Tensor y = b.one("aten::convolution", {flat, weights, tap == 0 ? c.args[2] : Arg(), planar(3), planar(4), planar(5), transposed,
                                                 transposed ? planar(7) : Arg(Arg::List{0, 0}), c.args[8]});
    sum = tap == 0 ? y : sum + y;
  }
  return b.permute(b.reshape(sum, {batch, planes, b.size(sum, 1), b.size(sum, 2), b.size(sum, 3)}), {0, 2, 1, 3, 4});
}

// Kernels that look up the dimensions they are given, where there are none.
bool has_no_dims(const PortableCall& c) { return c.tensor(0).rank() == 0 && c.args[1].list() && !c.args[1].list()->empty(); }
template <const char* op>
Tensor over_none(const PortableCall& c) {
  std::vector<Arg> args = c.args;
  args[1] = Arg::List{};
  return c.b.one(op, args);
}
constexpr char kAmax[] = "aten::amax", kAmin[] = "aten::amin", kSum[] = "aten::sum.dim_IntList";

// Of matrices by matrices alone.
bool is_no_matrix(const PortableCall& c) { return c.tensor(0).rank() < 2 || c.tensor(1).rank() != 2; }
Tensor small_linear(const PortableCall& c) {
  return {&c.b, c.b.decomposed(*ir::find_op_info("aten::linear"), c.args)[0].ref()->id};
}

// 0 for NaN, which the kernel gives back.
Tensor sign(const PortableCall& c) {
  const Tensor x = c.tensor(0), above = c.b("aten::gt.Scalar", x, 0), below = c.b("aten::lt.Scalar", x, 0);
  const Tensor one = c.b.cast(above, x.dtype());
  return one - c.b.cast(below, x.dtype());
}

// x - floor(x / y) y
Tensor remainder(const PortableCall& c) {
  const Tensor x = c.tensor(0);
  if (c.is_tensor(1)) return x - c.b("portfire::div_floor", x, c.tensor(1)) * c.tensor(1);
  return x - c.b("portfire::div_floor.Scalar", x, c.args[1]) * c.args[1];
}

const std::map<std::string_view, Limit>& limits() {
  static const std::map<std::string_view, Limit> all = {
      // Remainders of integers have the sign of the dividend there.
      {"aten::remainder.Scalar", {[](const PortableCall& c) { return !is_floating(result(c)); }, remainder}},
      {"aten::remainder.Tensor", {[](const PortableCall& c) { return !is_floating(result(c)); }, remainder}},
      {"aten::sign", {[](const PortableCall& c) { return is_floating(result(c)); }, sign}},
      {"aten::_log_softmax", {[](const PortableCall& c) { return result(c) == DType::f64; }, log_softmax}},
      {"aten::add.Scalar",
       {[](const PortableCall& c) { return c.tensor(0).dtype() != result(c); }, [](const PortableCall& c) { return c.b.one("aten::add.Scalar", {c.b.cast(c.tensor(0), result(c)), c.args[1], c.args[2]}); }}},
      {"aten::amax", {has_no_dims, over_none<kAmax>}},
      {"aten::amin", {has_no_dims, over_none<kAmin>}},
      {"aten::sum.dim_IntList", {has_no_dims, over_none<kSum>}},
      {"aten::linear", {is_no_matrix, small_linear}},
      {"aten::roll",
       {[](const PortableCall& c) { return c.tensor(0).rank() == 0; }, [](const PortableCall& c) { return c.b("aten::clone", c.tensor(0), 0); }}},
      {"aten::constant_pad_nd", {takes_away, cut_and_padded}},
      {"aten::convolution", {is_volume, volume_convolution}},
      {"aten::cumsum", {[](const PortableCall& c) { return c.tensor(0).rank() == 0; }, [](const PortableCall& c) { return c.b("aten::clone", c.b.cast(c.tensor(0), result(c)), 0); }}},
      // Images of bytes are rounded between the two dimensions, which no other operator says.
      {"aten::upsample_bilinear2d",
       {[](const PortableCall& c) { return !is_floating(result(c)); },
        [](const PortableCall& c) -> Tensor { c.b.refuse(std::string("aten::upsample_bilinear2d of ") + name_of(result(c)) + " has no form in ExecuTorch's portable operators"); }}},
  };
  return all;
}

}  // namespace

std::optional<std::vector<Arg>> within_limits(const Node& n, const PortableCall& c) {
  if (n.op->name == "aten::native_layer_norm" && is_half(result(c))) {  // its statistics would be of the type of its values
    std::vector<Arg> results;
    for (size_t k = 0; k < 3; ++k) results.push_back(k == 0 ? Arg(c.b.cast(layer_norm(c, 0), result(c))) : Arg(layer_norm(c, k)));
    return results;
  }
  const auto it = limits().find(n.op->name);
  if (it == limits().end() || !it->second.beyond(c)) return std::nullopt;
  return std::vector<Arg>{it->second.rule(c)};
}

}  // namespace portfire::passes
