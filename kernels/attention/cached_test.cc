// Attention over a cache against its reference: few and many queries, shared heads, masks, every place in the cache.
#include "kernels/kernel_case.h"

namespace portfire {
namespace {

KernelCase& with_start(KernelCase& c, int64_t start, int64_t mask_rows, int64_t room, bool causal) {
  c.number(start);
  mask_rows ? c.tensor({mask_rows, room}) : c.none();
  return c.real(0).flag(causal).none();
}

TEST(CachedAttention, PlacesInTheCache) {
  for (int64_t queries : {1, 3, 5, 40})
    for (int64_t start : {0, 1, 60})
      for (bool causal : {true, false}) {
        KernelCase c("llama::custom_sdpa");
        c.tensor({2, queries, 4, 9}).tensor({2, 100, 2, 9}).tensor({2, 100, 2, 9});
        with_start(c, start, 0, 100, causal).expect_kernel_matches(1e-5);
      }
}

TEST(CachedAttention, Masks) {
  for (int64_t queries : {1, 6}) {
    KernelCase c("llama::custom_sdpa");
    c.tensor({1, queries, 4, 16}).tensor({1, 33, 4, 16}).tensor({1, 33, 4, 16});
    with_start(c, 2, queries, 33, false).expect_kernel_matches(1e-5);
  }
}

TEST(CachedAttention, BeyondTheCache) {
  KernelCase c("llama::custom_sdpa");
  c.tensor({1, 4, 2, 8}).tensor({1, 10, 2, 8}).tensor({1, 10, 2, 8});
  with_start(c, 7, 0, 10, true).expect_kernel_matches();  // an error, of both
}

TEST(CachedAttention, WritesTheCache) {
  for (int64_t queries : {1, 8}) {
    KernelCase c("llama::sdpa_with_kv_cache");
    c.tensor({1, queries, 4, 8}).tensor({1, queries, 2, 8}).tensor({1, queries, 2, 8}).tensor({1, 32, 2, 8}).tensor({1, 32, 2, 8});
    c.number(5).number(queries).none().real(0).flag(true).real(0.3).expect_kernel_matches(1e-5);
  }
}

TEST(CachedAttention, Quantized) {
  for (int64_t queries : {1, 5})
    for (bool turned : {false, true}) {
      const auto sizes = [&](int64_t tokens, int64_t heads, int64_t depth) {
        return turned ? std::vector<int64_t>{1, heads, tokens, depth} : std::vector<int64_t>{1, tokens, heads, depth};
      };
      KernelCase c("llama::custom_quantized_sdpa");
      c.tensor(DType::i8, sizes(queries, 4, 16)).tensor(DType::i8, sizes(20, 2, 16)).tensor(DType::i8, sizes(20, 2, 16));
      with_start(c, 3, 0, 20, true);
      for (const auto& [tokens, heads] : {std::pair<int64_t, int64_t>{queries, 4}, {20, 2}, {20, 2}}) {
        c.tensor(DType::i8, sizes(tokens, heads, 1));
        c.tensor(sizes(tokens, heads, 1));
        for (ops::Index at(c.last().shape); at.valid(); at.next()) ops::store_real(c.last(), at.offset(c.last()), 0.01);
      }
      c.flag(turned).expect_kernel_matches(1e-5);
    }
}

}  // namespace
}  // namespace portfire
