// Tiles of bf16 pairs: on every machine over a unit that is emulated, and over the machine's own where it has one.
#include "kernels/gemm/pairs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "core/float16.h"
#include "kernels/gemm/emulated_pairs.h"
#include "kernels/isa.h"

namespace portfire::gemm {
namespace {

class Pairs : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    unit_ = GetParam() ? pair_unit() : emulated_unit();
    if (!unit_) GTEST_SKIP() << "no AVX-512 BF16 here, or kernels are held to " << isa_name();
  }

  std::vector<float> random(size_t n) {
    std::uniform_real_distribution<float> d(-1, 1);
    std::vector<float> v(n);
    for (float& x : v) x = d(random_);
    return v;
  }

  // C = relu or clamp or gelu of (A B + bias + residual), where A comes as the rows of taps, against sums of what is rounded
  // in double. Memory is exactly as large as it must be, C with a guard behind each row.
  void check(size_t m, size_t n, size_t k, size_t taps, Activation activation, bool extras) {
    const size_t length = k * taps, panel = pair_panel_size(length), ldc = n + 3;
    const std::vector<float> input = random(m * taps * k), bias = random(n), residual = random(m * ldc);
    std::vector<const float*> rows;
    for (size_t i = 0; i < m * taps; ++i) rows.push_back(input.data() + i * k);
    std::vector<uint16_t> packed((n + kPairPanel - 1) / kPairPanel * panel);
    const std::vector<float> weights = random(length * n);
    for (size_t i = 0; i < length; ++i)
      for (size_t j = 0; j < n; ++j)
        packed[j / kPairPanel * panel + (i / 2 * kPairPanel + j % kPairPanel) * 2 + i % 2] = f32_to_bf16(weights[i * n + j]);
    std::vector<std::byte> scratch(pair_scratch_bytes(m), std::byte{0xff});  // NaN
    std::vector<float> c(m * ldc, 77.0f);
    Epilogue e{extras ? bias.data() : nullptr, extras ? residual.data() : nullptr, activation, -0.5f, 0.75f};
    const Product product{m, n, k, taps, rows.data(), nullptr, c.data(), ldc, e};
    const size_t panels = (n + kPanel - 1) / kPanel;
    run_pairs(*unit_, product, {packed.data(), scratch.data()}, 0, panels / 2);
    run_pairs(*unit_, product, {packed.data(), scratch.data()}, panels / 2, panels);
    check_rounded(product, packed, input, c);
    auto rounded = [](float x) { return double{bf16_to_f32(f32_to_bf16(x))}; };
    for (size_t i = 0; i < m; ++i) {
      for (size_t j = 0; j < n; ++j) {
        double sum = extras ? double{bias[j]} + residual[i * ldc + j] : 0;
        for (size_t x = 0; x < length; ++x) sum += rounded(input[(x / k * m + i) * k + x % k]) * rounded(weights[x * n + j]);
        if (activation == Activation::relu) sum = std::fmax(sum, 0);
        if (activation == Activation::clamp) sum = std::fmin(std::fmax(sum, -0.5), 0.75);
        if (activation == Activation::gelu) sum = sum / 2 * (1 + std::erf(sum / std::sqrt(2.0)));
        ASSERT_NEAR(c[i * ldc + j], sum, 1e-6 * static_cast<double>(length) + 2e-6) << m << "x" << n << "x" << k << " taps " << taps;
      }
      for (size_t j = n; j < ldc; ++j) ASSERT_EQ(c[i * ldc + j], 77.0f) << "wrote past a row";
    }
  }

  // Rows that come in bf16 give the same sums, pointed at one by one, and where they lie when there is one tap.
  void check_rounded(Product product, const std::vector<uint16_t>& packed, const std::vector<float>& input, const std::vector<float>& expected) {
    std::vector<uint16_t> numbers(input.size() + kReadPast, 0x7fc0);  // NaN
    unit_->round(input.data(), input.size(), numbers.data());
    std::vector<const uint16_t*> rows;
    for (size_t i = 0; i < product.m * product.taps; ++i) rows.push_back(numbers.data() + i * product.k);
    for (const size_t step : {size_t{0}, product.k}) {
      std::vector<float> c(expected.size(), 77.0f);
      std::vector<std::byte> scratch(pair_scratch_bytes(product.m), std::byte{0xff});
      product.c = c.data();
      product.row_step = step;
      run_pairs(*unit_, product, {packed.data(), scratch.data(), 0, rows.data()}, 0, (product.n + kPanel - 1) / kPanel);
      ASSERT_EQ(c, expected) << product.m << "x" << product.n << "x" << product.k << " taps " << product.taps << " step " << step;
    }
  }

  const PairUnit* unit_ = nullptr;
  std::mt19937 random_{11};
};

TEST_P(Pairs, RowsAndColumnsAroundTheTile) {
  for (size_t m = 1; m <= 26; ++m)
    for (const size_t n : {1u, 15u, 16u, 17u, 31u, 32u, 33u, 64u, 100u, 127u, 128u, 129u, 200u})
      for (const size_t k : {1u, 2u, 7u}) check(m, n, k, 1, m % 2 ? Activation::none : Activation::relu, n % 2);
}

// A block of k ends within a tap, between two, and at an odd place of one.
TEST_P(Pairs, LongSumsInBlocks) {
  for (const size_t k : {511u, 512u, 513u, 1024u, 1030u, 1535u})
    for (const size_t m : {1u, 5u, 13u}) check(m, 49, k, 1, Activation::clamp, true);
  for (const auto& [k, taps] : {std::pair<size_t, size_t>{3, 9}, {8, 9}, {21, 7}, {57, 9}, {64, 9}, {129, 25}}) check(14, 33, k, taps, Activation::none, true);
}

TEST_P(Pairs, MoreRowsThanABlockOfThem) {
  check(200, 40, 30, 1, Activation::gelu, true);
  check(385, 17, 9, 3, Activation::none, false);
}

// Matrices whose rows or whose columns lie together, by pack_pairs; panels that are longer than what is multiplied.
TEST_P(Pairs, PacksEitherOrder) {
  for (const size_t k : {1u, 2u, 33u, 600u})
    for (const size_t n : {1u, 16u, 37u, 530u}) {
      const std::vector<float> b = random(k * n);
      std::vector<float> turned(k * n);
      const size_t panel = pair_panel_size(k);
      std::vector<uint16_t> expected((n + 15) / 16 * panel), rows(expected.size(), 0x7fff), columns(rows);
      for (size_t i = 0; i < k; ++i)
        for (size_t j = 0; j < n; ++j) {
          turned[j * k + i] = b[i * n + j];
          expected[j / 16 * panel + (i / 2 * 16 + j % 16) * 2 + i % 2] = f32_to_bf16(b[i * n + j]);
        }
      pack_pairs(*unit_, b.data(), static_cast<int64_t>(n), 1, k, n, rows.data());
      pack_pairs(*unit_, turned.data(), 1, static_cast<int64_t>(k), k, n, columns.data());
      ASSERT_EQ(rows, expected) << k << "x" << n;
      ASSERT_EQ(columns, expected) << k << "x" << n;
    }
}

TEST_P(Pairs, EmptySums) {
  const float bias[] = {1, -2};
  float c[] = {7, 7};
  std::vector<std::byte> scratch(pair_scratch_bytes(1));
  const float* const row = bias;
  run_pairs(*unit_, {1, 2, 0, 1, &row, nullptr, c, 2, {bias, nullptr, Activation::relu}}, {nullptr, scratch.data()}, 0, 1);
  EXPECT_EQ(c[0], 1);
  EXPECT_EQ(c[1], 0);
}

TEST_P(Pairs, NaNAndInfinityStay) {
  const float a[] = {NAN, 1, INFINITY, 1};
  const float* const rows[] = {a, a + 2};
  std::vector<uint16_t> packed(32, f32_to_bf16(1));
  std::vector<std::byte> scratch(pair_scratch_bytes(2));
  float c[2];
  run_pairs(*unit_, {2, 1, 2, 1, rows, nullptr, c, 1, {nullptr, nullptr, Activation::relu}}, {packed.data(), scratch.data()}, 0, 1);
  EXPECT_TRUE(std::isnan(c[0]));
  EXPECT_EQ(c[1], INFINITY);
}

// To nearest even, carries and signs, for every count of numbers that is left over.
TEST_P(Pairs, Rounds) {
  const float kNumbers[] = {0, -0.0f, 1, 1.00390625f, 1.01171875f, 1.0039063f, -1.00390625f, 3.0e38f, 3.4e38f, INFINITY, -INFINITY, 1e-30f, 0.1f};
  for (size_t n = 1; n <= 70; ++n) {
    std::vector<float> from(n);
    for (size_t i = 0; i < n; ++i) from[i] = kNumbers[(i + n) % std::size(kNumbers)];
    std::vector<uint16_t> to(n + 1, 0x1234);
    unit_->round(from.data(), n, to.data());
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(to[i], f32_to_bf16(from[i])) << from[i];
    ASSERT_EQ(to[n], 0x1234) << "wrote past the end";
  }
}

INSTANTIATE_TEST_SUITE_P(Gemm, Pairs, testing::Bool(), [](const testing::TestParamInfo<bool>& info) { return info.param ? "Cpu" : "Emulated"; });

}  // namespace
}  // namespace portfire::gemm
