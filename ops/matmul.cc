#include "ops/matmul.h"

#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::ops::matmul {
namespace {

constexpr int64_t kPanel = 32;  // columns of b that are multiplied at a time

// A matrix of any strides inside a tensor.
struct Matrix {
  const TensorView* tensor;
  int64_t offset, rows, columns, row_step, column_step;

  Matrix(const TensorView& t, int64_t at) : tensor(&t), offset(at) {
    const int r = t.rank();
    rows = t.size(r - 2);
    columns = t.size(r - 1);
    row_step = t.strides[r - 2];
    column_step = t.strides[r - 1];
  }
};

size_t panel_bytes(const TensorView& a) {
  return static_cast<size_t>(a.size(a.rank() - 1)) * (kPanel + 1) * sizeof(Complex);
}

// y_ij = finish(sum_k a_ik b_kj, i, j). A panel of b, wide and dense, stays in the cache while all
// rows of a pass by.
template <class T, class Finish>
void multiply(const Matrix& a, const Matrix& b, const Matrix& y, std::byte* scratch, Finish finish) {
  const int64_t depth = a.columns;
  T* panel = reinterpret_cast<T*>(scratch);
  T* row = panel + depth * kPanel;
  for (int64_t j = 0; j < y.columns; j += kPanel) {
    const int64_t width = y.columns - j < kPanel ? y.columns - j : kPanel;
    for (int64_t k = 0; k < depth; ++k) {
      load(*b.tensor, b.offset + k * b.row_step + j * b.column_step, b.column_step, width, panel + k * kPanel);
      for (int64_t c = width; c < kPanel; ++c) panel[k * kPanel + c] = 0;
    }
    for (int64_t i = 0; i < y.rows; ++i) {
      load(*a.tensor, a.offset + i * a.row_step, a.column_step, depth, row);
      T sum[kPanel] = {};
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t c = 0; c < kPanel; ++c)
          sum[c] = wrapping_add(sum[c], wrapping_multiply(row[k], panel[k * kPanel + c]));
      for (int64_t c = 0; c < width; ++c) sum[c] = finish(sum[c], i, j + c);
      store(*y.tensor, y.offset + i * y.row_step + j * y.column_step, y.column_step, width, sum);
    }
  }
}

Error infer_product(const TensorView& a, const TensorView& b, int rank, TensorSpec& out) {
  const auto fail = [&] {
    return Error::make(Code::bad_argument, "shapes do not fit: %s and %s", TypeText(a).c_str(), TypeText(b).c_str());
  };
  if (a.rank() != rank || b.rank() != rank) return fail();
  if (a.size(rank - 1) != b.size(rank - 2) || (rank == 3 && a.size(0) != b.size(0))) return fail();
  if (a.dtype != b.dtype)
    return Error::make(Code::bad_argument, "dtypes differ: %s and %s", TypeText(a).c_str(), TypeText(b).c_str());
  out = {a.dtype, a.shape};
  out.shape.sizes[rank - 1] = b.size(rank - 1);
  return {};
}
Error check_scratch(const Args& a, size_t bytes) {
  if (a.context().scratch.size() >= bytes) return {};
  return Error::make(Code::out_of_memory, "no memory for a panel of %zu bytes", bytes);
}

}  // namespace

Error Mm::infer(const Args& a, std::span<TensorSpec> outs) { return infer_product(a.tensor(0), a.tensor(1), 2, outs[0]); }
size_t Mm::scratch(const Args& a) { return panel_bytes(a.tensor(0)); }
Error Mm::reference(const Args& a, std::span<TensorView> outs) {
  PF_TRY(check_scratch(a, scratch(a)));
  with_wide(outs[0].dtype, [&]<class T>(T) {
    multiply<T>(Matrix(a.tensor(0), 0), Matrix(a.tensor(1), 0), Matrix(outs[0], 0), a.context().scratch.data(),
                [](T sum, int64_t, int64_t) { return sum; });
  });
  return {};
}

Error Bmm::infer(const Args& a, std::span<TensorSpec> outs) { return infer_product(a.tensor(0), a.tensor(1), 3, outs[0]); }
size_t Bmm::scratch(const Args& a) { return panel_bytes(a.tensor(0)); }
Error Bmm::reference(const Args& a, std::span<TensorView> outs) {
  PF_TRY(check_scratch(a, scratch(a)));
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &y = outs[0];
  with_wide(y.dtype, [&]<class T>(T) {
    for (int64_t i = 0; i < y.size(0); ++i)
      multiply<T>(Matrix(x, i * x.strides[0]), Matrix(w, i * w.strides[0]), Matrix(y, i * y.strides[0]),
                  a.context().scratch.data(), [](T sum, int64_t, int64_t) { return sum; });
  });
  return {};
}

Error Addmm::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(infer_product(a.tensor(1), a.tensor(2), 2, outs[0]));
  Shape shape;
  PF_TRY(broadcast(a.tensor(0).shape, outs[0].shape, &shape));
  if (!(shape == outs[0].shape))
    return Error::make(Code::bad_argument, "%s does not broadcast to %s", TypeText(a.tensor(0)).c_str(),
                       TypeText(outs[0].dtype, outs[0].shape).c_str());
  return {};
}
size_t Addmm::scratch(const Args& a) { return panel_bytes(a.tensor(1)); }
Error Addmm::reference(const Args& a, std::span<TensorView> outs) {
  PF_TRY(check_scratch(a, scratch(a)));
  const TensorView& bias = a.tensor(0);
  const int r = bias.rank();
  const int64_t row_step = r > 1 && bias.size(r - 2) != 1 ? bias.strides[r - 2] : 0;
  const int64_t column_step = r > 0 && bias.size(r - 1) != 1 ? bias.strides[r - 1] : 0;
  const Scalar beta = a.scalar(3), alpha = a.scalar(4);
  const bool biased = beta.as_double() != 0;
  with_wide(outs[0].dtype, [&]<class T>(T) {
    const auto number = [](const Scalar& s) {
      return std::is_same_v<T, int64_t> ? static_cast<T>(s.as_int()) : static_cast<T>(s.as_double());
    };
    const T by_alpha = number(alpha), by_beta = number(beta);
    multiply<T>(Matrix(a.tensor(1), 0), Matrix(a.tensor(2), 0), Matrix(outs[0], 0), a.context().scratch.data(),
                [&](T sum, int64_t i, int64_t j) {
                  T added = 0;
                  if (biased) load(bias, i * row_step + j * column_step, 1, 1, &added);
                  return wrapping_add(wrapping_multiply(by_beta, added), wrapping_multiply(by_alpha, sum));
                });
  });
  return {};
}

}  // namespace portfire::ops::matmul
