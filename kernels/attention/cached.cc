// llama::custom_sdpa and sdpa_with_kv_cache in f32: attention over the part of a cache that is filled. Many queries are computed as
// in attention.cc. For few, packing the cache would cost more than the products: they go through it row by row.
#include <algorithm>
#include <utility>

#include "kernels/attention/attention.h"
#include "kernels/attention/heads.h"
#include "kernels/norm/rows.h"
#include "kernels/affine/rows.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"
#include "ops/cached_attention.h"
#include "ops/kv_cache.h"
#include "ops/rows.h"

namespace portfire::attention {
namespace {

using ops::cached_attention::Problem;

constexpr int64_t kFew = 4;  // queries of a head

// A problem as a call of aten::scaled_dot_product_attention, whose tensors are [batch, heads, tokens, depth].
struct Call {
  TensorView views[4], mask;
  Value values[8];
  const Value* args[8];
  TensorView* outs[1];

  explicit Call(const Problem& p) : views{p.query, ops::sliced(p.key, 1, 0, p.tokens), ops::sliced(p.value, 1, 0, p.tokens), p.out} {
    for (TensorView& v : views) {
      std::swap(v.shape.sizes[1], v.shape.sizes[2]);
      std::swap(v.strides[1], v.strides[2]);
    }
    for (size_t i = 0; i < 3; ++i) values[i] = Value::of(&views[i]);
    if (p.mask) {
      mask = *p.mask;
      values[3] = Value::of(&mask);
    }
    values[4] = Value::of(0.0);
    values[5] = Value::of(p.causal);
    values[6] = Value::of(p.scale);
    values[7] = Value::of(true);
    for (size_t i = 0; i < 8; ++i) args[i] = &values[i];
    outs[0] = &views[3];
  }
  Operands operands(size_t threads) { return {args, outs, threads}; }
};

bool prepare_cached(Problem p, const Operands& o, size_t* scratch) {
  for (const TensorView* t : {&p.query, &p.key, &p.value, &p.out})
    if (t->dtype != DType::f32 || !unit_columns(*t)) return false;
  if (p.mask && (p.mask->dtype != DType::f32 || !unit_columns(*p.mask))) return false;
  p.tokens = p.key.size(1);  // more than there may be in any run
  alignas(16) std::byte plan[kStateBytes];
  Call call(p);
  if (!prepare(call.operands(o.threads), plan, scratch, nullptr)) return false;
  *scratch = std::max(*scratch, padded(p.tokens) * sizeof(float) * o.threads);
  return true;
}

// The queries of one head, each by itself.
void run_few(const Problem& p, int64_t b, int64_t h, float* scores) {
  const affine::Functions& vector = affine::functions();
  const rows::Functions& row = rows::functions();
  const int64_t kv_head = h / (p.query.size(2) / p.key.size(2));
  const auto at = [&](const TensorView& t, int64_t token, int64_t head) {
    return t.as<float>() + b * t.strides[0] + token * t.strides[1] + head * t.strides[2];
  };
  const auto depth = static_cast<size_t>(p.query.size(3));
  for (int64_t i = 0; i < p.query.size(1); ++i) {
    const float* q = at(p.query, i, h);
    float* const y = at(p.out, i, h);
    const int64_t seen = p.seen(i);
    vector.dots(q, at(p.key, 0, kv_head), p.key.strides[1], static_cast<size_t>(seen), depth, scores);
    const float sum = row.exp_row(scores, static_cast<size_t>(seen), static_cast<float>(p.scale),
                                  p.mask ? p.mask->as<float>() + i * p.mask->strides[0] : nullptr, nullptr);
    vector.weighted_sum(scores, at(p.value, 0, kv_head), p.value.strides[1], static_cast<size_t>(seen), depth, y);
    row.scale_row(y, depth, sum == 0 ? 0 : 1 / sum);
  }
}

Error run_cached(const Problem& p, const KernelContext& context) {
  if (p.out.numel() == 0) return {};
  const int64_t heads = p.query.size(2);
  if (p.query.size(1) <= kFew) {
    const size_t floats = padded(p.key.size(1));
    parallel(context.pool, static_cast<size_t>(p.query.size(0) * heads), [&](size_t task, size_t worker) {
      const auto t = static_cast<int64_t>(task);
      run_few(p, t / heads, t % heads, reinterpret_cast<float*>(context.scratch.data()) + worker * floats);
    });
    return {};
  }
  alignas(16) std::byte plan[kStateBytes];
  size_t scratch = 0;
  Call call(p);
  const Operands o = call.operands(1);
  if (!prepare(o, plan, &scratch, nullptr, p.start)) return Error::make(Code::bad_argument, "a cache of no tokens");
  return run(plan, o, context);
}

Problem problem_of(const Operands& o, size_t keys) {
  return {o.in(0), o.in(keys), o.in(keys + 1), o.out(0)};
}

bool prepare_sdpa(const Operands& o, void*, size_t* scratch) {
  Problem p = problem_of(o, 1);
  p.mask = o.optional(4);
  return prepare_cached(p, o, scratch);
}
Error run_sdpa(const void*, const Operands& o, const KernelContext& context) {
  Problem p = problem_of(o, 1);
  PF_TRY(ops::cached_attention::read_numbers(Args(o.args), 3, 0, &p));
  return run_cached(p, context);
}

bool prepare_with_cache(const Operands& o, void*, size_t* scratch) {
  Problem p = problem_of(o, 3);
  p.mask = o.optional(7);
  return prepare_cached(p, o, scratch);
}
Error run_with_cache(const void*, const Operands& o, const KernelContext& context) {
  Problem p = problem_of(o, 3);
  PF_TRY(ops::cached_attention::read_numbers(Args(o.args), 5, 1, &p));
  PF_TRY(ops::kv_cache::store_tokens(p.key, o.in(1), p.start));
  PF_TRY(ops::kv_cache::store_tokens(p.value, o.in(2), p.start));
  return run_cached(p, context);
}

// --- of 8 bits: the keys and values of a head are dequantized once ---

// Element 0 of a token, and its parameters.
struct QuantizedTokens {
  TensorView t, zeros, scales;
  QuantizedTokens(const Operands& o, size_t tensor, size_t parameters, bool turned)
      : t(o.in(tensor)), zeros(o.in(parameters)), scales(o.in(parameters + 1)) {
    for (TensorView* v : {&t, &zeros, &scales})
      if (turned) {
        std::swap(v->shape.sizes[1], v->shape.sizes[2]);
        std::swap(v->strides[1], v->strides[2]);
      }
  }
  void dequantize(int64_t b, int64_t token, int64_t h, float* to) const {
    const auto at = [&](const TensorView& v) { return b * v.strides[0] + token * v.strides[1] + h * v.strides[2]; };
    affine::functions().dequantize_i8(t.as<int8_t>() + at(t), static_cast<size_t>(t.size(3)), scales.as<float>()[at(scales)],
        zeros.as<int8_t>()[at(zeros)], to);
  }
};

size_t floats_of_head(int64_t tokens, int64_t queries, int64_t depth) { return padded((2 * tokens + queries) * depth) + padded(tokens); }

bool prepare_quantized(const Operands& o, void*, size_t* scratch) {
  const TensorView &q = o.in(0), &k = o.in(1), &v = o.in(2), &out = o.out(0);
  for (const TensorView* t : {&q, &k, &v, &out})
    if (!unit_columns(*t)) return false;
  if (const TensorView* mask = o.optional(4); mask && (mask->dtype != DType::f32 || !unit_columns(*mask))) return false;
  const int tokens = Args(o.args).boolean(14) ? 2 : 1;
  *scratch = floats_of_head(k.size(tokens), q.size(tokens), q.size(3)) * sizeof(float) * o.threads;
  return true;
}
Error run_quantized(const void*, const Operands& o, const KernelContext& context) {
  const bool turned = Args(o.args).boolean(14);
  const QuantizedTokens q(o, 0, 8, turned), k(o, 1, 10, turned), v(o, 2, 12, turned);
  TensorView out = o.out(0);
  if (turned) {
    std::swap(out.shape.sizes[1], out.shape.sizes[2]);
    std::swap(out.strides[1], out.strides[2]);
  }
  Problem p{q.t, k.t, v.t, out};
  PF_TRY(ops::cached_attention::read_numbers(Args(o.args), 3, 0, &p));
  const int64_t heads = q.t.size(2), group = heads / k.t.size(2), queries = q.t.size(1), depth = q.t.size(3);
  const size_t floats = floats_of_head(k.t.size(1), queries, depth);
  parallel(context.pool, static_cast<size_t>(q.t.size(0) * heads), [&](size_t task, size_t worker) {
    const int64_t b = static_cast<int64_t>(task) / heads, h = static_cast<int64_t>(task) % heads;
    float* const memory = reinterpret_cast<float*>(context.scratch.data()) + worker * floats;
    float *const keys = memory, *const values = keys + p.tokens * depth, *const query = values + p.tokens * depth;
    for (int64_t s = 0; s < p.tokens; ++s) {
      k.dequantize(b, s, h / group, keys + s * depth);
      v.dequantize(b, s, h / group, values + s * depth);
    }
    for (int64_t i = 0; i < queries; ++i) q.dequantize(b, i, h, query + i * depth);
    Problem head = p;
    const auto alone = [&](float* data, int64_t tokens) {
      return TensorView::of(data, DType::f32, std::initializer_list<int64_t>{1, tokens, 1, depth});
    };
    head.query = alone(query, queries);
    head.key = alone(keys, p.tokens);
    head.value = alone(values, p.tokens);
    head.out = ops::shifted(p.out, b * p.out.strides[0] + h * p.out.strides[2]);
    head.out.shape.sizes[0] = head.out.shape.sizes[2] = 1;
    run_few(head, 0, 0, memory + padded((2 * k.t.size(1) + queries) * depth));
  });
  return {};
}

}  // namespace

extern const Kernel kCustomSdpa, kSdpaWithKvCache, kCustomQuantizedSdpa;
const Kernel kCustomSdpa = {"llama::custom_sdpa", 0, prepare_sdpa, run_sdpa};
const Kernel kSdpaWithKvCache = {"llama::sdpa_with_kv_cache", 0, prepare_with_cache, run_with_cache};
const Kernel kCustomQuantizedSdpa = {"llama::custom_quantized_sdpa", 0, prepare_quantized, run_quantized};

}  // namespace portfire::attention
