#include "kernels/gemm/gemm.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/gemm/blocked.h"
#include "kernels/gemm/blocks.h"
#include "kernels/kernel_case.h"

namespace portfire::gemm {
namespace {

std::vector<float> random_floats(size_t n, uint32_t seed) {
  std::mt19937 g(seed);
  std::uniform_real_distribution<float> d(-1, 1);
  std::vector<float> v(n);
  for (float& x : v) x = d(g);
  return v;
}

// Every row count up to two tiles, column counts around the panel and vector widths, short and long k.
TEST(Gemm, MatchesTheSumOfProducts) {
  for (size_t m = 1; m <= 25; ++m)
    for (size_t n : {1u, 7u, 15u, 16u, 17u, 31u, 32u, 33u, 48u, 65u, 100u, 128u, 200u, 259u})
      for (size_t k : {1u, 3u, 40u}) {
        const auto a = random_floats(m * k, 1), b = random_floats(n * k, 2), bias = random_floats(n, 3), residual = random_floats(m * n, 4);
        std::vector<float> packed(packed_size(k, n)), c(m * n + 1, 77.0f);
        pack(b.data(), 1, static_cast<int64_t>(k), k, n, packed.data());  // b is n x k
        Gemm g{n, k, a.data(), static_cast<int64_t>(k), packed.data(), c.data(), static_cast<int64_t>(n), {}};
        g.epilogue.bias = bias.data();
        g.epilogue.residual = residual.data();
        g.epilogue.activation = Activation::relu;
        run(g, 0, m, 0, (n + kPanel - 1) / kPanel);
        for (size_t i = 0; i < m; ++i)
          for (size_t j = 0; j < n; ++j) {
            double sum = bias[j];
            for (size_t x = 0; x < k; ++x) sum += static_cast<double>(a[i * k + x]) * b[j * k + x];
            ASSERT_NEAR(c[i * n + j], std::fmax(0.0, sum + residual[i * n + j]), 1e-5) << m << " " << n << " " << k;
          }
        ASSERT_EQ(c[m * n], 77.0f) << "wrote past the end";
      }
}

// Both sides in either order, and in rows that lie in two runs; depths and columns of several blocks.
TEST(Gemm, BlockedProducts) {
  for (const size_t m : {1u, 5u, 47u, 230u})
    for (const size_t n : {1u, 15u, 33u, 150u})
      for (const size_t k : {1u, 9u, 300u})
        for (const int order : {0, 1, 2, 3}) {
          const auto a = random_floats(m * k, 1), b = random_floats(n * k, 2), bias = random_floats(n, 3);
          const auto rows = static_cast<int64_t>(m), columns = static_cast<int64_t>(n), depth = static_cast<int64_t>(k);
          const bool turned = order == 1, b_turned = order == 2;
          Left left{a.data(), turned ? 1 : depth, turned ? rows : 1};
          if (order == 3) left = {a.data(), 2 * depth, 1, (rows + 1) / 2, depth};  // the even ones, then the odd ones
          std::vector<float> c(m * n + 1, 77.0f), scratch(blocked_scratch(m, n, k, left));
          run_parallel(Blocked{m, n, k, left, {b.data(), b_turned ? 1 : columns, b_turned ? depth : 1}, c.data(), columns, {bias.data()}}, scratch.data(), nullptr);
          for (size_t i = 0; i < m; ++i)
            for (size_t j = 0; j < n; ++j) {
              const size_t half = (m + 1) / 2, row = order == 3 ? (i < half ? 2 * i : 2 * (i - half) + 1) : i;
              double sum = bias[j];
              for (size_t x = 0; x < k; ++x) sum += static_cast<double>(turned ? a[x * m + i] : a[row * k + x]) * (b_turned ? b[j * k + x] : b[x * n + j]);
              ASSERT_NEAR(c[i * n + j], sum, 1e-6 * (10 + static_cast<double>(k))) << m << " " << n << " " << k << " " << order;
            }
          ASSERT_EQ(c[m * n], 77.0f) << "wrote past the end";
        }
}

TEST(Gemm, PartsForThreads) {
  for (const size_t threads : {2u, 3u, 8u, 64u})
    for (const size_t blocks : {1u, 2u, 6u, 11u, 300u})
      for (const size_t panels : {1u, 2u, 9u, 12u, 48u, 1000u}) {
        const Parts parts = choose_parts(blocks, panels, threads, 1);
        EXPECT_LE(parts.rows, blocks);
        EXPECT_LE(parts.panels, panels);
        EXPECT_LE(parts.rows * parts.panels, 8 * threads);
        if (blocks * panels >= 8 * threads) {
          EXPECT_GE(parts.rows * parts.panels, std::min(threads, std::max(blocks, panels)));
        }
      }
  const Parts even = choose_parts(11, 12, 2, 1), odd = choose_parts(6, 9, 2, 1), whole = choose_parts(6, 9, 2, 54);
  EXPECT_EQ(even.rows * even.panels % 2, 0u);
  EXPECT_EQ(odd.rows, 2u) << "nine panels are no even shares of two threads";
  EXPECT_EQ(whole.rows * whole.panels, 1u);
}

// However rows and panels are cut, each element is made once.
TEST(Gemm, OnThreads) {
  ThreadPool pool(3);
  for (const size_t m : {1u, 30u, 77u, 200u})
    for (const size_t n : {33u, 288u, 700u}) {
      const size_t k = 96;
      const auto a = random_floats(m * k, 1), b = random_floats(n * k, 2);
      std::vector<float> packed(packed_size(k, n)), c(m * n), expected(m * n);
      pack(b.data(), 1, static_cast<int64_t>(k), k, n, packed.data());
      const auto gemm = [&](float* to) { return Gemm{n, k, a.data(), static_cast<int64_t>(k), packed.data(), to, static_cast<int64_t>(n), {}}; };
      run(gemm(expected.data()), 0, m, 0, (n + kPanel - 1) / kPanel);
      run_parallel(gemm(c.data()), m, &pool);
      EXPECT_EQ(c, expected) << m << " " << n;
    }
}

TEST(Gemm, PacksEitherOrder) {
  const size_t k = 37, n = 45;
  const auto b = random_floats(k * n, 5);
  std::vector<float> transposed(k * n), x(packed_size(k, n), 9), y(packed_size(k, n), 8);
  for (size_t i = 0; i < k; ++i)
    for (size_t j = 0; j < n; ++j) transposed[j * k + i] = b[i * n + j];
  pack(b.data(), static_cast<int64_t>(n), 1, k, n, x.data());
  pack(transposed.data(), 1, static_cast<int64_t>(k), k, n, y.data());
  EXPECT_EQ(x, y);
}

TEST(Gemm, LinearWithEveryActivation) {
  for (const char* activation : {"", "relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"})
    for (const int64_t rows : {1, 5, 30})
      for (const int64_t n : {1, 31, 100}) {
        KernelCase k("portfire::packed_linear");
        k.tensor({rows, 17}).tensor({(n + 31) / 32, 17, 32}).tensor({n}).tensor({rows, n});
        k.number(n).text(activation).expect_kernel_matches();
      }
}

TEST(Gemm, ProductsOfRunTimeWeights) {
  for (const int64_t m : {1, 13})
    for (const int64_t n : {1, 33}) {
      KernelCase("aten::mm").tensor({m, 9}).tensor({9, n}, {1, 9}).expect_kernel_matches();
      KernelCase("aten::bmm").tensor({2, m, 9}).tensor({2, 9, n}).expect_kernel_matches();
      KernelCase("aten::linear").tensor({2, m, 9}).tensor({n, 9}).tensor({n}).expect_kernel_matches();
      KernelCase("aten::addmm").tensor({n}).tensor({m, 9}).tensor({9, n}).real(0.5).real(2).expect_kernel_matches();
      KernelCase("aten::addmm").tensor({m, n}).tensor({m, 9}).tensor({9, n}).number(1).number(1).expect_kernel_matches();
    }
  EXPECT_FALSE(KernelCase("aten::linear").tensor({4, 9}).tensor({3, 9}).tensor({1}).taken()) << "a bias that repeats";
  EXPECT_FALSE(KernelCase("aten::mm").tensor({4, 0}).tensor({0, 3}).taken()) << "nothing to sum";
  EXPECT_FALSE(KernelCase("aten::bmm").tensor({2, 4, 0}).tensor({2, 0, 3}).taken());
  KernelCase("aten::linear").tensor({3, 4, 5, 9}, {36, 9, 108, 1}).tensor({33, 9}).tensor({33}).expect_kernel_matches();
  KernelCase("aten::linear").tensor({3, 4, 5, 9}, {45, 9, 135, 1}).tensor({33, 9}).tensor({33}).expect_kernel_matches();
  for (const int64_t k : {9, 300}) {
    KernelCase("aten::mm").tensor({40, k}, {1, 40}).tensor({k, 33}).expect_kernel_matches();
    KernelCase("aten::bmm").tensor({2, 40, k}, {40 * k, 1, 40}).tensor({2, k, 33}).expect_kernel_matches();
    KernelCase("aten::mm").tensor({40, k}, {2, 80}).tensor({k, 33}).expect_kernel_matches();
  }
}

}  // namespace
}  // namespace portfire::gemm
