// aten::scaled_dot_product_attention in f32. For each head: K transposed and V packed into panels once,
// then blocks of queries: scores = Q K^T, softmax row by row, P V; the scores of a block stay in L2.
#include <algorithm>
#include <cmath>

#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"
#include "kernels/norm/rows.h"
#include "kernels/thread_pool.h"

namespace portfire::attention {
namespace {

constexpr int64_t kBlock = 4 * static_cast<int64_t>(gemm::kRows);  // queries at a time

struct Plan {
  int64_t batch, heads, group;      // group: query heads for each key head
  int64_t queries, keys, depth, value_depth;
  size_t packed_k, packed_v, scores;  // floats
  float scale;
  bool causal;
  int mask;                         // 0 none, 1 float, 2 bool
};

// Strides of dimension `d` of 4 (batch, head, row, column), for ranks 2 to 4; missing ones are 0.
int64_t stride(const TensorView& t, int d) {
  const int k = d - (4 - t.rank());
  return k < 0 || t.size(k) == 1 ? 0 : t.strides[k];
}
int64_t size(const TensorView& t, int d) {
  const int k = d - (4 - t.rank());
  return k < 0 ? 1 : t.size(k);
}
bool unit_columns(const TensorView& t) { return t.size(t.rank() - 1) == 1 || t.strides[t.rank() - 1] == 1; }

bool prepare(const Operands& o, void* state, size_t* scratch) {
  const TensorView &q = o.in(0), &k = o.in(1), &v = o.in(2), &out = o.out(0);
  for (const TensorView* t : {&q, &k, &v, static_cast<const TensorView*>(&out)})
    if (t->dtype != DType::f32 || t->rank() < 2 || t->rank() > 4 || !unit_columns(*t)) return false;
  const Args a(o.args);
  if (a.real(4) != 0) return false;  // dropout
  Plan& p = *new (state) Plan;
  p.batch = size(out, 0);
  p.heads = size(out, 1);
  const int64_t key_heads = size(k, 1);
  if (size(q, 0) != p.batch || size(q, 1) != p.heads || size(k, 0) != p.batch || size(v, 0) != p.batch || size(v, 1) != key_heads ||
      key_heads == 0 || p.heads % key_heads)
    return false;
  p.group = p.heads / key_heads;
  p.queries = size(q, 2);
  p.keys = size(k, 2);
  p.depth = size(q, 3);
  p.value_depth = size(v, 3);
  if (p.keys == 0 || p.depth == 0 || p.value_depth == 0) return false;
  p.causal = a.boolean(5);
  p.scale = static_cast<float>(a.real(6, 1 / std::sqrt(static_cast<double>(p.depth))));
  p.mask = 0;
  if (const TensorView* m = o.optional(3)) {
    p.mask = m->dtype == DType::f32 ? 1 : m->dtype == DType::boolean ? 2 : 0;
    if (p.mask == 0 || m->rank() < 1 || m->rank() > 4 || size(*m, 3) != p.keys || !unit_columns(*m)) return false;
  }
  auto round = [](size_t n) { return (n + 15) / 16 * 16; };
  p.packed_k = round(gemm::packed_size(static_cast<size_t>(p.depth), static_cast<size_t>(p.keys)));
  p.packed_v = round(gemm::packed_size(static_cast<size_t>(p.keys), static_cast<size_t>(p.value_depth)));
  p.scores = round(static_cast<size_t>(std::min(kBlock, p.queries) * p.keys));
  *scratch = (p.packed_k + p.packed_v + p.scores) * sizeof(float) * o.threads;
  return true;
}

// Queries [begin, end) of a head.
void run_head(const Plan& p, const Operands& o, int64_t b, int64_t h, int64_t begin, int64_t end, float* memory) {
  const TensorView &q = o.in(0), &k = o.in(1), &v = o.in(2), &out = o.out(0);
  const TensorView* mask = o.optional(3);
  const rows::Functions& row = rows::functions();
  float *packed_k = memory, *packed_v = packed_k + p.packed_k, *scores = packed_v + p.packed_v;
  const int64_t kh = h / p.group;
  const float* keys = k.as<float>() + b * stride(k, 0) + kh * stride(k, 1);
  const float* values = v.as<float>() + b * stride(v, 0) + kh * stride(v, 1);
  gemm::pack(keys, 1, stride(k, 2), static_cast<size_t>(p.depth), static_cast<size_t>(p.keys), packed_k);
  gemm::pack(values, stride(v, 2), 1, static_cast<size_t>(p.keys), static_cast<size_t>(p.value_depth), packed_v);
  for (int64_t first = begin; first < end; first += kBlock) {
    const int64_t count = std::min(kBlock, end - first);
    // Causal: nobody in this block sees keys past its last row.
    const int64_t seen = p.causal ? std::min(p.keys, first + count) : p.keys;
    const gemm::Gemm qk{static_cast<size_t>(seen), static_cast<size_t>(p.depth),
                        q.as<float>() + b * stride(q, 0) + h * stride(q, 1) + first * stride(q, 2), stride(q, 2), packed_k, scores, seen, {}};
    gemm::run(qk, 0, static_cast<size_t>(count), 0, (static_cast<size_t>(seen) + gemm::kPanel - 1) / gemm::kPanel);
    float sums[kBlock];
    for (int64_t i = 0; i < count; ++i) {
      float* s = scores + i * seen;
      const int64_t length = p.causal ? std::min(seen, first + i + 1) : seen;
      const int64_t at = mask ? b * stride(*mask, 0) + h * stride(*mask, 1) + (first + i) * stride(*mask, 2) : 0;
      sums[i] = row.exp_row(s, static_cast<size_t>(length), p.scale, p.mask == 1 ? mask->as<float>() + at : nullptr,
                            p.mask == 2 ? mask->as<uint8_t>() + at : nullptr);
      std::fill(s + length, s + seen, 0.0f);
    }
    float* to = out.as<float>() + b * stride(out, 0) + h * stride(out, 1) + first * stride(out, 2);
    // Panels of V are `keys` rows long; the first `seen` of each are used.
    for (int64_t panel = 0; panel * static_cast<int64_t>(gemm::kPanel) < p.value_depth; ++panel) {
      const int64_t column = panel * static_cast<int64_t>(gemm::kPanel);
      const gemm::Gemm pv{static_cast<size_t>(std::min<int64_t>(gemm::kPanel, p.value_depth - column)), static_cast<size_t>(seen), scores, seen,
                          packed_v + column * p.keys, to + column, stride(out, 2) ? stride(out, 2) : p.value_depth, {}};
      gemm::run(pv, 0, static_cast<size_t>(count), 0, 1);
    }
    for (int64_t i = 0; i < count; ++i)
      row.scale_row(to + i * stride(out, 2), static_cast<size_t>(p.value_depth), sums[i] == 0 ? 0 : 1 / sums[i]);
  }
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const size_t floats = p.packed_k + p.packed_v + p.scores;
  const int64_t heads = p.batch * p.heads, blocks = (p.queries + kBlock - 1) / kBlock;
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  if (heads * blocks == 0) return {};
  // Few heads are cut into parts, or threads would wait for the one that has the last; each part packs K and V anew.
  const int64_t parts = threads == 1 ? 1 : std::clamp<int64_t>(3 * threads / heads, 1, blocks);
  parallel(context.pool, static_cast<size_t>(heads * parts), [&](size_t task, size_t worker) {
    const int64_t head = static_cast<int64_t>(task) / parts, part = static_cast<int64_t>(task) % parts;
    run_head(p, o, head / p.heads, head % p.heads, blocks * part / parts * kBlock, std::min(p.queries, blocks * (part + 1) / parts * kBlock),
             reinterpret_cast<float*>(context.scratch.data()) + worker * floats);
  });
  return {};
}

}  // namespace

extern const Kernel kAttention;
const Kernel kAttention = {"aten::scaled_dot_product_attention", sizeof(Plan), prepare, run};

}  // namespace portfire::attention
