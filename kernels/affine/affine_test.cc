// Kernels of quantization against the operators' references: lengths around whole vectors, layouts, parameters per tensor, channel,
// token, group and block, values on the halves, NaN and infinities.
#include <limits>

#include "kernels/kernel_case.h"

namespace portfire {
namespace {

constexpr int64_t kI8 = static_cast<int64_t>(DType::i8), kU8 = static_cast<int64_t>(DType::u8);
const std::vector<int64_t> kLengths = {0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40};

// Numbers on halves and odd ones, so that rounding shows.
void put_halves(TensorView& t) {
  int64_t n = 0;
  for (ops::Index at(t.shape); at.valid(); at.next(), ++n) ops::store_real(t, at.offset(t), static_cast<double>(n % 23 - 11) * 0.25);
}

TEST(AffineKernels, QuantizePerTensor) {
  for (int64_t n : kLengths)
    for (int64_t dtype : {kI8, kU8})
      for (Layout layout : {Layout::contiguous, Layout::gaps}) {
        KernelCase c("quantized_decomposed::quantize_per_tensor");
        c.tensor(DType::f32, {3, n}, layout);
        put_halves(c.last());
        c.real(0.5).number(3).number(dtype == kI8 ? -128 : 0).number(dtype == kI8 ? 127 : 255).number(dtype);
        if (layout == Layout::contiguous || n <= 1)
          c.expect_kernel_matches(0);
        else
          EXPECT_FALSE(c.taken());
      }
}

TEST(AffineKernels, WhatHasNoInteger) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  KernelCase("quantized_decomposed::quantize_per_tensor")
      .reals(DType::f32, {20}, {inf, -inf, nan, 1e30, -1e30, 0, -0.0, 5, nan, 1, 2, 3, inf, 7, 8, 9, -inf, 11, 1e-40, nan})
      .real(0.1).number(0).number(-100).number(100).number(kI8).expect_kernel_matches(0);
}

TEST(AffineKernels, QuantizeOfTensors) {
  for (const char* name : {"quantized_decomposed::quantize_per_tensor.tensor", "quantized_decomposed::quantize_per_tensor.Tensor"})
    KernelCase(name).tensor(DType::f32, {5, 33}).reals(DType::f64, {1}, {0.03}).reals(DType::i64, {1}, {-7}).number(-128).number(127)
        .number(kI8).expect_kernel_matches(0);
  for (int64_t n : {9, 33})
    KernelCase("quantized_decomposed::quantize_per_token").tensor(DType::f32, {2, 3, n})
        .reals(DType::f64, {2, 3, 1}, {0.1, 0.01, 1, 2, 0.5, 0.03})
        .reals(DType::i64, {2, 3, 1}, {0, 1, -3, 100, -128, 127}).number(-128).number(127).number(kI8).expect_kernel_matches(0);
  for (int64_t axis : {0, 1, -2})
    KernelCase("quantized_decomposed::quantize_per_channel").tensor(DType::f32, {4, 4, 11}).reals(DType::f64, {4}, {0.1, 0.01, 1, 2})
        .reals(DType::i64, {4}, {0, 1, -3, 100}).number(axis).number(-128).number(127).number(kI8).expect_kernel_matches(0);
  KernelCase("quantized_decomposed::quantize_per_channel_group").tensor(DType::f32, {2, 48})
      .reals(DType::f32, {2, 3}, {0.1, 0.01, 1, 2, 0.5, 0.03})
      .reals(DType::i32, {2, 3}, {0, 1, -3, 4, 2, -1}).number(-8).number(7).number(kI8).number(16).expect_kernel_matches(0);
}

TEST(AffineKernels, ManyElements) {
  for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{70000}, {3, 40001}, {700, 100}}) {
    KernelCase c("quantized_decomposed::quantize_per_tensor");
    c.tensor(DType::f32, sizes);
    c.real(0.02).number(1).number(-128).number(127).number(kI8).expect_kernel_matches(0);
  }
  KernelCase("torchao::dequantize_affine").tensor(DType::i8, {300, 256}).ints({1, 32}).tensor(DType::f32, {300, 8})
      .tensor(DType::i32, {300, 8}).number(kI8)
      .number(-8).number(7).number(static_cast<int64_t>(DType::f32)).expect_kernel_matches(1e-6);
}

TEST(AffineKernels, Dequantize) {
  for (int64_t n : kLengths)
    for (DType t : {DType::i8, DType::u8})
      KernelCase("quantized_decomposed::dequantize_per_tensor").tensor(t, {3, n}).real(0.037).number(5).number(0).number(127)
          .number(static_cast<int64_t>(t)).none().expect_kernel_matches(0);
  KernelCase("quantized_decomposed::dequantize_per_token").tensor(DType::i8, {2, 17}).reals(DType::f64, {2, 1}, {0.1, 0.3})
      .reals(DType::i64, {2, 1}, {3, -90})
      .number(-128).number(127).number(kI8).number(static_cast<int64_t>(DType::f32)).expect_kernel_matches(1e-6);
  KernelCase("quantized_decomposed::dequantize_per_channel").tensor(DType::i8, {3, 5, 9}).reals(DType::f32, {3}, {0.1, 0.3, 2}).none()
      .number(0)
      .number(-127).number(127).number(kI8).none().expect_kernel_matches(0);
  KernelCase("quantized_decomposed::dequantize_per_channel_group").tensor(DType::i8, {2, 64}).tensor(DType::f32, {2, 2})
      .tensor(DType::i8, {2, 2})
      .number(-8).number(7).number(kI8).number(32).number(static_cast<int64_t>(DType::f32)).expect_kernel_matches(1e-6);
}

TEST(AffineKernels, QuantizeAffine) {
  for (const std::vector<int64_t>& block : {std::vector<int64_t>{4, 64}, {1, 64}, {1, 32}, {2, 16}})
    KernelCase("torchao::quantize_affine").tensor(DType::f32, {4, 64}).ints(block)
        .reals(DType::f32, {4 / block[0], 64 / block[1]}, std::vector<double>(static_cast<size_t>(4 / block[0] * (64 / block[1])),
            0.05)).none().number(kI8)
        .number(-8).number(7).expect_kernel_matches(0);
}

TEST(AffineKernels, ChooseQparams) {
  for (const char* name : {"quantized_decomposed::choose_qparams.tensor", "quantized_decomposed::choose_qparams.Tensor",
      "quantized_decomposed::choose_qparams_symmetric.tensor"})
    for (int64_t n : {0, 1, 7, 33, 70001}) KernelCase(name).tensor(DType::f32, {n}).number(-128).number(127).real(1e-6).number(kI8)
        .expect_kernel_matches(0);
  for (int64_t n : kLengths) {
    KernelCase("quantized_decomposed::choose_qparams_per_token_asymmetric").tensor(DType::f32, {2, 5, n}).number(kI8)
        .expect_kernel_matches(0);
  }
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (double odd : {inf, -inf, nan, 0.0, 1e-30})
    KernelCase("quantized_decomposed::choose_qparams_per_token_asymmetric").reals(DType::f32, {1, 20}, std::vector<double>(20, odd))
        .number(kI8).expect_kernel_matches(0);
}

TEST(AffineKernels, ChooseQparamsOfBlocks) {
  for (const char* mapping : {"SYMMETRIC", "SYMMETRIC_NO_CLIPPING_ERR", "ASYMMETRIC"})
    for (int64_t size : {1, 8, 24, 48})
      for (bool keepdim : {false, true}) {
        KernelCase c("torchao::choose_qparams_affine");
        c.tensor(DType::f32, {5, 1, 48}).text(mapping).ints({1, 1, size}).number(kI8).none().none().none().none().none().flag(keepdim)
            .expect_kernel_matches(0);
      }
}

TEST(AffineKernels, Embeddings) {
  for (const char* name : {"quantized_decomposed::embedding_byte", "quantized_decomposed::embedding_4bit"})
    for (int64_t bytes : {2, 16, 34})
      for (bool zeros : {false, true}) {
        KernelCase c(name);
        c.tensor(DType::u8, {6, bytes}).tensor(DType::f32, {6, 2});
        zeros ? c.reals(DType::f32, {6, 2}, {0, 1, 2, 3, -1, -2, -3, 4, 5, 6, 7, -8}) : c.none();
        c.number(-8).number(7).indices({3, 5}, 6, DType::i64).expect_kernel_matches(1e-6);
      }
  KernelCase("quantized_decomposed::embedding_4bit").tensor(DType::u8, {6, 16}).tensor(DType::f32, {6}).none().number(-8).number(7)
      .reals(DType::i64, {2}, {1, 6}).expect_kernel_matches();
}

}  // namespace
}  // namespace portfire
