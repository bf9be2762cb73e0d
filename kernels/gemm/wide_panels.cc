// Tiles over all of a product, in blocks of rows and depth that stay in the caches.
#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/wide.h"

namespace portfire::gemm {
namespace {

constexpr int64_t kRowsAtOnce = 48, kDepth = 256;

}  // namespace

template <class T>
void run_panels(const T* a, int64_t lda, int64_t m, int64_t k, const T* packed, int64_t n, T* c, int64_t ldc) {
  const auto tile = wide_functions<T>().tile;
  constexpr int64_t kW = kWidth<T>;
  const int64_t whole = n / kW * kW;
  for (int64_t row = 0; row < m; row += kRowsAtOnce) {
    const int64_t rows = std::min(kRowsAtOnce, m - row);
    for (int64_t depth = 0; depth < k; depth += kDepth)
      for (int64_t j = 0; j < whole; j += kW)
        for (int64_t i = row; i < row + rows; i += kTileRows)
          tile({std::min(kTileRows, row + rows - i), std::min(kDepth, k - depth), a + i * lda + depth, lda, packed + j * k + depth * kW, c + i * ldc + j, ldc, depth > 0});
    // Columns that do not fill a panel.
    for (int64_t i = row; whole < n && i < row + rows; i += kTileRows) {
      T rest[kTileRows * kW];
      const int64_t count = std::min(kTileRows, row + rows - i);
      tile({count, k, a + i * lda, lda, packed + whole * k, rest, kW, false});
      for (int64_t r = 0; r < count; ++r) std::copy_n(rest + r * kW, n - whole, c + (i + r) * ldc + whole);
    }
  }
}
template void run_panels(const double*, int64_t, int64_t, int64_t, const double*, int64_t, double*, int64_t);
template void run_panels(const int32_t*, int64_t, int64_t, int64_t, const int32_t*, int64_t, int32_t*, int64_t);
template void run_panels(const int64_t*, int64_t, int64_t, int64_t, const int64_t*, int64_t, int64_t*, int64_t);

template <>
void run_panels(const float* a, int64_t lda, int64_t m, int64_t k, const float* packed, int64_t n, float* c, int64_t ldc) {
  const Gemm g{static_cast<size_t>(n), static_cast<size_t>(k), a, lda, packed, c, ldc, {}};
  run(g, 0, static_cast<size_t>(m), 0, (static_cast<size_t>(n) + kPanel - 1) / kPanel);
}

}  // namespace portfire::gemm
