// Sums of products of int8. Products are of int16: an input element less its zero point has nine bits. One side is widened once, where it
// is used often; the other, weights, stays int8 in memory and is widened in registers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire::quant {

// Dot products of up to two rows of int16 with four of int8.
inline constexpr size_t kRows = 2, kColumns = 4;
// Products of rows with columns side by side: a panel holds, for each pair of k, that pair of each of its columns.
inline constexpr size_t kPanelRows = 4, kPanelColumns = 16;

struct Products {
  // sums[r * kColumns + c] = sum over k of a[r][k] b[c][k]; rows: 1 or 2. Elements of `a` and `b` past k are not read.
  void (*dots)(const int16_t* const* a, size_t rows, const int8_t* const* b, size_t k, int32_t* sums);
  // sums[r * kColumns + c] = sum over groups of scales[group * kColumns + c] (sum over the group's `length` elements of a[r] b[c])
  void (*grouped_dots)(const int16_t* const* a, size_t rows, const int8_t* const* b, size_t groups, size_t length, const float* scales, float* sums);
  // sums[r][c] = sum over k < 2 pairs of a[r][k] panel[k / 2][c][k % 2]
  void (*panel)(const int16_t* const (&a)[kPanelRows], const int8_t* panel, size_t pairs, int32_t* const (&sums)[kPanelRows]);
  // sums[c] = sum over taps of (x[tap][c] - zero) w[tap][c]; w of eight bits, widened
  void (*weigh)(const int8_t* const* x, const int16_t* const* w, size_t taps, size_t n, int32_t zero, int32_t* sums);
};
const Products& products();  // of this machine

}  // namespace portfire::quant
