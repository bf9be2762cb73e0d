#include "ops/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::ops::distance {
namespace {

// Several sums at a time: one would wait for each addition before the next.
template <class Step, class Join>
double folded(const double* x, const double* y, int64_t m, Step step, Join join) {
  constexpr int64_t kLanes = 4;
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= m; i += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = step(lanes[l], std::fabs(x[i + l] - y[i + l]));
  for (; i < m; ++i) lanes[0] = step(lanes[0], std::fabs(x[i] - y[i]));
  return join(join(lanes[0], lanes[1]), join(lanes[2], lanes[3]));
}
double norm_of_difference(const double* x, const double* y, int64_t m, double p) {
  const auto add = [](double a, double b) { return a + b; };
  const auto greatest = [](double t, double d) { return d > t || d != d ? d : t; };
  if (p == 2) return std::sqrt(folded(x, y, m, [](double t, double d) { return t + d * d; }, add));
  if (p == 1) return folded(x, y, m, add, add);
  if (p == 0) return folded(x, y, m, [](double t, double d) { return t + (d != 0); }, add);
  if (std::isinf(p)) return folded(x, y, m, greatest, greatest);
  return std::pow(folded(x, y, m, [p](double t, double d) { return t + std::pow(d, p); }, add), 1 / p);
}

// to += by * the gradient of the distance of x and y, which is d as `dtype` holds it
void add_gradient(const double* x, const double* y, int64_t m, double p, DType dtype, double d, double by, double* to) {
  if (d == 0 || p == 0) return;
  for (int64_t i = 0; i < m; ++i) {
    const double t = x[i] - y[i], size = std::fabs(t);
    double slope = t / d;
    if (p == 1) slope = (t > 0) - (t < 0);
    else if (std::isinf(p)) slope = round_to(dtype, size) == d ? (t > 0) - (t < 0) : 0;
    else if (p != 2) slope = t == 0 ? 0 : std::copysign(std::pow(size / d, p - 1), t);
    to[i] += by * slope;
  }
}

Error check_matrix(const TensorView& x) {
  if (x.rank() < 2) return Error::make(Code::bad_argument, "%s (expected rank 2 or more)", TypeText(x).c_str());
  if (!is_floating(x.dtype))
    return Error::make(Code::bad_argument, "distances of %s (expected a floating dtype)", TypeText(x).c_str());
  return {};
}
Shape batch(const TensorView& x) {
  Shape s = x.shape;
  s.rank -= 2;
  return s;
}
// The offset of the matrix at a batch index, aligned at the back; size 1 broadcasts.
int64_t matrix_offset(const TensorView& x, const Index& at, int batch_rank) {
  int64_t sum = 0;
  for (int d = 0; d < x.rank() - 2; ++d)
    if (x.size(d) != 1) sum += at[d + batch_rank - (x.rank() - 2)] * x.strides[d];
  return sum;
}
// All rows of the matrix at `offset`, one after the other.
void load_matrix(const TensorView& x, int64_t offset, double* to) {
  const int r = x.rank() - 2;
  const int64_t m = x.size(r + 1);
  for (int64_t i = 0; i < x.size(r); ++i) load(x, offset + i * x.strides[r], x.strides[r + 1], m, to + i * m);
}
size_t matrix_bytes(const TensorView& x) {
  return static_cast<size_t>(x.size(x.rank() - 2) * x.size(x.rank() - 1)) * sizeof(double);
}

}  // namespace

Error CdistForward::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &y = a.tensor(1);
  PF_TRY(check_matrix(x));
  PF_TRY(check_matrix(y));
  if (x.size(x.rank() - 1) != y.size(y.rank() - 1))
    return Error::make(Code::bad_argument, "rows of different lengths: %s and %s", TypeText(x).c_str(), TypeText(y).c_str());
  PF_TRY(broadcast(batch(x), batch(y), &outs[0].shape));
  outs[0].dtype = promote(x.dtype, y.dtype);
  outs[0].shape.push(x.size(x.rank() - 2));
  outs[0].shape.push(y.size(y.rank() - 2));
  return {};
}
size_t CdistForward::scratch(const Args& a) { return matrix_bytes(a.tensor(0)) + matrix_bytes(a.tensor(1)); }

Error CdistForward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = a.tensor(1), &out = outs[0];
  const int r = out.rank() - 2;
  const int64_t n = out.size(r), k = out.size(r + 1), m = x.size(x.rank() - 1);
  if (a.context().scratch.size() < scratch(a)) return Error::make(Code::out_of_memory, "no memory for two matrices");
  double* xs = reinterpret_cast<double*>(a.context().scratch.data());
  double* ys = xs + n * m;
  for (Index at(batch(out)); at.valid(); at.next()) {
    load_matrix(x, matrix_offset(x, at, r), xs);
    load_matrix(y, matrix_offset(y, at, r), ys);
    int64_t to = 0;
    for (int d = 0; d < r; ++d) to += at[d] * out.strides[d];
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < k; ++j)
        store_one(out, to + i * out.strides[r] + j * out.strides[r + 1],
                  norm_of_difference(xs + i * m, ys + j * m, m, a.real(2)));
  }
  return {};
}

Error PdistForward::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  PF_TRY(check_matrix(x));
  if (x.rank() != 2) return Error::make(Code::bad_argument, "%s (expected rank 2)", TypeText(x).c_str());
  if (x.size(0) > int64_t{1} << 31) return Error::make(Code::bad_argument, "pairs of the rows of %s", TypeText(x).c_str());
  outs[0].dtype = x.dtype;
  outs[0].shape.push(x.size(0) * (x.size(0) - 1) / 2);
  return {};
}
size_t PdistForward::scratch(const Args& a) { return matrix_bytes(a.tensor(0)); }

Error PdistForward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  if (a.context().scratch.size() < scratch(a)) return Error::make(Code::out_of_memory, "no memory for a matrix");
  double* xs = reinterpret_cast<double*>(a.context().scratch.data());
  load_matrix(x, 0, xs);
  const int64_t n = x.size(0), m = x.size(1);
  int64_t to = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i + 1; j < n; ++j, to += outs[0].strides[0])
      store_one(outs[0], to, norm_of_difference(xs + i * m, xs + j * m, m, a.real(1)));
  return {};
}

Error CdistBackward::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1), &y = a.tensor(2), &distances = a.tensor(4);
  PF_TRY(check_matrix(x));
  PF_TRY(check_matrix(y));
  Shape expected;
  PF_TRY(broadcast(batch(x), batch(y), &expected));
  expected.push(x.size(x.rank() - 2));
  expected.push(y.size(y.rank() - 2));
  if (grad.shape != expected || distances.shape != expected || x.size(x.rank() - 1) != y.size(y.rank() - 1))
    return Error::make(Code::bad_argument, "gradient %s and distances %s of %s and %s", TypeText(grad).c_str(), TypeText(distances).c_str(),
                       TypeText(x).c_str(), TypeText(y).c_str());
  outs[0] = {x.dtype, expected};
  outs[0].shape.sizes[expected.rank - 1] = x.size(x.rank() - 1);
  return {};
}
// x1, x2 and a row of sums
size_t CdistBackward::scratch(const Args& a) {
  return matrix_bytes(a.tensor(1)) + matrix_bytes(a.tensor(2)) + static_cast<size_t>(a.tensor(1).size(a.tensor(1).rank() - 1)) * sizeof(double);
}

Error CdistBackward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1), &y = a.tensor(2), &distances = a.tensor(4), &out = outs[0];
  const int r = out.rank() - 2;
  const int64_t n = out.size(r), m = out.size(r + 1), k = grad.size(r + 1);
  if (a.context().scratch.size() < scratch(a)) return Error::make(Code::out_of_memory, "no memory for two matrices");
  double* xs = reinterpret_cast<double*>(a.context().scratch.data());
  double *ys = xs + n * m, *sums = ys + k * m;
  for (Index at(batch(out)); at.valid(); at.next()) {
    load_matrix(x, matrix_offset(x, at, r), xs);
    load_matrix(y, matrix_offset(y, at, r), ys);
    const int64_t of_grad = matrix_offset(grad, at, r), of_distance = matrix_offset(distances, at, r);
    for (int64_t i = 0; i < n; ++i) {
      std::fill(sums, sums + m, 0.0);
      for (int64_t j = 0; j < k; ++j)
        add_gradient(xs + i * m, ys + j * m, m, a.real(3), distances.dtype, load_real(distances, of_distance + i * distances.strides[r] + j * distances.strides[r + 1]),
                     load_real(grad, of_grad + i * grad.strides[r] + j * grad.strides[r + 1]), sums);
      store(out, matrix_offset(out, at, r) + i * out.strides[r], out.strides[r + 1], m, sums);
    }
  }
  return {};
}

Error PdistBackward::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1), &distances = a.tensor(3);
  TensorSpec pairs;
  const Value* const rows[] = {&a[1]};
  PF_TRY(PdistForward::infer(Args(rows, a.context()), {&pairs, 1}));
  if (grad.shape != pairs.shape || distances.shape != pairs.shape)
    return Error::make(Code::bad_argument, "gradient %s and distances %s of %s", TypeText(grad).c_str(), TypeText(distances).c_str(), TypeText(x).c_str());
  outs[0] = {x.dtype, x.shape};
  return {};
}
// The rows and their sums
size_t PdistBackward::scratch(const Args& a) { return 2 * matrix_bytes(a.tensor(1)); }

Error PdistBackward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1), &distances = a.tensor(3), &out = outs[0];
  if (a.context().scratch.size() < scratch(a)) return Error::make(Code::out_of_memory, "no memory for two matrices");
  const int64_t n = x.size(0), m = x.size(1);
  double* xs = reinterpret_cast<double*>(a.context().scratch.data());
  double* sums = xs + n * m;
  load_matrix(x, 0, xs);
  std::fill(sums, sums + n * m, 0.0);
  int64_t pair = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i + 1; j < n; ++j, ++pair) {
      const double by = load_real(grad, pair * grad.strides[0]), d = load_real(distances, pair * distances.strides[0]);
      add_gradient(xs + i * m, xs + j * m, m, a.real(2), distances.dtype, d, by, sums + i * m);
      add_gradient(xs + i * m, xs + j * m, m, a.real(2), distances.dtype, d, -by, sums + j * m);
    }
  for (int64_t i = 0; i < n; ++i) store(out, i * out.strides[0], out.strides[1], m, sums + i * m);
  return {};
}

}  // namespace portfire::ops::distance
