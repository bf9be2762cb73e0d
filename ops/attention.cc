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

Error Attention::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &q = a.tensor(0), &k = a.tensor(1), &v = a.tensor(2), &y = outs[0];
  const TensorView* mask = a.optional_tensor(3);
  const int64_t length = q.size(q.rank() - 2), keys = k.size(k.rank() - 2),
                depth = q.size(q.rank() - 1), width = v.size(v.rank() - 1);
  const double scale = a.real(6, 1 / std::sqrt(static_cast<double>(depth)));
  double* const score = reinterpret_cast<double*>(a.context().scratch.data());
  double* const sum = score + keys;
  auto row_step = [](const TensorView& t) { return t.strides[t.rank() - 2]; };
  auto step = [](const TensorView& t) { return t.strides[t.rank() - 1]; };
  Shape leading = y.shape;
  leading.rank -= 2;

  with_reader(q.dtype, [&](auto type) {
    using Reader = typename decltype(type)::type;
    const Reader queries(q), all_keys(k), values(v);
    for (Index at(leading); at.valid(); at.next()) {
      const int64_t q0 = matrix(q, leading, at), k0 = matrix(k, leading, at),
                    v0 = matrix(v, leading, at), y0 = matrix(y, leading, at);
      for (int64_t l = 0; l < length; ++l) {
        // Keys beyond `end` are out of causality's reach.
        const int64_t end = a.boolean(5) ? std::min(l + 1, keys) : keys;
        double most = -std::numeric_limits<double>::infinity(), total = 0;
        for (int64_t s = 0; s < end; ++s) {
          double x =
              scale * static_cast<double>(dot(queries, q0 + l * row_step(q), step(q), all_keys,
                                              k0 + s * row_step(k), step(k), depth));
          if (mask) {
            int64_t m = 0;
            for (int d = 0; d < mask->rank(); ++d) {
              const int from = y.rank() - mask->rank() + d;
              const int64_t i = from < leading.rank ? at[from] : from == leading.rank ? l : s;
              if (mask->size(d) != 1) m += i * mask->strides[d];
            }
            if (mask->dtype != DType::boolean)
              x += load_real(*mask, m);
            else if (!load_int(*mask, m))
              x = -std::numeric_limits<double>::infinity();
          }
          score[s] = x;
          most = x > most || x != x ? x : most;
        }
        std::fill_n(sum, width, 0.0);
        const bool nothing = most == -std::numeric_limits<double>::infinity();
        for (int64_t s = 0; s < end && !nothing; ++s) {
          const double w = std::exp(score[s] - most);
          total += w;
          for (int64_t d = 0; d < width; ++d)
            sum[d] += w * static_cast<double>(values[v0 + s * row_step(v) + d * step(v)]);
        }
        for (int64_t d = 0; d < width; ++d)
          store_sum(y, y0 + l * row_step(y) + d * step(y), nothing ? 0.0 : sum[d] / total);
      }
    }
  });
  return {};
}

}  // namespace portfire::ops::attention
