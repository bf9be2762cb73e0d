// aten::_native_multi_head_attention: q, k, v projected by one weight [3D,D], attention in
// `num_head` heads, the result projected by proj_weight. A mask forbids what is true: of type 0 it
// is [L,S], of type 1 [B,S], of type 2 [B,heads,L,S]. aten::_transformer_encoder_layer_fwd: that
// and a feed-forward network, each added to its input and normalised before (norm_first) or after.
#pragma once

#include "ops/op.h"

namespace portfire::ops::multi_head_attention {

// `t`'s rows [from, from + count).
template <class G, class T, class I>
T rows(G& g, T t, I from, I count) {
  return g("aten::slice.Tensor", t, 0, from, from + count);
}

// [B,L,D] as [B,heads,L,D/heads] and back.
template <class G, class T>
T split_heads(G& g, T t, int64_t heads) {
  const auto depth = floor_div(g.size(t, 2), heads);
  return g.permute(g.reshape(t, {g.size(t, 0), g.size(t, 1), heads, depth}), {0, 2, 1, 3});
}
template <class G, class T>
T join_heads(G& g, T t) {
  return g.reshape(g.permute(t, {0, 2, 1, 3}),
                   {g.size(t, 0), g.size(t, 2), g.size(t, 1) * g.size(t, 3)});
}

// What scaled_dot_product_attention keeps, broadcast to [B,heads,L,S]; absent where none is given.
template <class G, class T>
T kept(G& g, T mask) {
  if (!mask) return mask;
  const int64_t type = g.none("mask_type") ? 2 : g.known_integer("mask_type");
  if (type == 1) mask = g("aten::unsqueeze", g("aten::unsqueeze", mask, 1), 1);
  return g("aten::logical_not", mask);
}

struct NativeMultiHeadAttention {
  static constexpr std::string_view schema =
      "aten::_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, "
      "int num_head, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, "
      "Tensor? mask=None, bool need_weights=True, bool average_attn_weights=True, int? "
      "mask_type=None) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto w = g.tensor("qkv_weight"), b = g.tensor("qkv_bias");
    const auto depth = g.integer("embed_dim");
    const int64_t heads = g.known_integer("num_head");
    decltype(w) part[3];
    const char* const names[] = {"query", "key", "value"};
    for (int i = 0; i < 3; ++i)
      part[i] = split_heads(g, g("aten::linear", g.tensor(names[i]), rows(g, w, depth * i, depth),
                                 rows(g, b, depth * i, depth)),
                            heads);
    auto mask = kept(g, g.tensor("mask"));
    decltype(w) y, weights;
    if (g.boolean("need_weights")) {
      auto both =
          g.all("aten::_scaled_dot_product_attention_math", part[0], part[1], part[2], mask);
      y = both[0];
      weights = g.boolean("average_attn_weights")
                    ? g("aten::mean.dim", both[1], std::vector<int64_t>{1}, false)
                    : both[1];
    } else {
      y = g("aten::scaled_dot_product_attention", part[0], part[1], part[2], mask);
    }
    g.results({g("aten::linear", join_heads(g, y), g.tensor("proj_weight"), g.tensor("proj_bias")),
               weights});
  }
};

struct TransformerEncoderLayer {
  static constexpr std::string_view schema =
      "aten::_transformer_encoder_layer_fwd(Tensor src, int embed_dim, int num_heads, Tensor "
      "qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, bool use_gelu, bool "
      "norm_first, float eps, Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, "
      "Tensor norm_bias_2, Tensor ffn_weight_1, Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor "
      "ffn_bias_2, Tensor? mask=None, int? mask_type=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    const bool first = g.boolean("norm_first");
    auto norm = [&](auto t, const char* weight, const char* bias) {
      return g("aten::layer_norm", t, g.list(g.integer("embed_dim")), g.tensor(weight),
               g.tensor(bias), g.real("eps"));
    };
    auto x = g.tensor("src");
    auto in = first ? norm(x, "norm_weight_1", "norm_bias_1") : x;
    x = x + g("aten::_native_multi_head_attention", in, in, in, g.arg("embed_dim"),
              g.arg("num_heads"), g.tensor("qkv_weight"), g.tensor("qkv_bias"),
              g.tensor("proj_weight"), g.tensor("proj_bias"), g.tensor("mask"), false, true,
              g.arg("mask_type"));
    if (!first) x = norm(x, "norm_weight_1", "norm_bias_1");
    in = first ? norm(x, "norm_weight_2", "norm_bias_2") : x;
    auto h = g("aten::linear", in, g.tensor("ffn_weight_1"), g.tensor("ffn_bias_1"));
    h = g.boolean("use_gelu") ? g("aten::gelu", h) : g("aten::relu", h);
    x = x + g("aten::linear", h, g.tensor("ffn_weight_2"), g.tensor("ffn_bias_2"));
    g.result(first ? x : norm(x, "norm_weight_2", "norm_bias_2"));
  }
};

using Ops = OpList<NativeMultiHeadAttention, TransformerEncoderLayer>;

}  // namespace portfire::ops::multi_head_attention
