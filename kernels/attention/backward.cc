// portfire::attention_backward in f32. For each head, blocks of queries: scores Q K^T and their softmax P again, E = D V^T,
// S = P (E - sum P E) row by row, then the products that give the gradients:
//   dQ = scale S K, dK += scale S^T Q, dV += P^T D.
// P and S of a block stay in L2. A head of keys, with all heads of queries that share it, is one thread's: sums over queries
// are made in their order, whatever the number of threads.
#include <algorithm>
#include <cmath>
#include <new>

#include "kernels/attention/heads.h"
#include "kernels/copy/strided.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/norm/rows.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"

namespace portfire::attention {
namespace {

constexpr int64_t kMostRows = 4 * static_cast<int64_t>(gemm::kRows);  // queries at a time
constexpr int64_t kScores = 1 << 16;                                  // numbers in P of a block, about

struct BackwardPlan {
  int64_t batch, key_heads, group;  // group: query heads for each key head
  int64_t queries, keys, depth, value_depth, rows;
  size_t keys_turned, values_turned, keys_packed, block, scores, turned;  // floats
  float scale;
  bool causal;
  int mask;  // 0 none, 1 float, 2 bool
  size_t floats() const { return keys_turned + values_turned + keys_packed + block + 2 * scores + turned; }
};

size_t packed(int64_t k, int64_t n) { return padded(gemm::packed_size(static_cast<size_t>(k), static_cast<size_t>(n))); }

bool prepare_backward(const Operands& o, void* state, size_t* scratch) {
  const TensorView &grad = o.in(0), &q = o.in(1), &k = o.in(2), &v = o.in(3);
  for (const TensorView* t : {&grad, &q, &k, &v})
    if (t->dtype != DType::f32 || t->rank() < 2 || t->rank() > 4 || t->rank() != q.rank()) return false;
  for (const TensorView* t : {&q, &k, &v})
    if (!unit_columns(*t)) return false;
  for (size_t i = 0; i < 3; ++i)
    if (!o.out(i).is_contiguous()) return false;
  const Args a(o.args);
  auto& p = *new (state) BackwardPlan;
  p.batch = size(q, 0);
  p.key_heads = size(k, 1);
  const int64_t heads = size(q, 1);
  // Those that are broadcast are the reference's.
  if (size(grad, 0) != p.batch || size(grad, 1) != heads || size(k, 0) != p.batch || size(v, 0) != p.batch || size(v, 1) != p.key_heads || p.key_heads == 0 || heads % p.key_heads) return false;
  p.group = heads / p.key_heads;
  p.queries = size(q, 2);
  p.keys = size(k, 2);
  p.depth = size(q, 3);
  p.value_depth = size(v, 3);
  if (p.queries == 0 || p.keys == 0 || p.depth == 0 || p.value_depth == 0) return false;
  p.causal = a.boolean(5);
  p.scale = static_cast<float>(a.real(6, 1 / std::sqrt(static_cast<double>(p.depth))));
  p.mask = 0;
  if (const TensorView* m = o.optional(4)) {
    p.mask = m->dtype == DType::f32 ? 1 : m->dtype == DType::boolean ? 2 : 0;
    if (p.mask == 0 || m->rank() < 1 || m->rank() > 4 || size(*m, 3) != p.keys || !unit_columns(*m)) return false;
  }
  const auto fit = kScores / p.keys / static_cast<int64_t>(gemm::kRows) * static_cast<int64_t>(gemm::kRows);
  p.rows = std::min(p.queries, std::clamp(fit, static_cast<int64_t>(gemm::kRows), kMostRows));
  p.keys_turned = packed(p.depth, p.keys);
  p.values_turned = packed(p.value_depth, p.keys);
  p.keys_packed = packed(p.keys, p.depth);
  p.block = std::max(packed(p.rows, p.depth), packed(p.rows, p.value_depth)) + padded(p.rows * p.value_depth);
  p.scores = padded(p.rows * p.keys);
  p.turned = p.scores;
  *scratch = p.floats() * sizeof(float) * o.threads;
  return true;
}

// C = A B (+ C), of m rows, all panels.
void multiply(const float* a, int64_t lda, int64_t m, int64_t n, int64_t k, const float* b, float* c, bool more) {
  gemm::Gemm g{static_cast<size_t>(n), static_cast<size_t>(k), a, lda, b, c, n, {}};
  if (more) g.epilogue.residual = c;
  gemm::run(g, 0, static_cast<size_t>(m), 0, (static_cast<size_t>(n) + gemm::kPanel - 1) / gemm::kPanel);
}
void pack(const float* b, int64_t row, int64_t column, int64_t k, int64_t n, float* to) { gemm::pack(b, row, column, static_cast<size_t>(k), static_cast<size_t>(n), to); }

class Head {
 public:
  Head(const BackwardPlan& p, const Operands& o, int64_t b, int64_t kh, float* memory) : p_(p), o_(o), b_(b), kh_(kh) {
    keys_turned_ = memory;
    values_turned_ = keys_turned_ + p.keys_turned;
    keys_packed_ = values_turned_ + p.values_turned;
    block_ = keys_packed_ + p.keys_packed;
    weights_ = block_ + p.block;
    errors_ = weights_ + p.scores;
    turned_ = errors_ + p.scores;
  }

  void run() {
    const TensorView &k = o_.in(2), &v = o_.in(3);
    const float* const keys = at(k, kh_, 0);
    pack(keys, 1, stride(k, 2), p_.depth, p_.keys, keys_turned_);
    pack(keys, stride(k, 2), 1, p_.keys, p_.depth, keys_packed_);
    pack(at(v, kh_, 0), 1, stride(v, 2), p_.value_depth, p_.keys, values_turned_);
    dk_ = o_.out(1).as<float>() + (b_ * p_.key_heads + kh_) * p_.keys * p_.depth;
    dv_ = o_.out(2).as<float>() + (b_ * p_.key_heads + kh_) * p_.keys * p_.value_depth;
    bool more = false;
    for (int64_t h = kh_ * p_.group; h < (kh_ + 1) * p_.group; ++h)
      for (int64_t first = 0; first < p_.queries; first += p_.rows, more = true) run_block(h, first, std::min(p_.rows, p_.queries - first), more);
  }

 private:
  const float* at(const TensorView& t, int64_t head, int64_t row) const { return t.as<float>() + b_ * stride(t, 0) + head * stride(t, 1) + row * stride(t, 2); }

  // The weights of queries [first, first + count), row by row.
  void softmax(int64_t h, int64_t first, int64_t count) const {
    const rows::Functions& row = rows::functions();
    const TensorView* mask = o_.optional(4);
    for (int64_t i = 0; i < count; ++i) {
      float* const s = weights_ + i * p_.keys;
      const int64_t length = p_.causal ? std::min(p_.keys, first + i + 1) : p_.keys;
      const int64_t from = mask ? b_ * stride(*mask, 0) + h * stride(*mask, 1) + (first + i) * stride(*mask, 2) : 0;
      const float sum = row.exp_row(s, static_cast<size_t>(length), p_.scale, p_.mask == 1 ? mask->as<float>() + from : nullptr,
                                    p_.mask == 2 ? mask->as<uint8_t>() + from : nullptr);
      std::fill(s + length, s + p_.keys, 0.0f);
      row.scale_row(s, static_cast<size_t>(length), sum == 0 ? 0 : 1 / sum);
    }
  }

  void run_block(int64_t h, int64_t first, int64_t count, bool more) {
    static const auto product_error = rows::functions().softmax_backward;
    const TensorView &grad = o_.in(0), &q = o_.in(1);
    const int64_t width = p_.value_depth;
    const float* const queries = at(q, h, first);
    multiply(queries, stride(q, 2), count, p_.keys, p_.depth, keys_turned_, weights_, false);
    softmax(h, first, count);
    const float* d = at(grad, h, first);
    int64_t step = stride(grad, 2);
    if (!unit_columns(grad)) {  // as rows that are runs, behind what is packed
      float* const rows = block_ + p_.block - padded(p_.rows * width);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t j = 0; j < width; ++j) rows[i * width + j] = d[i * step + j * stride(grad, 3)];
      d = rows;
      step = width;
    }
    multiply(d, step, count, p_.keys, width, values_turned_, errors_, false);
    // dV += P^T D
    copy::transpose(turned_, count, weights_, p_.keys, p_.keys, count, sizeof(float));
    pack(d, step, 1, count, width, block_);
    multiply(turned_, count, p_.keys, width, count, block_, dv_, more);
    for (int64_t i = 0; i < count; ++i) product_error(weights_ + i * p_.keys, errors_ + i * p_.keys, errors_ + i * p_.keys, static_cast<size_t>(p_.keys), p_.scale);
    // dQ = S K
    float* const dq = o_.out(0).as<float>() + ((b_ * p_.key_heads * p_.group + h) * p_.queries + first) * p_.depth;
    multiply(errors_, p_.keys, count, p_.depth, p_.keys, keys_packed_, dq, false);
    // dK += S^T Q
    copy::transpose(turned_, count, errors_, p_.keys, p_.keys, count, sizeof(float));
    pack(queries, stride(q, 2), 1, count, p_.depth, block_);
    multiply(turned_, count, p_.keys, p_.depth, count, block_, dk_, more);
  }

  const BackwardPlan& p_;
  const Operands& o_;
  int64_t b_, kh_;
  float *keys_turned_, *values_turned_, *keys_packed_, *block_, *weights_, *errors_, *turned_, *dk_ = nullptr, *dv_ = nullptr;
};

Error run_backward(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const BackwardPlan*>(state);
  parallel(context.pool, static_cast<size_t>(p.batch * p.key_heads), [&](size_t task, size_t worker) {
    const auto head = static_cast<int64_t>(task);
    Head(p, o, head / p.key_heads, head % p.key_heads, reinterpret_cast<float*>(context.scratch.data()) + worker * p.floats()).run();
  });
  return {};
}

}  // namespace

extern const Kernel kAttentionBackward;
const Kernel kAttentionBackward = {"portfire::attention_backward", sizeof(BackwardPlan), prepare_backward, run_backward};

}  // namespace portfire::attention
