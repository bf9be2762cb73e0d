#include "ops/flip.h"

#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::flip {

Error Flip::infer(const Args& a, std::span<TensorSpec> outs) {
  bool mask[kMaxRank];
  PF_TRY(dim_mask(a.ints(1), a.tensor(0).rank(), mask));
  outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
  return {};
}

Error Flip::reference(const Args& a, std::span<TensorView> outs) {
  TensorView x = a.tensor(0);
  if (x.numel() == 0) return {};
  for (int64_t dim : a.ints(1)) {
    int d;
    PF_TRY(wrap_dim(dim, x.rank(), &d));
    if (x.rank() == 0) continue;
    x = shifted(x, (x.size(d) - 1) * x.strides[d]);
    x.strides[d] = -x.strides[d];
  }
  copy_view(outs[0], x);
  return {};
}

Error Roll::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  const auto shifts = a.ints(1), dims = a.ints(2);
  if (shifts.empty() || (shifts.size() != dims.size() && !(dims.empty() && shifts.size() == 1)))
    return Error::make(Code::bad_argument, "%zu shifts of %zu dims", shifts.size(), dims.size());
  for (int64_t dim : dims) {
    int d;
    PF_TRY(wrap_dim(dim, x.rank(), &d));
  }
  outs[0] = {x.dtype, x.shape};
  return {};
}

namespace {

int64_t modulo(int64_t a, int64_t n) { return ((a % n) + n) % n; }

// The parts of `to` that wrap around and that do not are copied apart, dimension after dimension.
void roll(TensorView to, TensorView from, const int64_t (&shift)[kMaxRank], int d) {
  if (d == to.rank()) return copy_view(to, from);
  const int64_t n = to.size(d), s = shift[d];
  if (s > 0) roll(sliced(to, d, 0, s), sliced(from, d, n - s, s), shift, d + 1);
  roll(sliced(to, d, s, n - s), sliced(from, d, 0, n - s), shift, d + 1);
}

}  // namespace

Error Roll::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  const auto shifts = a.ints(1), dims = a.ints(2);
  const int64_t total = x.numel();
  if (total == 0) return {};
  if (dims.empty()) {
    // Row-major order, all dimensions as one.
    const int64_t shift = modulo(shifts[0], total);
    int64_t i = 0;
    Index to(x.shape);
    for (; i < shift; ++i) to.next();
    for (Index from(x.shape); from.valid(); from.next(), to.next()) {
      if (!to.valid()) to = Index(x.shape);
      copy_element(outs[0], to.offset(outs[0]), x, from.offset(x));
    }
    return {};
  }
  int64_t shift[kMaxRank] = {};
  for (size_t i = 0; i < dims.size(); ++i) {
    int d;
    PF_TRY(wrap_dim(dims[i], x.rank(), &d));
    if (x.rank()) shift[d] = modulo(shift[d] + shifts[i], x.size(d));
  }
  roll(outs[0], x, shift, 0);
  return {};
}

}  // namespace portfire::ops::flip
