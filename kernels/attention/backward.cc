// portfire::attention_backward in f32. For each head, blocks of queries: scores Q K^T and their softmax P again, E = D V^T,
// S = P (E - sum P E) row by row, then the products that give the gradients:
//   dQ = scale S K, dK += scale S^T Q, dV += P^T D.
// P and E, which S replaces, of a block stay in L2. A head of keys, with all heads of queries that share it, is one thread's: sums
// over queries are made in their order, whatever the number of threads.
#include <algorithm>
#include <cmath>
#include <new>

#include "kernels/attention/heads.h"
#include "kernels/gemm/blocked.h"
#include "kernels/kernel.h"
#include "kernels/norm/rows.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"

namespace portfire::attention {
namespace {

// Queries at a time, and numbers in P of them, about.
constexpr int64_t kMostRows = 96, kScores = 1 << 15;

struct BackwardPlan {
  int64_t batch, key_heads, group;  // group: query heads for each key head
  int64_t queries, keys, depth, value_depth, rows;
  size_t scores, packing;  // floats
  float scale;
  bool causal;
  int mask;  // 0 none, 1 float, 2 bool
  size_t floats() const { return 2 * scores + packing; }
};

// What gemm::run needs at the most, of sides that lie as they like.
size_t packing(int64_t m, int64_t n, int64_t k) {
  return gemm::blocked_scratch(static_cast<size_t>(m), static_cast<size_t>(n), static_cast<size_t>(k), {nullptr, 1, 2});
}

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
  // Blocks of about the same height.
  const int64_t most = std::clamp(kScores / p.keys, static_cast<int64_t>(gemm::kRows), kMostRows), blocks = (p.queries + most - 1) / most;
  p.rows = (p.queries + blocks - 1) / blocks;
  p.scores = padded(p.rows * p.keys);
  const int64_t deepest = std::max(p.depth, p.value_depth);
  p.packing = std::max({packing(p.rows, p.keys, deepest), packing(p.keys, deepest, p.rows), packing(p.rows, deepest, p.keys)});
  *scratch = p.floats() * sizeof(float) * o.threads;
  return true;
}

class Head {
 public:
  Head(const BackwardPlan& p, const Operands& o, int64_t b, int64_t kh, float* memory) : p_(p), o_(o), b_(b), kh_(kh) {
    weights_ = memory;
    errors_ = weights_ + p.scores;
    packing_ = errors_ + p.scores;
  }

  void run() {
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

  // C = A B (+ C), A m x k and B k x n.
  void multiply(const gemm::Left& a, const gemm::Right& b, int64_t m, int64_t n, int64_t k, float* c, bool more = false) const {
    gemm::Blocked g{static_cast<size_t>(m), static_cast<size_t>(n), static_cast<size_t>(k), a, b, c, n, {}};
    if (more) g.epilogue.residual = c;
    gemm::run(g, 0, g.m, 0, (g.n + gemm::kPanel - 1) / gemm::kPanel, packing_);
  }

  void run_block(int64_t h, int64_t first, int64_t count, bool more) {
    static const auto product_error = rows::functions().softmax_backward;
    const TensorView &grad = o_.in(0), &q = o_.in(1), &k = o_.in(2), &v = o_.in(3);
    const int64_t width = p_.value_depth;
    const float *const queries = at(q, h, first), *const keys = at(k, kh_, 0), *const d = at(grad, h, first);
    multiply({queries, stride(q, 2), 1}, {keys, 1, stride(k, 2)}, count, p_.keys, p_.depth, weights_);
    softmax(h, first, count);
    multiply({d, stride(grad, 2), stride(grad, 3)}, {at(v, kh_, 0), 1, stride(v, 2)}, count, p_.keys, width, errors_);
    multiply({weights_, 1, p_.keys}, {d, stride(grad, 2), stride(grad, 3)}, p_.keys, width, count, dv_, more);
    for (int64_t i = 0; i < count; ++i) product_error(weights_ + i * p_.keys, errors_ + i * p_.keys, errors_ + i * p_.keys, static_cast<size_t>(p_.keys), p_.scale);
    float* const dq = o_.out(0).as<float>() + ((b_ * p_.key_heads * p_.group + h) * p_.queries + first) * p_.depth;
    multiply({errors_, p_.keys, 1}, {keys, stride(k, 2), 1}, count, p_.depth, p_.keys, dq);
    multiply({errors_, 1, p_.keys}, {queries, stride(q, 2), 1}, p_.keys, p_.depth, count, dk_, more);
  }

  const BackwardPlan& p_;
  const Operands& o_;
  int64_t b_, kh_;
  float *weights_, *errors_, *packing_, *dk_ = nullptr, *dv_ = nullptr;
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
