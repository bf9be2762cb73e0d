// The kernels that reduce against the references.
#include "kernels/kernel_case.h"

namespace portfire::reduce {
namespace {


struct Shape {
  std::vector<int64_t> sizes, dims;
};
const Shape kShapes[] = {
    {{}, {}}, {{1}, {0}}, {{7}, {0}}, {{1000}, {}}, {{3, 70}, {1}}, {{3, 70}, {0}}, {{70, 3}, {1}}, {{70, 3}, {0}},
    {{300, 5}, {0}}, {{5, 300}, {1}}, {{130, 200}, {0}}, {{4, 6, 50}, {1}}, {{4, 6, 50}, {0, 2}}, {{4, 6, 50}, {1, 2}}, {{4, 6, 50}, {0, 1, 2}},
    {{2, 3, 4, 5}, {0, 3}}, {{2, 3, 4, 5}, {1, 3}}, {{0, 4}, {0}}, {{4, 0}, {0}}, {{3, 1100}, {0}}, {{2, 3000}, {1}}, {{9, 1, 9}, {1}}};

void each_shape(auto f) {
  for (const Shape& s : kShapes)
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
      for (bool keepdim : {false, true})
        f(s, layout, keepdim);
}

TEST(Reduce, Sums) {
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::i32, DType::i8, DType::boolean, DType::bf16, DType::f16})
    each_shape([&](const Shape& s, Layout layout, bool keepdim) {
      const double tolerance = t == DType::bf16 || t == DType::f16 ? 0.008 : 1e-6;
      KernelCase("aten::sum.dim_IntList").tensor(t, s.sizes, layout).ints(s.dims).flag(keepdim).none().expect_kernel_matches(is_floating(t) ? tolerance : 0);
      if (!is_floating(t)) return;
      KernelCase("aten::mean.dim").tensor(t, s.sizes, layout).ints(s.dims).flag(keepdim).none().expect_kernel_matches(tolerance);
      KernelCase("aten::var.correction").tensor(t, s.sizes, layout).ints(s.dims).number(1).flag(keepdim).expect_kernel_matches(tolerance);
    });
}

// Rows that are cut, for threads to share.
TEST(Reduce, LongRows) {
  // The sum of so many signs cancels.
  KernelCase("aten::sum.dim_IntList").tensor(DType::f32, {200001}).none().flag(false).none().expect_kernel_matches(1e-5);
  KernelCase("aten::amax").tensor(DType::f32, {2, 150001}).ints({1}).flag(false).expect_kernel_matches(0);
}

TEST(Reduce, SquaresAndNumbers) {
  for (DType t : {DType::f32, DType::f64, DType::bf16, DType::f16})
    each_shape([&](const Shape& s, Layout layout, bool keepdim) {
      const double tolerance = t == DType::bf16 || t == DType::f16 ? 0.008 : 1e-6;
      KernelCase("portfire::sum_squares").tensor(t, s.sizes, layout).ints(s.dims).flag(keepdim).none().expect_kernel_matches(tolerance);
      KernelCase c("portfire::sum_numbers");
      c.tensor(t, s.sizes, layout);
      for (ops::Index at(c.last().shape); at.valid(); at.next())
        if ((at[0] + 1) % 3 == 0) ops::store_real(c.last(), at.offset(c.last()), std::numeric_limits<double>::quiet_NaN());
      c.ints(s.dims).flag(keepdim).none().expect_kernel_matches(tolerance);
    });
  KernelCase("portfire::sum_squares").tensor(DType::bf16, {300, 40}).ints({1}).flag(false).value(Value::of(static_cast<int64_t>(DType::f32))).expect_kernel_matches(1e-6);
}

// Rows of all lengths, one after the other and with gaps between.
TEST(Reduce, ShortRows) {
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::bf16, DType::u8})
    for (int64_t n : {1, 2, 7, 8, 9, 31, 33, 50, 250, 600, 1500})
      for (Layout layout : {Layout::contiguous, Layout::gaps}) {
        const double tolerance = t == DType::bf16 ? 0.008 : 1e-5;
        KernelCase("aten::sum.dim_IntList").tensor(t, {130, n}, layout).ints({1}).flag(false).none().expect_kernel_matches(tolerance);
        KernelCase("aten::amax").tensor(t, {130, n}, layout).ints({1}).flag(false).expect_kernel_matches(0);
        KernelCase("aten::prod.dim_int").tensor(t, {70, n}, layout).number(1).flag(false).none().expect_kernel_matches(tolerance);
      }
}

// Results side by side of all widths: whole vectors, what is left of one, more than a strip.
TEST(Reduce, Columns) {
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::i32, DType::i16, DType::u8, DType::i8, DType::boolean, DType::bf16, DType::f16})
    for (int64_t n : {15, 16, 17, 31, 33, 50, 64, 65, 250, 1025, 2049})
      for (int64_t rows : {1, 7, 8, 9, 64, 65, 130}) {
        const double tolerance = t == DType::bf16 || t == DType::f16 ? 0.008 : is_floating(t) ? 1e-6 : 0;
        KernelCase("aten::sum.dim_IntList").tensor(t, {2, rows, n}).ints({1}).flag(false).none().expect_kernel_matches(tolerance);
        KernelCase("aten::amin").tensor(t, {rows, n}).ints({0}).flag(false).expect_kernel_matches(0);
        if (is_floating(t)) KernelCase("aten::var.correction").tensor(t, {rows + 2, n}).ints({0}).number(1).flag(false).expect_kernel_matches(tolerance);
        if (n < 64) KernelCase("aten::sum.dim_IntList").tensor(t, {3, 2, rows, n}).ints({0, 2}).flag(false).none().expect_kernel_matches(tolerance);
      }
  KernelCase("aten::sum.dim_IntList").tensor({70, 50}, {53, 1}).ints({0}).flag(false).none().expect_kernel_matches(1e-6);
}

TEST(Reduce, Extremes) {
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::i32, DType::i16, DType::u8, DType::i8, DType::boolean, DType::bf16})
    each_shape([&](const Shape& s, Layout layout, bool keepdim) {
      if (std::count(s.sizes.begin(), s.sizes.end(), 0)) return;
      KernelCase("aten::amax").tensor(t, s.sizes, layout).ints(s.dims).flag(keepdim).expect_kernel_matches(0);
      KernelCase("aten::amin").tensor(t, s.sizes, layout).ints(s.dims).flag(keepdim).expect_kernel_matches(0);
    });
}

TEST(Reduce, AnyAndAll) {
  for (DType t : {DType::boolean, DType::u8, DType::f32, DType::i64})
    each_shape([&](const Shape& s, Layout layout, bool keepdim) {
      if (s.dims.empty()) return;
      KernelCase("aten::any.dims").tensor(t, s.sizes, layout).ints(s.dims).flag(keepdim).expect_kernel_matches(0);
      KernelCase("aten::all.dims").tensor(t, s.sizes, layout).ints(s.dims).flag(keepdim).expect_kernel_matches(0);
    });
}

TEST(Reduce, Products) {
  for (DType t : {DType::f32, DType::i64, DType::i8})
    for (int64_t dim : {0, 1}) KernelCase("aten::prod.dim_int").tensor(t, {5, 6}).number(dim).flag(false).none().expect_kernel_matches(1e-6);
  KernelCase("aten::prod").tensor(DType::f32, {40}).none().expect_kernel_matches(1e-6);
}

TEST(Reduce, NanGoesThrough) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (size_t place : {0u, 5u, 17u, 63u, 69u}) {
    std::vector<double> x(70, -1.0);
    x[place] = nan;
    for (const char* op : {"aten::amax", "aten::amin"}) {
      KernelCase(op).reals(DType::f32, {70}, x).ints({0}).flag(false).expect_kernel_matches(0);
      KernelCase(op).reals(DType::f32, {35, 2}, x).ints({0}).flag(false).expect_kernel_matches(0);
      KernelCase(op).reals(DType::f64, {2, 35}, x).ints({1}).flag(false).expect_kernel_matches(0);
    }
    std::vector<double> wide(70 * 20, -1.0);
    wide[place * 20 + 3] = nan;
    for (DType t : {DType::f32, DType::f64, DType::bf16}) KernelCase("aten::amax").reals(t, {70, 20}, wide).ints({0}).flag(false).expect_kernel_matches(0);
    KernelCase("aten::any.dims").reals(DType::f32, {70}, x).ints({0}).flag(false).expect_kernel_matches(0);
  }
}

// Far from zero the squares about a rounded mean are corrected.
TEST(Reduce, VarianceFarFromZero) {
  std::vector<double> x;
  for (int i = 0; i < 4000; ++i) x.push_back(1e4 + 1e-2 * (i % 7));
  KernelCase("aten::var.correction").reals(DType::f32, {4000}, x).ints({0}).number(1).flag(false).expect_kernel_matches(1e-4);
  KernelCase("aten::var.correction").reals(DType::f32, {400, 10}, x).ints({0}).number(1).flag(false).expect_kernel_matches(1e-4);
}

}  // namespace
}  // namespace portfire::reduce
