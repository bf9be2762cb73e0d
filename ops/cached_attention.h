// llama::custom_sdpa and its kin: attention of new tokens, the first of which is number start_pos, over a cache of keys and values.
// Tensors are [batch, tokens, heads, depth]; each head of the cache serves query heads / cache heads of the query.
//
// With attn_mask (f32, [new tokens, tokens of the cache], added to the scores) all of the cache takes part; without, the first
// start_pos + new tokens, of which token i of the query sees those up to start_pos + i where it is causal. Dropout is not done, as
// in ExecuTorch. Scores and sums are of f32 at the least; a row where nothing is kept gives 0.
#pragma once

#include <cmath>

#include "ops/kv_cache.h"
#include "ops/op.h"

namespace portfire::ops::cached_attention {

struct CustomSdpa {
  static constexpr std::string_view schema =
      "llama::custom_sdpa(Tensor query, Tensor key, Tensor value, SymInt start_pos, Tensor? attn_mask=None, float drpout_p=0.0, bool "
      "is_causal=False, float? scale=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

// Of i8, where each token of a head has a scale and a zero point; the result is f32. is_seq_at_dim_2: [batch, heads, tokens, depth].
struct CustomQuantizedSdpa {
  static constexpr std::string_view schema =
      "llama::custom_quantized_sdpa(Tensor query, Tensor key, Tensor value, SymInt start_pos, Tensor? attn_mask=None, float drpout_p=0.0, "
      "bool is_causal=False, float? scale=None, Tensor? q_zero_points=None, Tensor? q_scales=None, Tensor? k_zero_points=None, Tensor? "
      "k_scales=None, Tensor? v_zero_points=None, Tensor? v_scales=None, bool is_seq_at_dim_2=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

// Writes the new keys and values to the caches (kv_cache.h) first. seq_len is that of the query.
struct SdpaWithKvCache {
  static constexpr std::string_view schema =
      "llama::sdpa_with_kv_cache(Tensor query, Tensor key, Tensor value, Tensor(a!) key_cache, Tensor(b!) value_cache, SymInt start_pos, "
      "SymInt seq_len, Tensor? attn_mask=None, float drpout_p=0.0, bool is_causal=False, float? scale=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};
struct SdpaWithKvCacheFunctional {
  static constexpr std::string_view schema =
      "llama::sdpa_with_kv_cache.functional(Tensor query, Tensor key, Tensor value, Tensor key_cache, Tensor value_cache, SymInt start_pos, "
      "SymInt seq_len, Tensor? attn_mask=None, float drpout_p=0.0, bool is_causal=False, float? scale=None) -> (Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto start = g.integer("start_pos");
    auto keys = kv_cache::updated(g, g.tensor("key_cache"), g.tensor("key"), 1, start);
    auto values = kv_cache::updated(g, g.tensor("value_cache"), g.tensor("value"), 1, start);
    auto y = g("llama::custom_sdpa", g.tensor("query"), keys, values, start, g.arg("attn_mask"), g.arg("drpout_p"), g.arg("is_causal"),
        g.arg("scale"));
    g.results({y, keys, values});
  }
};

// What attention is to be computed, with the tokens at dimension 1 of all tensors. Read from arguments that `infer` took.
struct Problem {
  TensorView query, key, value, out;
  const TensorView* mask = nullptr;
  int64_t start = 0, tokens = 0;  // tokens: those of the cache that take part
  bool causal = false;
  double scale = 1;
  // Token i of the query sees those of the cache before this one.
  int64_t seen(int64_t i) const { return causal && start + i < tokens ? start + i + 1 : tokens; }
};
// What is no tensor. `first`: the argument start_pos; attn_mask, drpout_p, is_causal and scale follow after `gap` others.
Error read_numbers(const Args& a, size_t first, size_t gap, Problem* p);

using Ops = OpList<CustomSdpa, CustomQuantizedSdpa, SdpaWithKvCache, SdpaWithKvCacheFunctional>;

}  // namespace portfire::ops::cached_attention
