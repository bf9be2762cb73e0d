// aten::scaled_dot_product_attention in f32. For each head: K transposed and V packed into panels once,
// then blocks of queries: scores = Q K^T, softmax row by row, P V; the scores of a block stay in L2.
// portfire::attention_bf16 is the same where the CPU multiplies no bf16, and elsewhere with pairs of it for panels.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention/heads.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pairs.h"
#include "kernels/norm/rows.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"

namespace portfire::attention {
namespace {

constexpr int64_t kBlock = 4 * static_cast<int64_t>(gemm::kRows);  // queries at a time

struct Plan {
  int64_t batch, heads, group;      // group: query heads for each key head
  int64_t queries, keys, depth, value_depth;
  int64_t before;                   // keys in front of the first query
  const gemm::PairUnit* unit;       // null: products are of f32
  size_t packed_k, packed_v, scores, pairs;  // floats; pairs: scratch of products of bf16
  float scale;
  bool causal;
  int mask;                         // 0 none, 1 float, 2 bool
};
static_assert(sizeof(Plan) <= kStateBytes);

}  // namespace

bool prepare(const Operands& o, void* state, size_t* scratch, const gemm::PairUnit* unit, int64_t before) {
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
  p.before = before;
  p.scale = static_cast<float>(a.real(6, 1 / std::sqrt(static_cast<double>(p.depth))));
  p.mask = 0;
  if (const TensorView* m = o.optional(3)) {
    p.mask = m->dtype == DType::f32 ? 1 : m->dtype == DType::boolean ? 2 : 0;
    if (p.mask == 0 || m->rank() < 1 || m->rank() > 4 || size(*m, 3) != p.keys || !unit_columns(*m)) return false;
  }
  p.packed_k = padded(gemm::packed_size(static_cast<size_t>(p.depth), static_cast<size_t>(p.keys)));
  p.packed_v = padded(gemm::packed_size(static_cast<size_t>(p.keys), static_cast<size_t>(p.value_depth)));
  p.scores = padded(std::min(kBlock, p.queries) * p.keys);
  p.unit = unit;
  p.pairs = unit ? gemm::pair_scratch_bytes(static_cast<size_t>(std::min(kBlock, p.queries))) / sizeof(float) : 0;
  *scratch = (p.packed_k + p.packed_v + p.scores + p.pairs) * sizeof(float) * o.threads;
  return true;
}

namespace {

// B, of k x n, as `multiply` wants it.
void pack(const Plan& p, const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n, float* packed) {
  if (p.unit)
    gemm::pack_pairs(*p.unit, b, row_stride, column_stride, static_cast<size_t>(k), static_cast<size_t>(n), reinterpret_cast<uint16_t*>(packed));
  else
    gemm::pack(b, row_stride, column_stride, static_cast<size_t>(k), static_cast<size_t>(n), packed);
}

// C = A B, of m rows, where B was packed with `depth` rows, of which the first k are used.
void multiply(const Plan& p, const float* a, int64_t lda, int64_t m, int64_t n, int64_t k, const float* packed, int64_t depth, float* c, int64_t ldc, float* pairs) {
  const int64_t width = static_cast<int64_t>(gemm::kPanel), panels = (n + width - 1) / width;
  if (p.unit) {
    const float* rows[kBlock];
    for (int64_t i = 0; i < m; ++i) rows[i] = a + i * lda;
    const gemm::Product product{static_cast<size_t>(m), static_cast<size_t>(n), static_cast<size_t>(k), 1, rows, nullptr, c, static_cast<size_t>(ldc), {}};
    return gemm::run_pairs(*p.unit, product, {reinterpret_cast<const uint16_t*>(packed), reinterpret_cast<std::byte*>(pairs), gemm::pair_panel_size(static_cast<size_t>(depth))},
                           0, static_cast<size_t>(panels));
  }
  const int64_t step = k == depth ? panels : 1;  // panels at a time: their distance is what is multiplied of them
  for (int64_t panel = 0; panel < panels; panel += step) {
    const int64_t column = panel * width;
    const gemm::Gemm g{static_cast<size_t>(std::min(step * width, n - column)), static_cast<size_t>(k), a, lda, packed + column * depth, c + column, ldc, {}};
    gemm::run(g, 0, static_cast<size_t>(m), 0, static_cast<size_t>(step));
  }
}

// Queries [begin, end) of a head.
void run_head(const Plan& p, const Operands& o, int64_t b, int64_t h, int64_t begin, int64_t end, float* memory) {
  const TensorView &q = o.in(0), &k = o.in(1), &v = o.in(2), &out = o.out(0);
  const TensorView* mask = o.optional(3);
  const rows::Functions& row = rows::functions();
  float *packed_k = memory, *packed_v = packed_k + p.packed_k, *scores = packed_v + p.packed_v, *pairs = scores + p.scores;
  const int64_t kh = h / p.group;
  const float* keys = k.as<float>() + b * stride(k, 0) + kh * stride(k, 1);
  const float* values = v.as<float>() + b * stride(v, 0) + kh * stride(v, 1);
  pack(p, keys, 1, stride(k, 2), p.depth, p.keys, packed_k);
  pack(p, values, stride(v, 2), 1, p.keys, p.value_depth, packed_v);
  for (int64_t first = begin; first < end; first += kBlock) {
    const int64_t count = std::min(kBlock, end - first);
    // Causal: nobody in this block sees keys past its last row.
    const int64_t seen = p.causal ? std::min(p.keys, p.before + first + count) : p.keys;
    multiply(p, q.as<float>() + b * stride(q, 0) + h * stride(q, 1) + first * stride(q, 2), stride(q, 2), count, seen, p.depth, packed_k, p.depth, scores, seen, pairs);
    float sums[kBlock];
    for (int64_t i = 0; i < count; ++i) {
      float* s = scores + i * seen;
      const int64_t length = p.causal ? std::min(seen, p.before + first + i + 1) : seen;
      const int64_t at = mask ? b * stride(*mask, 0) + h * stride(*mask, 1) + (first + i) * stride(*mask, 2) : 0;
      sums[i] = row.exp_row(s, static_cast<size_t>(length), p.scale, p.mask == 1 ? mask->as<float>() + at : nullptr,
                            p.mask == 2 ? mask->as<uint8_t>() + at : nullptr);
      std::fill(s + length, s + seen, 0.0f);
    }
    float* to = out.as<float>() + b * stride(out, 0) + h * stride(out, 1) + first * stride(out, 2);
    multiply(p, scores, seen, count, p.value_depth, seen, packed_v, p.keys, to, stride(out, 2) ? stride(out, 2) : p.value_depth, pairs);
    for (int64_t i = 0; i < count; ++i)
      row.scale_row(to + i * stride(out, 2), static_cast<size_t>(p.value_depth), sums[i] == 0 ? 0 : 1 / sums[i]);
  }
}

}  // namespace

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const size_t floats = p.packed_k + p.packed_v + p.scores + p.pairs;
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

extern const Kernel kAttention, kAttentionBf16;
const Kernel kAttention = {"aten::scaled_dot_product_attention", kStateBytes,
                           [](const Operands& o, void* state, size_t* scratch) { return prepare(o, state, scratch, nullptr); }, run};
const Kernel kAttentionBf16 = {"portfire::attention_bf16", kStateBytes,
                               [](const Operands& o, void* state, size_t* scratch) { return prepare(o, state, scratch, gemm::pair_unit()); }, run};

}  // namespace portfire::attention
