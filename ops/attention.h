// aten::scaled_dot_product_attention: y = softmax(q k^T * scale + mask) v over the last two
// dimensions, q [...,L,E], k [...,S,E], v [...,S,D]; the others broadcast, and with enable_gqa each
// head of k and v serves several of q. scale is 1 / sqrt(E) where none is given. A bool mask keeps
// what is true; causal keeps s <= l. A row where nothing is kept gives 0.
#pragma once

#include <cmath>
#include <limits>

#include "ops/op.h"

namespace portfire::ops::attention {

// The pieces as operators of their own, for the variants that give them out and for training.
template <class G>
struct Pieces {
  using T = decltype(std::declval<G&>().tensor(""));
  G& g;

  // q k^T * scale with -inf where the mask or causality forbids; half types in f32.
  T scores(T q, T k, T mask, bool causal, bool gqa) {
    const DType t = q.dtype() == DType::f64 ? DType::f64 : DType::f32;
    const auto depth = g.size(q, -1);
    if (g.none("scale") && !depth.known()) g.refuse("attention over a symbolic head size");
    const double scale = g.none("scale") ? 1 / std::sqrt(static_cast<double>(depth.fixed))
                                         : g.real("scale");
    if (gqa) k = shared(k, q);
    auto s =
        g("aten::matmul", g.cast(q, t) * scale, g("aten::transpose.int", g.cast(k, t), -2, -1));
    const double never = -std::numeric_limits<double>::infinity();
    if (causal) {
      auto lower = g("aten::tril", g.full({g.size(q, -2), g.size(k, -2)}, true, DType::boolean), 0);
      s = g.where(lower, s, never);
    }
    if (mask) s = mask.dtype() == DType::boolean ? g.where(mask, s, never) : s + g.cast(mask, t);
    return s;
  }
  // Softmax over the last dimension; 0 where a mask makes all of it -inf.
  T weights(T s, bool masked = true) {
    if (!masked) return g("aten::_softmax", s, -1, false);
    const std::vector<int64_t> last{-1};
    auto nothing = g("aten::eq.Scalar", g("aten::amax", s, last, true),
                     -std::numeric_limits<double>::infinity());
    return g.where(nothing, 0.0, g("aten::_softmax", s, -1, false));
  }
  // Heads of k or v repeated so that they are as many as those of q.
  T shared(T kv, T q) {
    const auto times = floor_div(g.size(q, -3), g.size(kv, -3));
    return times.known() && times.fixed == 1
               ? kv
               : g("aten::repeat_interleave.self_int", kv, times, -3);
  }
  // log sum exp of the scores; 0 where nothing is kept.
  T log_sum(T s) {
    const std::vector<int64_t> last{-1};
    auto most = g("aten::amax", s, last, false);
    auto nothing = g("aten::eq.Scalar", most, -std::numeric_limits<double>::infinity());
    return g.where(nothing, 0.0, g("aten::logsumexp", s, last, false));
  }
};

struct Attention {
  static constexpr std::string_view schema =
      "aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? "
      "attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool "
      "enable_gqa=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static bool whole(G& g) {
    // The kernel is one of f32; other types are better off with products of theirs.
    const auto q = g.tensor("query");
    return g.real("dropout_p") == 0 && (q.dtype() == DType::f32 || (g.none("scale") && !g.size(q, -1).known()));
  }
  static constexpr std::string_view gradient_without = "attn_mask";
  template <class G>
  static void gradient(G& g) {
    auto all = g.all("portfire::attention_backward", g.grad(), g.tensor("query"), g.tensor("key"), g.tensor("value"), g.tensor("attn_mask"), g.boolean("is_causal"),
                     g.arg("scale"), g.arg("enable_gqa"));
    g.give("query", all[0]);
    g.give("key", all[1]);
    g.give("value", all[2]);
  }
  template <class G>
  static void decompose(G& g) {
    Pieces<G> p{g};
    auto q = g.tensor("query"), k = g.tensor("key"), v = g.tensor("value");
    const bool gqa = g.boolean("enable_gqa");
    const auto mask = g.tensor("attn_mask");
    auto w = p.weights(p.scores(q, k, mask, g.boolean("is_causal"), gqa), static_cast<bool>(mask));
    if (g.real("dropout_p") > 0) w = g("aten::dropout", w, g.real("dropout_p"), true);
    if (gqa) v = p.shared(v, q);
    g.result(g.cast(g("aten::matmul", w, g.cast(v, w.dtype())), q.dtype()));
  }
};

// The gradients of query, key and value. With P = softmax(q k^T * scale + mask), row by row,
//   grad v = P^T d, e = d v^T, s = P (e - sum P e), grad q = scale s k, grad k = scale s^T q.
struct AttentionBackward {
  static constexpr std::string_view schema =
      "portfire::attention_backward(Tensor grad_output, Tensor query, Tensor key, Tensor value, Tensor? attn_mask, bool is_causal, float? scale, bool enable_gqa) -> "
      "(Tensor, Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void decompose(G& g) {
    Pieces<G> pieces{g};
    auto q = g.tensor("query"), k = g.tensor("key"), v = g.tensor("value");
    if (g.boolean("enable_gqa")) g.refuse("the parts of grouped attention's gradient");
    const double scale = g.none("scale") ? 1 / std::sqrt(static_cast<double>(g.size(q, -1).fixed)) : g.real("scale");
    auto p = pieces.weights(pieces.scores(q, k, g.tensor("attn_mask"), g.boolean("is_causal"), false));
    const auto turned = [&](auto x) { return g("aten::transpose.int", x, -2, -1); };
    auto d = g.cast(g.tensor("grad_output"), p.dtype()), e = g("aten::matmul", d, turned(g.cast(v, p.dtype())));
    auto s = p * (e - g("aten::sum.dim_IntList", p * e, std::vector<int64_t>{-1}, true)) * scale;
    g.results({g.cast(g("aten::matmul", s, g.cast(k, p.dtype())), q.dtype()), g.cast(g("aten::matmul", turned(s), g.cast(q, p.dtype())), k.dtype()),
               g.cast(g("aten::matmul", turned(p), d), v.dtype())});
  }
};

// The same of f32, where products may be computed in bf16: with both sides rounded to it, sums in f32.
struct AttentionBf16 {
  static constexpr std::string_view schema =
      "portfire::attention_bf16(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool "
      "is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs) { return Attention::reference(a, outs); }
  static size_t scratch(const Args& a) { return Attention::scratch(a); }
};

template <class G>
auto attend(G& g, const char* mask, bool gqa) {
  return g("aten::scaled_dot_product_attention", g.tensor("query"), g.tensor("key"),
           g.tensor("value"), g.tensor(mask), g.real("dropout_p"), g.boolean("is_causal"),
           g.arg("scale"), gqa);
}

// Gives the weights as well.
struct Math {
  static constexpr std::string_view schema =
      "aten::_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? "
      "attn_mask=None, float dropout_p=0., bool is_causal=False, Tensor? dropout_mask=None, *, "
      "float? scale=None, bool enable_gqa=False) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    if (!g.none("dropout_mask")) g.refuse("a mask of dropout");
    Pieces<G> p{g};
    const bool gqa = g.boolean("enable_gqa");
    auto w = p.weights(p.scores(g.tensor("query"), g.tensor("key"), g.tensor("attn_mask"),
                                g.boolean("is_causal"), gqa));
    g.results({attend(g, "attn_mask", gqa), g.cast(w, g.tensor("query").dtype())});
  }
};

// These give the logarithm of each row's sum of exponentials as well, and what only other devices
// fill: sizes and random states.
struct FlashForCpu {
  static constexpr std::string_view schema =
      "aten::_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, "
      "float dropout_p=0., bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> "
      "(Tensor output, Tensor logsumexp)";
  template <class G>
  static void decompose(G& g) {
    Pieces<G> p{g};
    auto s = p.scores(g.tensor("query"), g.tensor("key"), g.tensor("attn_mask"),
                      g.boolean("is_causal"), false);
    g.results({attend(g, "attn_mask", false), p.log_sum(s)});
  }
};

struct Efficient {
  static constexpr std::string_view schema =
      "aten::_scaled_dot_product_efficient_attention(Tensor query, Tensor key, Tensor value, "
      "Tensor? attn_bias, bool compute_log_sumexp, float dropout_p=0., bool is_causal=False, *, "
      "float? scale=None) -> (Tensor output, Tensor log_sumexp, Tensor philox_seed, Tensor "
      "philox_offset)";
  template <class G>
  static void decompose(G& g) {
    Pieces<G> p{g};
    auto s = p.scores(g.tensor("query"), g.tensor("key"), g.tensor("attn_bias"),
                      g.boolean("is_causal"), false);
    auto zero = g.full({}, 0, DType::i64);
    g.results({attend(g, "attn_bias", false), p.log_sum(s), zero, zero});
  }
};

using Ops = OpList<Attention, AttentionBackward, AttentionBf16, Math, FlashForCpu, Efficient>;

}  // namespace portfire::ops::attention
