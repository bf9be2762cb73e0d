// Facts of the quantized operators that ExecuTorch's kernels were seen to have: where halves go, how small ranges are treated, how 4
// and 2 bits lie in bytes; and what of a cache is written.
#include <vector>

#include <gtest/gtest.h>

#include "ops/op_case.h"

namespace portfire::ops {
namespace {

constexpr int64_t kI8 = static_cast<int64_t>(DType::i8);

using Numbers = std::vector<double>;

TEST(Quantized, HalvesAreRoundedBeforeTheZeroPointIsAdded) {
  EXPECT_EQ(Call("quantized_decomposed::quantize_per_tensor").tensor(DType::f32, {4}, {0.5, 1.5, 2.5, -0.5}).real(1).number(1)
      .number(-128).number(127).number(kI8).result(),
            (Numbers{1, 3, 3, 1}));
}

TEST(Quantized, RangesAreOfTheDtype) {
  const auto of = [](int64_t low, int64_t high, DType t) {
    return Call("quantized_decomposed::quantize_per_tensor").tensor(DType::f32, {1}, {0}).real(1).number(0).number(low).number(high)
        .number(static_cast<int64_t>(t)).run().code();
  };
  EXPECT_EQ(of(-128, 127, DType::i8), Code::ok);
  EXPECT_EQ(of(-128, 128, DType::i8), Code::bad_argument);
  EXPECT_EQ(of(-1, 255, DType::u8), Code::bad_argument);
  EXPECT_EQ(of(0, 65535, DType::u16), Code::ok);
  EXPECT_EQ(of(0, 1, DType::f32), Code::bad_argument);
}

TEST(Quantized, ParametersOfSmallRanges) {
  Call c("quantized_decomposed::choose_qparams_per_token_asymmetric");
  c.tensor(DType::f32, {4, 2}, {-0.5, 2.5, 2e-7, -1e-7, 0, 0, -3, -0.5}).number(kI8);
  const Numbers scales = c.result(0), zeros = c.result(1);
  EXPECT_NEAR(scales[0], 3 / 255.0, 1e-12);
  EXPECT_EQ(static_cast<float>(scales[1]), 6.1e-5f);
  EXPECT_EQ(scales[2], 0.1);
  EXPECT_EQ(zeros, (Numbers{-86, -43, 127, 127}));
}

TEST(Quantized, EpsIsAskedByPyTorchsRuleAlone) {
  for (const auto& [name, scale] : {std::pair{"quantized_decomposed::choose_qparams.tensor", 0.5},
      {"quantized_decomposed::choose_qparams.Tensor", 1 / 51.0}}) {
    Call c(name);
    EXPECT_NEAR(c.tensor(DType::f32, {2}, {0, 5}).number(-128).number(127).real(0.5).number(kI8).result()[0], scale, 1e-9) << name;
  }
}

TEST(Quantized, HowBitsLieInBytes) {
  const auto look_up = [](const char* name, double byte, int64_t low, int64_t high) {
    return Call(name).tensor(DType::u8, {1, 1}, {byte}).tensor(DType::f32, {1}, {1}).none().number(low).number(high)
        .tensor(DType::i64, {1}, {0}).result();
  };
  EXPECT_EQ(look_up("quantized_decomposed::embedding_4bit", 0x2f, -8, 7), (Numbers{-6, 7}));
  EXPECT_EQ(look_up("quantized_decomposed::embedding_2bit", 0b11100100, -2, 1), (Numbers{-2, -1, 0, 1}));
  EXPECT_EQ(look_up("quantized_decomposed::embedding_byte", 200, 0, 255), (Numbers{200}));
}

TEST(Quantized, GroupsAndZeroPointsOfEmbeddings) {
  EXPECT_EQ(Call("quantized_decomposed::embedding_byte.dtype").tensor(DType::i8, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})
      .tensor(DType::f32, {2, 2}, {1, 2, 3, 4})
                .tensor(DType::f32, {2, 2}, {0, 1, 2, 3}).number(-128).number(127).tensor(DType::i32, {2}, {1, 0})
                    .number(static_cast<int64_t>(DType::f16)).result(),
            (Numbers{9, 12, 16, 20, 1, 2, 4, 6}));
}

TEST(Quantized, Add) {
  EXPECT_EQ(Call("quantized_decomposed::add").tensor(DType::u8, {3}, {10, 20, 255}).real(0.5).number(2).number(0).number(255)
                .tensor(DType::u8, {3}, {4, 3, 255}).real(1).number(3).number(0).number(255).real(2).number(7).number(0).number(100)
                    .result(),
            (Numbers{9, 11, 100}));  // (4 + 1) / 2 = 2.5 becomes 2, (9 + 0) / 2 = 4.5 becomes 4
}

TEST(Quantized, WhatOfACacheIsWritten) {
  Call c("llama::update_cache");
  c.tensor(DType::f32, {1, 2, 1, 1}, {5, 6}).tensor(DType::f32, {1, 4, 1, 1}, {1, 2, 3, 4}).number(1);
  EXPECT_TRUE(c.run().ok());
  EXPECT_EQ(c.argument(1), (Numbers{1, 5, 6, 4}));
  for (int64_t start : {-1, 3, 4, 100})
    EXPECT_EQ(Call("llama::update_cache").tensor(DType::f32, {1, 2, 1, 1}, {}).tensor(DType::f32, {1, 4, 1, 1}, {}).number(start).run()
        .code(), Code::bad_argument);
  Call by_index("llama::update_cache_with_indices");
  by_index.tensor(DType::i8, {1, 2, 1, 1}, {5, 6}).tensor(DType::i8, {1, 3, 1, 1}, {1, 2, 3}).number(0).tensor(DType::i64, {1, 2}, {2, 0});
  EXPECT_TRUE(by_index.run().ok());
  EXPECT_EQ(by_index.argument(1), (Numbers{6, 2, 5}));
  EXPECT_EQ(Call("llama::update_cache_with_indices").tensor(DType::i8, {1, 1, 1, 1}, {5}).tensor(DType::i8, {1, 3, 1, 1}, {}).number(0)
      .tensor(DType::i64, {1, 1}, {3}).run().code(),
            Code::bad_argument);
}

TEST(Quantized, MaskAndCausalityExcludeEachOther) {
  EXPECT_EQ(Call("llama::custom_sdpa").tensor(DType::f32, {1, 1, 1, 2}, {}).tensor(DType::f32, {1, 2, 1, 2}, {})
      .tensor(DType::f32, {1, 2, 1, 2}, {}).number(0)
                .tensor(DType::f32, {1, 2}, {}).real(0).flag(true).none().run().code(),
            Code::bad_argument);
}

// A Hadamard matrix over the square root of its size is its own inverse but for a transposition; Walsh's is symmetric. Of 28 the
// matrix is not divided.
TEST(Quantized, HadamardKeepsLengths) {
  for (int64_t n : {1, 2, 64, 28, 112}) {
    Numbers x;
    double length = 0;
    for (int64_t i = 0; i < n; ++i) {
      x.push_back(static_cast<double>(i * 7 % 11) - 5);
      length += x.back() * x.back();
    }
    const Numbers y = Call("llama::fast_hadamard_transform").tensor(DType::f32, {1, n}, x).result();
    double now = 0;
    for (double v : y) now += v * v;
    EXPECT_NEAR(now, n % 28 == 0 ? 28 * length : length, 1e-3 * length) << n;
  }
  EXPECT_EQ(Call("llama::fast_hadamard_transform").tensor(DType::f32, {1, 12}, {}).run().code(), Code::bad_argument);
}

TEST(Quantized, BlocksThatDoNotFit) {
  for (int64_t group : {-1, 0, 3})
    EXPECT_EQ(Call("quantized_decomposed::quantize_per_channel_group").tensor(DType::f32, {2, 4}, {}).tensor(DType::f32, {2, 1}, {})
                  .tensor(DType::i32, {2, 1}, {}).number(-8).number(7).number(kI8).number(group).run().code(),
              Code::bad_argument);
}

}  // namespace
}  // namespace portfire::ops
