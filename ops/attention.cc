#include "ops/attention.h"

#include <algorithm>

#include "ops/reader.h"

namespace portfire::ops::attention {
namespace {

// Offset of the matrix of `t` that serves batch index `at` of `leading` (all but two dimensions of
// the result). Dimensions of size 1 broadcast; fewer heads than the result's serve several each.
int64_t matrix(const TensorView& t, const Shape& leading, const Index& at) {
  const int shift = leading.rank - (t.rank() - 2);
  int64_t offset = 0;
  for (int d = 0; d < t.rank() - 2; ++d)
    offset += at[d + shift] * t.size(d) / leading.sizes[d + shift] * t.strides[d];
  return offset;
}

}  // namespace

Error Attention::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &q = a.tensor(0), &k = a.tensor(1), &v = a.tensor(2);
  const TensorView* mask = a.optional_tensor(3);
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || !is_floating(q.dtype))
    return Error::make(Code::bad_argument,
                       "query %s (expected a floating dtype and rank 2 or more)",
                       TypeText(q).c_str());
  if (k.dtype != q.dtype || v.dtype != q.dtype || k.size(k.rank() - 1) != q.size(q.rank() - 1) ||
      v.size(v.rank() - 2) != k.size(k.rank() - 2))
    return Error::make(Code::bad_argument, "query %s, key %s, value %s do not fit",
                       TypeText(q).c_str(), TypeText(k).c_str(), TypeText(v).c_str());
  if (a.real(4) != 0) return Error::make(Code::unsupported, "dropout inside attention");
  if (mask && a.boolean(5))
    return Error::make(Code::bad_argument, "a mask beside is_causal (expected one of them)");
  Shape y;
  for (const TensorView* t : {&q, &k, &v}) {
    Shape leading = t->shape;
    leading.rank -= 2;
    if (a.boolean(7) && t != &q && q.rank() >= 3 && t->rank() >= 3) {
      int64_t& heads = leading.sizes[leading.rank - 1];
      if (heads < 1 || q.size(q.rank() - 3) % heads)
        return Error::make(
            Code::bad_argument, "%lld heads of key or value (expected a divisor of %lld)",
            static_cast<long long>(heads), static_cast<long long>(q.size(q.rank() - 3)));
      heads = q.size(q.rank() - 3);
    }
    PF_TRY(broadcast(y, leading, &y));
  }
  y.push(q.size(q.rank() - 2));
  if (mask) {
    Shape s = y, both;
    s.push(k.size(k.rank() - 2));
    PF_TRY(broadcast(mask->shape, s, &both));
    if (!(both == s))
      return Error::make(Code::bad_argument, "mask %s is larger than the scores",
                         TypeText(*mask).c_str());
  }
  y.push(v.size(v.rank() - 1));
  outs[0] = {q.dtype, y};
  return {};
}

Error AttentionBf16::infer(const Args& a, std::span<TensorSpec> outs) {
  if (a.tensor(0).dtype != DType::f32) return Error::make(Code::bad_argument, "dtype %s (expected f32)", name_of(a.tensor(0).dtype));
  return Attention::infer(a, outs);
}

// One row of scores and one of the result.
size_t Attention::scratch(const Args& a) {
  const TensorView &k = a.tensor(1), &v = a.tensor(2);
  return sizeof(double) * static_cast<size_t>(k.size(k.rank() - 2) + v.size(v.rank() - 1));
}

namespace {

int64_t row_step(const TensorView& t) { return t.strides[t.rank() - 2]; }
int64_t step(const TensorView& t) { return t.strides[t.rank() - 1]; }

// Element (l, s) of what is added to the scores of the batch index `at`; -inf where it is false.
double mask_at(const TensorView& mask, const Shape& leading, const Index& at, int64_t l, int64_t s) {
  int64_t m = 0;
  for (int d = 0; d < mask.rank(); ++d) {
    const int from = leading.rank + 2 - mask.rank() + d;
    const int64_t i = from < leading.rank ? at[from] : from == leading.rank ? l : s;
    if (mask.size(d) != 1) m += i * mask.strides[d];
  }
  if (mask.dtype != DType::boolean) return load_real(mask, m);
  return load_int(mask, m) ? 0 : -std::numeric_limits<double>::infinity();
}

// exp(score - most) of the first `end` keys, for the query at q0; the sum of them. 0 where nothing is kept.
template <class Reader>
double exponentials(const TensorView& q, int64_t q0, const TensorView& k, int64_t k0, const TensorView* mask, const Shape& leading, const Index& at, int64_t l,
                    int64_t end, double scale, double* score) {
  const Reader queries(q), keys(k);
  double most = -std::numeric_limits<double>::infinity(), total = 0;
  for (int64_t s = 0; s < end; ++s) {
    double x = scale * static_cast<double>(dot(queries, q0, step(q), keys, k0 + s * row_step(k), step(k), q.size(q.rank() - 1)));
    if (mask) {
      const double m = mask_at(*mask, leading, at, l, s);
      x = mask->dtype == DType::boolean && m < 0 ? m : x + m;
    }
    score[s] = x;
    most = x > most || x != x ? x : most;
  }
  const bool nothing = most == -std::numeric_limits<double>::infinity();
  for (int64_t s = 0; s < end; ++s) total += score[s] = nothing ? 0 : std::exp(score[s] - most);
  return total;
}

double scale_of(const Args& a, size_t i, const TensorView& q) { return a.real(i, 1 / std::sqrt(static_cast<double>(q.size(q.rank() - 1)))); }

}  // namespace

Error Attention::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &q = a.tensor(0), &k = a.tensor(1), &v = a.tensor(2), &y = outs[0];
  const int64_t length = q.size(q.rank() - 2), keys = k.size(k.rank() - 2), width = v.size(v.rank() - 1);
  const double scale = scale_of(a, 6, q);
  double* const weight = reinterpret_cast<double*>(a.context().scratch.data());
  double* const sum = weight + keys;
  Shape leading = y.shape;
  leading.rank -= 2;
  with_reader(q.dtype, [&](auto type) {
    using Reader = typename decltype(type)::type;
    const Reader values(v);
    for (Index at(leading); at.valid(); at.next()) {
      const int64_t q0 = matrix(q, leading, at), k0 = matrix(k, leading, at), v0 = matrix(v, leading, at), y0 = matrix(y, leading, at);
      for (int64_t l = 0; l < length; ++l) {
        // Keys beyond `end` are out of causality's reach.
        const int64_t end = a.boolean(5) ? std::min(l + 1, keys) : keys;
        const double total = exponentials<Reader>(q, q0 + l * row_step(q), k, k0, a.optional_tensor(3), leading, at, l, end, scale, weight);
        std::fill_n(sum, width, 0.0);
        for (int64_t s = 0; s < end && total != 0; ++s)
          for (int64_t d = 0; d < width; ++d) sum[d] += weight[s] * static_cast<double>(values[v0 + s * row_step(v) + d * step(v)]);
        for (int64_t d = 0; d < width; ++d) store_sum(y, y0 + l * row_step(y) + d * step(y), total == 0 ? 0.0 : sum[d] / total);
      }
    }
  });
  return {};
}

Error AttentionBackward::infer(const Args& a, std::span<TensorSpec> outs) {
  // Those of the forward call.
  const Value none, no_dropout = Value::of(0.0);
  const Value* args[] = {&a[1], &a[2], &a[3], &a[4], &no_dropout, &a[5], &a[6], &a[7]};
  TensorSpec y;
  PF_TRY(Attention::infer(Args(args, a.context()), {&y, 1}));
  if (a.tensor(0).dtype != y.dtype || !(a.tensor(0).shape == y.shape))
    return Error::make(Code::bad_argument, "grad_output %s (expected %s)", TypeText(a.tensor(0)).c_str(), TypeText(y.dtype, y.shape).c_str());
  for (size_t i = 0; i < 3; ++i) outs[i] = {a.tensor(i + 1).dtype, a.tensor(i + 1).shape};
  return {};
}

// Two rows of scores, and the gradients, which are summed.
size_t AttentionBackward::scratch(const Args& a) {
  int64_t numbers = 2 * a.tensor(2).size(a.tensor(2).rank() - 2);
  for (size_t i = 1; i < 4; ++i) numbers += a.tensor(i).numel();
  return sizeof(double) * static_cast<size_t>(numbers);
}

Error AttentionBackward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &grad = a.tensor(0), &q = a.tensor(1), &k = a.tensor(2), &v = a.tensor(3);
  const int64_t length = q.size(q.rank() - 2), keys = k.size(k.rank() - 2), depth = q.size(q.rank() - 1), width = v.size(v.rank() - 1);
  const double scale = scale_of(a, 6, q);
  double* const weight = reinterpret_cast<double*>(a.context().scratch.data());
  double* const e = weight + keys;
  double* next = e + keys;
  TensorView sums[3];
  for (size_t i = 0; i < 3; ++i) {
    sums[i] = TensorView::of(next, DType::f64, outs[i].shape.dims());
    next = std::fill_n(next, outs[i].numel(), 0.0);
  }
  const TensorView &dq = sums[0], &dk = sums[1], &dv = sums[2];
  Shape leading = grad.shape;
  leading.rank -= 2;
  with_reader(q.dtype, [&](auto type) {
    using Reader = typename decltype(type)::type;
    const Reader queries(q), all_keys(k), values(v), grads(grad);
    for (Index at(leading); at.valid(); at.next()) {
      const int64_t q0 = matrix(q, leading, at), k0 = matrix(k, leading, at), v0 = matrix(v, leading, at), g0 = matrix(grad, leading, at);
      double *const to_q = dq.as<double>() + matrix(dq, leading, at), *const to_k = dk.as<double>() + matrix(dk, leading, at), *const to_v = dv.as<double>() + matrix(dv, leading, at);
      for (int64_t l = 0; l < length; ++l) {
        const int64_t end = a.boolean(5) ? std::min(l + 1, keys) : keys;
        const double total = exponentials<Reader>(q, q0 + l * row_step(q), k, k0, a.optional_tensor(4), leading, at, l, end, scale, weight);
        if (total == 0) continue;
        double mean = 0;
        for (int64_t s = 0; s < end; ++s) {
          weight[s] /= total;
          e[s] = static_cast<double>(dot(grads, g0 + l * row_step(grad), step(grad), values, v0 + s * row_step(v), step(v), width));
          mean += weight[s] * e[s];
        }
        for (int64_t s = 0; s < end; ++s) {
          for (int64_t d = 0; d < width; ++d) to_v[s * width + d] += weight[s] * static_cast<double>(grads[g0 + l * row_step(grad) + d * step(grad)]);
          const double part = scale * weight[s] * (e[s] - mean);
          for (int64_t d = 0; d < depth; ++d) {
            to_q[l * depth + d] += part * static_cast<double>(all_keys[k0 + s * row_step(k) + d * step(k)]);
            to_k[s * depth + d] += part * static_cast<double>(queries[q0 + l * row_step(q) + d * step(q)]);
          }
        }
      }
    }
  });
  for (size_t i = 0; i < 3; ++i)
    for (Index at(outs[i].shape); at.valid(); at.next()) store_real(outs[i], at.offset(outs[i]), load_real(sums[i], at.offset(sums[i])));
  return {};
}

}  // namespace portfire::ops::attention
