// aten::pixel_shuffle, channel_shuffle and their kin: dimensions split, exchanged and merged.
#pragma once

#include "ops/op.h"
#include "ops/rows.h"

namespace portfire::ops::shuffle {

// [.., C r^2, H, W] -> [.., C, H r, W r]
struct PixelShuffle {
  static constexpr std::string_view schema = "aten::pixel_shuffle(Tensor self, int upscale_factor) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int64_t r = g.known_integer("upscale_factor"), n = x.rank() - 3;
    if (n < 0 || r < 1) g.reject("at least 3 dimensions and a positive factor expected");
    auto sizes = g.sizes(x), out = sizes;
    const auto c = floor_div(sizes[n], r * r);
    sizes[n] = c;
    sizes.insert(sizes.begin() + n + 1, {r, r});
    out[n] = c, out[n + 1] = out[n + 1] * r, out[n + 2] = out[n + 2] * r;
    std::vector<int64_t> dims;
    for (int64_t d = 0; d <= n; ++d) dims.push_back(d);
    for (int64_t d : {n + 3, n + 1, n + 4, n + 2}) dims.push_back(d);
    g.result(g.reshape(g.permute(g.reshape(x, sizes), dims), out));
  }
};

// [.., C, H r, W r] -> [.., C r^2, H, W]
struct PixelUnshuffle {
  static constexpr std::string_view schema = "aten::pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int64_t r = g.known_integer("downscale_factor"), n = x.rank() - 3;
    if (n < 0 || r < 1) g.reject("at least 3 dimensions and a positive factor expected");
    auto out = g.sizes(x);
    const auto h = floor_div(out[n + 1], r), w = floor_div(out[n + 2], r);
    std::vector<typename G::Int> sizes(out.begin(), out.begin() + n + 1);
    for (typename G::Int s : {h, typename G::Int(r), w, typename G::Int(r)}) sizes.push_back(s);
    out[n] = out[n] * (r * r), out[n + 1] = h, out[n + 2] = w;
    std::vector<int64_t> dims;
    for (int64_t d = 0; d <= n; ++d) dims.push_back(d);
    for (int64_t d : {n + 2, n + 4, n + 1, n + 3}) dims.push_back(d);
    g.result(g.reshape(g.permute(g.reshape(x, sizes), dims), out));
  }
};

// [N, G K, ..] -> [N, K G, ..]
struct ChannelShuffle {
  static constexpr std::string_view schema = "aten::channel_shuffle(Tensor self, SymInt groups) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const auto groups = g.integer("groups");
    if (x.rank() < 3) g.reject("at least 3 dimensions expected");
    const auto out = g.sizes(x);
    auto sizes = out;
    sizes[1] = floor_div(sizes[1], groups);
    sizes.insert(sizes.begin() + 1, groups);
    g.result(g("aten::clone", g.reshape(g("aten::transpose.int", g.reshape(x, sizes), 1, 2), out)));
  }
};
struct NativeChannelShuffle {
  static constexpr std::string_view schema = "aten::native_channel_shuffle(Tensor self, SymInt groups) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward("aten::channel_shuffle");
  }
};

// y_{..k} = x ^ (n - 1 - k), or ^ k where increasing
struct Vander {
  static constexpr std::string_view schema = "aten::vander(Tensor x, int? N=None, bool increasing=False) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("x");
    const auto n = g.integer_or("N", g.size(x, 0));
    if (x.dtype() == DType::boolean || (is_integral(x.dtype()) && x.dtype() != DType::i64)) x = g.cast(x, DType::i64);
    auto powers = g("aten::arange", n, DType::i64);
    if (!g.boolean("increasing")) powers = -powers + (n - 1);
    g.result(g("aten::pow.Tensor_Tensor", g("aten::unsqueeze", x, -1), powers));
  }
};

using Ops = OpList<PixelShuffle, PixelUnshuffle, ChannelShuffle, NativeChannelShuffle, Vander>;

}  // namespace portfire::ops::shuffle
