#include "ops/cached_attention.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::cached_attention {
namespace {

Error check(const TensorView& q, const TensorView& k, const TensorView& v, const TensorView* mask, bool causal) {
  bool fits = q.rank() == 4 && k.rank() == 4 && k.shape == v.shape && q.size(0) == k.size(0) && q.size(3) == k.size(3) && k.size(2) > 0 &&
              q.size(2) % k.size(2) == 0;
  if (!fits || q.dtype != k.dtype || q.dtype != v.dtype)
    return Error::make(Code::bad_argument, "query %s, key %s, value %s", TypeText(q).c_str(), TypeText(k).c_str(), TypeText(v).c_str());
  if (mask && causal) return Error::make(Code::bad_argument, "attn_mask and is_causal (expected one of them)");
  if (mask && (mask->rank() != 2 || !is_floating(mask->dtype) || mask->size(0) != q.size(1) || mask->size(1) != k.size(1)))
    return Error::make(Code::bad_argument, "attn_mask %s for query %s, key %s", TypeText(*mask).c_str(), TypeText(q)
        .c_str(), TypeText(k).c_str());
  return {};
}

// The same with dimensions 1 and 2 changed for each other.
TensorView turned(TensorView t) {
  if (t.rank() != 4) return t;
  std::swap(t.shape.sizes[1], t.shape.sizes[2]);
  std::swap(t.strides[1], t.strides[2]);
  return t;
}

// Elements as numbers; integers with the parameters of their token.
class Reader {
 public:
  Reader(const TensorView& t, const TensorView* zeros = nullptr, const TensorView* scales = nullptr) : t_(t), zeros_(zeros),
      scales_(scales) {}
  // Element `d` of token `s` in head `h` of batch `b`.
  double operator()(int64_t b, int64_t s, int64_t h, int64_t d) const {
    const double x = load_real(t_, offset(t_, b, s, h) + d * t_.strides[3]);
    return scales_ ? (x - load_real(*zeros_, offset(*zeros_, b, s, h))) * load_real(*scales_, offset(*scales_, b, s, h)) : x;
  }

 private:
  static int64_t offset(const TensorView& t, int64_t b, int64_t s,
      int64_t h) { return b * t.strides[0] + s * t.strides[1] + h * t.strides[2]; }
  TensorView t_;
  const TensorView *zeros_, *scales_;
};

size_t scratch_for(const TensorView& key, int dim) {
  return sizeof(double) * static_cast<size_t>(key.rank() == 4 ? key.size(dim) : 0);
}

Error attend(const Problem& p, const Reader& query, const Reader& key, const Reader& value, std::span<std::byte> scratch) {
  auto* const weight = reinterpret_cast<double*>(scratch.data());
  const TensorView& y = p.out;
  const int64_t depth = y.size(3), group = p.query.size(2) / p.key.size(2);
  for (Index at(y.shape); at.valid(); at.next()) {
    if (at[3] != 0) continue;  // a row at a time
    const int64_t b = at[0], i = at[1], h = at[2], seen = p.seen(i);
    double most = -std::numeric_limits<double>::infinity(), total = 0;
    for (int64_t s = 0; s < seen; ++s) {
      double sum = 0;
      for (int64_t d = 0; d < depth; ++d) sum += query(b, i, h, d) * key(b, s, h / group, d);
      weight[s] = sum * p.scale + (p.mask ? load_real(*p.mask, i * p.mask->strides[0] + s * p.mask->strides[1]) : 0);
      most = std::max(most, weight[s]);
    }
    for (int64_t s = 0; s < seen; ++s) {
      weight[s] = most == -std::numeric_limits<double>::infinity() ? 0 : std::exp(weight[s] - most);
      total += weight[s];
    }
    for (int64_t d = 0; d < depth; ++d) {
      double sum = 0;
      for (int64_t s = 0; s < seen; ++s) sum += weight[s] * value(b, s, h / group, d);
      store_real(y, at.offset(y) + d * y.strides[3], total == 0 ? 0 : sum / total);
    }
  }
  return {};
}

Error check_parameters(const TensorView& t, const TensorView* zeros, const TensorView* scales) {
  if (!zeros || !scales) return Error::make(Code::bad_argument, "no scales or zero points");
  Shape tokens = t.shape;
  if (tokens.rank > 0) tokens.sizes[tokens.rank - 1] = 1;
  if (zeros->shape == tokens && scales->shape == tokens && zeros->dtype == DType::i8 && scales->dtype == DType::f32) return {};
  return Error::make(Code::bad_argument, "zero points %s and scales %s (expected i8 and %s)", TypeText(*zeros)
      .c_str(), TypeText(*scales).c_str(),
                     TypeText(DType::f32, tokens).c_str());
}

}  // namespace

Error read_numbers(const Args& a, size_t first, size_t gap, Problem* p) {
  const size_t mask = first + gap + 1;
  p->mask = a.optional_tensor(mask);
  p->start = a.integer(first);
  p->causal = a.boolean(mask + 2);
  p->scale = a.real(mask + 3, 1 / std::sqrt(static_cast<double>(p->query.size(3))));
  const int64_t room = p->key.size(1), count = p->query.size(1);
  if (p->start < 0 || p->start > room || (!p->mask && count > room - p->start))
    return Error::make(Code::bad_argument, "tokens %lld to %lld of a cache of %lld", static_cast<long long>(p->start),
                       static_cast<long long>(p->start + count), static_cast<long long>(room));
  p->tokens = p->mask ? room : p->start + count;
  return {};
}

Error CustomSdpa::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& q = a.tensor(0);
  if (!is_floating(q.dtype)) return Error::make(Code::bad_argument, "query %s (expected a floating dtype)", TypeText(q).c_str());
  PF_TRY(check(q, a.tensor(1), a.tensor(2), a.optional_tensor(4), a.boolean(6)));
  outs[0] = {q.dtype, q.shape};
  return {};
}
Error CustomSdpa::reference(const Args& a, std::span<TensorView> outs) {
  Problem p{a.tensor(0), a.tensor(1), a.tensor(2), outs[0]};
  PF_TRY(read_numbers(a, 3, 0, &p));
  return attend(p, Reader(p.query), Reader(p.key), Reader(p.value), a.context().scratch);
}
size_t CustomSdpa::scratch(const Args& a) { return scratch_for(a.tensor(1), 1); }

Error CustomQuantizedSdpa::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &q = a.tensor(0), &k = a.tensor(1), &v = a.tensor(2);
  if (q.dtype != DType::i8) return Error::make(Code::bad_argument, "query %s (expected i8)", TypeText(q).c_str());
  for (size_t i = 0; i < 3; ++i) PF_TRY(check_parameters(a.tensor(i), a.optional_tensor(8 + 2 * i), a.optional_tensor(9 + 2 * i)));
  const bool turn = a.boolean(14);
  PF_TRY(check(turn ? turned(q) : q, turn ? turned(k) : k, turn ? turned(v) : v, a.optional_tensor(4), a.boolean(6)));
  outs[0] = {DType::f32, q.shape};
  return {};
}
Error CustomQuantizedSdpa::reference(const Args& a, std::span<TensorView> outs) {
  const bool turn = a.boolean(14);
  const auto of = [&](const TensorView& t) { return turn ? turned(t) : t; };
  Problem p{of(a.tensor(0)), of(a.tensor(1)), of(a.tensor(2)), of(outs[0])};
  PF_TRY(read_numbers(a, 3, 0, &p));
  TensorView parameters[6];
  for (size_t i = 0; i < 6; ++i) parameters[i] = of(a.tensor(8 + i));
  const auto reader = [&](const TensorView& t, size_t i) { return Reader(t, &parameters[2 * i], &parameters[2 * i + 1]); };
  return attend(p, reader(p.query, 0), reader(p.key, 1), reader(p.value, 2), a.context().scratch);
}
size_t CustomQuantizedSdpa::scratch(const Args& a) { return scratch_for(a.tensor(1), a.boolean(14) ? 2 : 1); }

Error SdpaWithKvCache::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &q = a.tensor(0), &k = a.tensor(1);
  if (!is_floating(q.dtype)) return Error::make(Code::bad_argument, "query %s (expected a floating dtype)", TypeText(q).c_str());
  PF_TRY(kv_cache::check_cache(a.tensor(3), k));
  PF_TRY(kv_cache::check_cache(a.tensor(4), a.tensor(2)));
  PF_TRY(check(q, a.tensor(3), a.tensor(4), a.optional_tensor(7), a.boolean(9)));
  if (k.size(1) != q.size(1)) return Error::make(Code::bad_argument, "key %s for query %s", TypeText(k).c_str(), TypeText(q).c_str());
  outs[0] = {q.dtype, q.shape};
  return {};
}
Error SdpaWithKvCache::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &keys = a.tensor(3), &values = a.tensor(4);
  Problem p{a.tensor(0), keys, values, outs[0]};
  PF_TRY(read_numbers(a, 5, 1, &p));
  PF_TRY(kv_cache::store_tokens(keys, a.tensor(1), p.start));
  PF_TRY(kv_cache::store_tokens(values, a.tensor(2), p.start));
  return attend(p, Reader(p.query), Reader(p.key), Reader(p.value), a.context().scratch);
}
size_t SdpaWithKvCache::scratch(const Args& a) { return scratch_for(a.tensor(3), 1); }

}  // namespace portfire::ops::cached_attention
