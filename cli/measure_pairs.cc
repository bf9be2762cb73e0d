#include "cli/measure_pairs.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "ops/element.h"

namespace portfire::cli {
namespace {

constexpr int kMostOrders = 24;  // of dimensions, that are tried

// Without dimensions of size 1.
TensorView squeezed(const TensorView& t) {
  TensorView s = t;
  s.shape = Shape();
  for (int d = 0; d < t.rank(); ++d)
    if (t.size(d) != 1) {
      s.strides[s.rank()] = t.strides[d];
      s.shape.push(t.size(d));
    }
  return s;
}

// Element `k`, counted row-major; and its indices.
double element(const TensorView& t, int64_t k, Shape* at) {
  int64_t offset = 0;
  at->rank = t.rank();
  for (int d = t.rank() - 1; d >= 0; --d) {
    at->sizes[d] = k % t.size(d);
    offset += at->sizes[d] * t.strides[d];
    k /= t.size(d);
  }
  return ops::load_real(t, offset);
}

Measured measured(const TensorView& a, const TensorView& b, const Pair& pair) {
  Measured m{pair, compare(b, a)};
  if (m.difference.at < 0) return m;
  m.value_a = element(a, m.difference.at, &m.at);
  m.value_b = element(b, m.difference.at, &m.at);
  return m;
}

bool better(const Difference& a, const Difference& b) {
  return a.same_special != b.same_special ? a.same_special : a.relative < b.relative;
}

}  // namespace

Measured measure(const TensorView& a, const TensorView& b, const Pair& pair, double tolerance) {
  if (a.numel() != b.numel()) return measured(a, b, pair);  // says that shapes differ
  if (!pair.permuted) {
    TensorView same = a;
    same.shape = b.shape;
    same.set_contiguous();  // copies are row-major
    return measured(a.shape == b.shape ? a : same, b, pair);
  }
  const TensorView x = squeezed(a), y = squeezed(b);
  std::vector<int> order(static_cast<size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  Measured best;
  best.difference.same_special = false;
  best.difference.relative = INFINITY;
  int tried = 0;
  do {
    TensorView turned = x;
    for (int d = 0; d < x.rank(); ++d) {
      turned.shape.sizes[d] = x.size(order[static_cast<size_t>(d)]);
      turned.strides[d] = x.strides[order[static_cast<size_t>(d)]];
    }
    if (!(turned.shape == y.shape)) continue;
    Measured m = measured(turned, y, pair);
    m.pair.permuted = !std::is_sorted(order.begin(), order.end());
    if (tried++ == 0 || better(m.difference, best.difference)) best = m;
  } while (!best.difference.within(tolerance) && tried < kMostOrders && std::next_permutation(order.begin(), order.end()));
  return best;
}

Result<std::vector<std::vector<Measured>>> measure(Method& a, Method& b, const Calls& calls, const std::vector<std::vector<Pair>>& pairs,
                                                   double tolerance, size_t most_bytes) {
  std::vector<std::vector<Measured>> result(pairs.size());
  std::vector<std::map<size_t, size_t>> of_a(pairs.size()), of_b(pairs.size());  // the pair of a value
  for (size_t c = 0; c < pairs.size(); ++c) {
    result[c].resize(pairs[c].size());
    for (size_t p = 0; p < pairs[c].size(); ++p) {
      of_a[c][static_cast<size_t>(pairs[c][p].a)] = p;
      of_b[c][static_cast<size_t>(pairs[c][p].b)] = p;
    }
  }
  std::vector<std::vector<bool>> done(pairs.size());
  for (size_t c = 0; c < pairs.size(); ++c) done[c].resize(pairs[c].size());
  for (bool all = false; !all;) {
    all = true;
    std::map<std::pair<size_t, size_t>, Array> held;  // of this pass, by call and pair
    size_t bytes = 0;
    Tracer tracer_a(a), tracer_b(b);
    PF_TRY(a.reset());
    for (size_t c = 0; c < pairs.size(); ++c)
      PF_TRY(tracer_a.replay(calls.a[c], [&](size_t index, const TensorView& t) {
        const auto p = of_a[c].find(index);
        if (p == of_a[c].end() || done[c][p->second]) return;
        if (!held.empty() && t.bytes() > most_bytes - std::min(bytes, most_bytes)) {
          all = false;
          return;
        }
        bytes += t.bytes();
        held.emplace(std::pair(c, p->second), convert(t, t.dtype));
      }));
    PF_TRY(b.reset());
    for (size_t c = 0; c < pairs.size(); ++c)
      PF_TRY(tracer_b.replay(calls.b[c], [&](size_t index, const TensorView& t) {
        const auto p = of_b[c].find(index);
        const auto h = p == of_b[c].end() ? held.end() : held.find({c, p->second});
        if (h == held.end()) return;
        result[c][p->second] = measure(h->second.view, t, pairs[c][p->second], tolerance);
        done[c][p->second] = true;
      }));
    if (held.empty()) break;
  }
  return result;
}

}  // namespace portfire::cli
