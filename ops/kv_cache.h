// llama::update_cache and its kin: keys or values of new tokens written into a cache, which is [batch, tokens, heads, depth]. Their
// results are placeholders of one element that nobody reads.
//
// These write to an argument. A compiler has no use for that: `NAME.functional` takes the same arguments and gives, after the
// results, the new value of each argument that NAME writes to. Importers call that one, and store those values.
#pragma once

#include "ops/op.h"
#include "ops/placed_within.h"

namespace portfire::ops::kv_cache {

// cache[:, start_pos : start_pos + value.size(1)] = value; other tokens than those of the cache are refused.
struct UpdateCache {
  static constexpr std::string_view schema = "llama::update_cache(Tensor value, Tensor(a!) cache, SymInt start_pos) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
template <class G>
typename G::Tensor updated(G& g, typename G::Tensor cache, typename G::Tensor value, int64_t dim, typename G::Int start) {
  const auto last = g.size(cache, dim) - g.size(value, dim);
  if (!start.known()) start = placed_within(g, start, last, "the first token that a cache takes", "the room that tokens leave in a cache");
  return g("aten::slice_scatter", cache, value, dim, start, start + g.size(value, dim));
}
template <class G>
typename G::Tensor placeholder(G& g, DType dtype) {
  return g.full({1}, 0, dtype);
}
struct UpdateCacheFunctional {
  static constexpr std::string_view schema =
      "llama::update_cache.functional(Tensor value, Tensor cache, SymInt start_pos) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto value = g.tensor("value");
    g.results({placeholder(g, value.dtype()), updated(g, g.tensor("cache"), value, 1, g.integer("start_pos"))});
  }
};

// cache[b, indices[b, t]] = value[b, t]; the last of several for one place stays. start_pos is not asked.
struct UpdateCacheWithIndices {
  static constexpr std::string_view schema =
      "llama::update_cache_with_indices(Tensor value, Tensor(a!) cache, SymInt start_pos, Tensor indices) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct UpdateCacheWithIndicesFunctional {
  static constexpr std::string_view schema =
      "llama::update_cache_with_indices.functional(Tensor value, Tensor cache, SymInt start_pos, Tensor indices) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto value = g.tensor("value");
    auto places = g("aten::expand", g("aten::unsqueeze", g("aten::unsqueeze", g.tensor("indices"), -1), -1), g.sizes(value));
    g.results({placeholder(g, value.dtype()), g("aten::scatter.src", g.tensor("cache"), 1, places, value)});
  }
};

// cache[:, :, : value.size(2)] = value, of a cache [batch, heads, tokens, depth]; the result is the new cache.
struct UpdateCrossAttentionCache {
  static constexpr std::string_view schema = "executorch::update_cross_attn_cache(Tensor value, Tensor cache) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(updated(g, g.tensor("cache"), g.tensor("value"), 2, 0));
  }
};

// Writes `value` to the tokens of `cache` from `start` on; checks that they are there.
Error store_tokens(const TensorView& cache, const TensorView& value, int64_t start);
Error check_cache(const TensorView& cache, const TensorView& value);

using Ops = OpList<UpdateCache, UpdateCacheFunctional, UpdateCacheWithIndices, UpdateCacheWithIndicesFunctional, UpdateCrossAttentionCache>;

}  // namespace portfire::ops::kv_cache
