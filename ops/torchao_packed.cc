#include "ops/torchao_packed.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/float16.h"
#include "ops/bit_packing.h"
#include "ops/index_reader.h"
#include "ops/reader.h"

namespace portfire::ops::torchao_packed {
namespace {

constexpr int kRows = 8, kTile = 16;  // of a panel, and of the k that a tile of it spans
constexpr int64_t kHeader = 64, kMagic = 6712;
enum Format : int32_t { kUniversal = 1, kEmbedding = 2, kKleidi = 3, kTable = 4 };

long long number(int64_t n) { return static_cast<long long>(n); }

template <class T>
T at(const uint8_t* p, int i) {
  T v;
  std::memcpy(&v, p + i * static_cast<int>(sizeof v), sizeof v);
  return v;
}

// A number of `bits` from how it is stored: moved up so that the least is 0, but for 8 bits.
int8_t number_of(int bits, uint8_t stored) { return static_cast<int8_t>(bits == 8 ? stored : stored - (1 << (bits - 1))); }

Error header_of(const TensorView& packed, int bits, int32_t (&words)[16]) {
  if (!packed.is_contiguous() || static_cast<int64_t>(packed.bytes()) < kHeader)
    return Error::make(Code::bad_argument, "packed weights of %lld bytes (expected a header of 64)", number(static_cast<int64_t>(packed.bytes())));
  std::memcpy(words, packed.data, kHeader);
  if (words[0] != kMagic) return Error::make(Code::bad_argument, "packed weights begin with %d (expected %lld)", words[0], number(kMagic));
  const int32_t nbit = words[1] == kEmbedding ? words[3] : words[2];
  if (words[1] < kUniversal || words[1] > kTable)
    return Error::make(Code::unsupported, "packed weights of format %d (expected 1 to 4: pack them for target \"universal\")", words[1]);
  if (nbit != bits) return Error::make(Code::bad_argument, "packed weights of %d bits (expected %d)", nbit, bits);
  return {};
}

// The panels of formats 1, 3 and 4.
struct Panels {
  const uint8_t* data = nullptr;
  Format format = kUniversal;
  int bits = 0, run = 0;  // run: consecutive k of one row in a KleidiAI panel
  bool zeros = false, bias = false;
  int64_t n = 0, k = 0, group = 0, head = 0, values = 0, group_bytes = 0, panel_bytes = 0;

  Error open(const TensorView& packed, int wanted, int64_t group_size, int64_t rows, int64_t width) {
    int32_t words[16];
    PF_TRY(header_of(packed, wanted, words));
    format = static_cast<Format>(words[1]), bits = wanted, n = rows, k = width, group = group_size;
    zeros = words[3] != 0, bias = words[4] != 0;
    const bool kleidi = format == kKleidi;
    const bool tiles = words[5] == kRows && words[6] == 16 && words[7] == 2, runs = words[5] == kRows && (words[6] == 8 || words[6] == 16) && words[7] == 2;
    if (format == kEmbedding || (kleidi ? !runs || zeros || bits != 4 || group % 32 != 0 : !tiles) || (format == kTable && (zeros || bits > 4)))
      return Error::make(Code::unsupported, "packed weights of format %d in panels of %d, %d, %d, groups of %lld (expected 8, 16, 2)", words[1], words[5], words[6],
                         words[7], number(group));
    run = words[6] / 2;
    head = format == kTable ? 16 : 0;
    values = kRows * packed_bytes(bits, group);
    group_bytes = values + (kleidi ? 16 : zeros ? 96 : 64);
    const int64_t groups = k / group, panels = (n + kRows - 1) / kRows;
    panel_bytes = head + groups * group_bytes + (kleidi ? 64 : bias ? 32 : 0);
    if (static_cast<int64_t>(packed.bytes()) != kHeader + panels * panel_bytes)
      return Error::make(Code::bad_argument, "packed weights of %lld bytes (expected %lld: %lld x %lld of %d bits in groups of %lld)",
                         number(static_cast<int64_t>(packed.bytes())), number(kHeader + panels * panel_bytes), number(n), number(k), bits, number(group));
    data = packed.as<uint8_t>() + kHeader;
    return {};
  }

  const uint8_t* group_at(int64_t panel, int64_t g) const { return data + panel * panel_bytes + head + g * group_bytes; }
  float scale(const uint8_t* of_group, int row) const {
    return format == kKleidi ? bf16_to_f32(at<uint16_t>(of_group + values, row)) : at<float>(of_group + values, row);
  }
  int32_t zero(const uint8_t* of_group, int row) const { return zeros ? at<int32_t>(of_group + values + 64, row) : 0; }
  float bias_at(int64_t panel, int row) const {
    return bias || format == kKleidi ? at<float>(data + (panel + 1) * panel_bytes - 32, row) : 0.0f;
  }

  // Weights of eight rows for the 16 values of k from t * 16 of a group on.
  void tile(int64_t panel, const uint8_t* of_group, int64_t t, int8_t (&w)[kRows][kTile]) const {
    if (format == kKleidi) {
      const uint8_t* from = of_group + t / 2 * 128;
      for (int s = 0; s < kTile; s += run)
        for (int r = 0; r < kRows; ++r)
          for (int i = 0; i < run; ++i, ++from) {
            const int half = t % 2 ? *from >> 4 : *from & 15;
            w[r][s + i] = static_cast<int8_t>((half ^ 8) - 8);
          }
      return;
    }
    uint8_t flat[kRows * kTile];
    unpack_set(bits, kRows * kTile, of_group + t * kTile * bits, flat);
    const auto* table = reinterpret_cast<const int8_t*>(data + panel * panel_bytes);
    for (int i = 0; i < kRows * kTile; ++i)
      w[i / 8 % kRows][i / 64 * 8 + i % 8] = format == kTable ? table[flat[i]] : number_of(bits, flat[i]);
  }
};

// int8 of a row: scale and zero point map [least, most], which holds 0, as torchao has them (XNNPACK's, DynamicScale, round otherwise).
struct RowScale {
  float scale = 0, inverse = 0;
  int32_t zero = 0;
  static RowScale of(float least, float most) {
    RowScale r;
    r.scale = (most - least) / 255;
    if (!(r.scale > 0)) return r;
    r.zero = std::clamp(-128 - static_cast<int32_t>(std::round(least / r.scale)), -128, 127);
    r.inverse = static_cast<float>(1.0 / (static_cast<double>(r.scale) + 1e-16));
    return r;
  }
  int32_t operator()(float x) const {  // without its zero point; a NaN becomes the least
    const float q = std::nearbyint(static_cast<float>(zero) + x * inverse);
    return static_cast<int32_t>(std::min(127.0f, std::max(-128.0f, q))) - zero;
  }
};

Error check_sizes(const TensorView& packed, int64_t group, int64_t n, int64_t k) {
  if ((packed.dtype != DType::i8 && packed.dtype != DType::u8) || packed.rank() != 1)
    return Error::make(Code::bad_argument, "packed weights %s (expected bytes of rank 1)", TypeText(packed).c_str());
  constexpr int64_t most = int64_t{1} << 26;  // products of sizes stay far from overflow
  if (group <= 0 || group % kTile != 0 || k <= 0 || k > most || n < 0 || n > most || k % group != 0)
    return Error::make(Code::bad_argument, "a layer of %lld x %lld in groups of %lld (expected multiples of 16 that divide the width)", number(n), number(k), number(group));
  return {};
}

Error infer_rows(const TensorView& indices, int64_t width, TensorSpec* out) {
  PF_TRY(check_index_dtype(indices));
  if (indices.rank() >= kMaxRank) return Error::make(Code::bad_argument, "indices of rank %d", indices.rank());
  *out = {DType::f32, indices.shape};
  out->shape.push(width);
  return {};
}

// Calls f(row, where in `out` it goes) for each index.
template <class F>
Error for_each_row(const TensorView& indices, int64_t rows, const TensorView& out, F f) {
  const IndexReader read(indices, rows);
  for (int64_t j = 0; j < indices.numel(); ++j) {
    const int64_t i = read(leading_offset(indices, indices.rank(), j));
    if (!read.valid(i)) return read.out_of_range(i, 0);
    f(i, leading_offset(out, out.rank() - 1, j));
  }
  return {};
}

// Adds the products of up to eight rows of x, from `first` on, with a panel: sums by row of x, by row of the panel.
void add_panel(const Panels& w, int64_t panel, const TensorView& x, int64_t first, int count, const RowScale* scales, float (&sums)[kRows][kRows]) {
  for (int64_t g = 0; g < w.k / w.group; ++g) {
    const uint8_t* group = w.group_at(panel, g);
    int64_t products[kRows][kRows] = {}, total[kRows] = {};
    for (int64_t t = 0; t < w.group / kTile; ++t) {
      int8_t weights[kRows][kTile];
      w.tile(panel, group, t, weights);
      for (int m = 0; m < count; ++m) {
        int32_t q[kTile];
        const float* from = x.as<float>() + (first + m) * x.strides[0] + (g * w.group + t * kTile) * x.strides[1];
        for (int i = 0; i < kTile; ++i) total[m] += q[i] = scales[m](from[i * x.strides[1]]);
        for (int r = 0; r < kRows; ++r) {
          int32_t sum = 0;
          for (int i = 0; i < kTile; ++i) sum += q[i] * weights[r][i];
          products[m][r] += sum;
        }
      }
    }
    for (int r = 0; r < kRows; ++r)
      for (int m = 0; m < count; ++m)
        sums[m][r] += w.scale(group, r) * scales[m].scale * static_cast<float>(products[m][r] - w.zero(group, r) * total[m]);
  }
}

}  // namespace

Error infer_linear(const Args& a, TensorSpec* out) {
  const TensorView& x = a.tensor(0);
  const int64_t n = a.integer(3), k = a.integer(4);
  PF_TRY(check_sizes(a.tensor(1), a.integer(2), n, k));
  if (x.dtype != DType::f32 || x.rank() != 2 || x.size(1) != k)
    return Error::make(Code::bad_argument, "activations %s (expected f32[m,%lld])", TypeText(x).c_str(), number(k));
  *out = {DType::f32, {}};
  out->shape.push(x.size(0));
  out->shape.push(n);
  return {};
}

Error linear(int bits, const Args& a, const TensorView& out) {
  const TensorView& x = a.tensor(0);
  Panels w;
  PF_TRY(w.open(a.tensor(1), bits, a.integer(2), a.integer(3), a.integer(4)));
  for (int64_t first = 0; first < x.size(0); first += kRows) {
    const int count = static_cast<int>(std::min<int64_t>(kRows, x.size(0) - first));
    RowScale scales[kRows];
    for (int m = 0; m < count; ++m) {
      float least = 0, most = 0;
      for (int64_t i = 0; i < w.k; ++i) {
        const float v = x.as<float>()[(first + m) * x.strides[0] + i * x.strides[1]];
        least = std::min(least, v);
        most = std::max(most, v);
      }
      scales[m] = RowScale::of(least, most);
    }
    for (int64_t panel = 0; panel * kRows < w.n; ++panel) {
      float sums[kRows][kRows] = {};
      add_panel(w, panel, x, first, count, scales, sums);
      for (int m = 0; m < count; ++m)
        for (int r = 0; r < kRows && panel * kRows + r < w.n; ++r)
          out.as<float>()[(first + m) * out.strides[0] + (panel * kRows + r) * out.strides[1]] = sums[m][r] + w.bias_at(panel, r);
    }
  }
  return {};
}

Error infer_shared_embedding(const Args& a, TensorSpec* out) {
  PF_TRY(check_sizes(a.tensor(0), a.integer(1), a.integer(2), a.integer(3)));
  return infer_rows(a.tensor(4), a.integer(3), out);
}

Error shared_embedding(int bits, const Args& a, const TensorView& out) {
  Panels w;
  PF_TRY(w.open(a.tensor(0), bits, a.integer(1), a.integer(2), a.integer(3)));
  const int64_t step = out.strides[out.rank() - 1];
  return for_each_row(a.tensor(4), w.n, out, [&](int64_t row, int64_t to) {
    const int r = static_cast<int>(row % kRows);
    for (int64_t g = 0; g < w.k / w.group; ++g) {
      const uint8_t* group = w.group_at(row / kRows, g);
      for (int64_t t = 0; t < w.group / kTile; ++t) {
        int8_t weights[kRows][kTile];
        w.tile(row / kRows, group, t, weights);
        for (int i = 0; i < kTile; ++i)
          out.as<float>()[to + (g * w.group + t * kTile + i) * step] = static_cast<float>(weights[r][i] - w.zero(group, r)) * w.scale(group, r);
      }
    }
  });
}

Error infer_embedding(const Args& a, TensorSpec* out) {
  const TensorView &packed = a.tensor(0), &scales = a.tensor(3), &zeros = a.tensor(4);
  const int64_t rows = a.integer(1), width = a.integer(2);
  PF_TRY(check_sizes(packed, 32, rows, width));
  if (scales.dtype != DType::f32 || scales.rank() != 2 || scales.size(0) != rows || scales.size(1) <= 0 || width % scales.size(1) != 0)
    return Error::make(Code::bad_argument, "scales %s for %lld rows of %lld", TypeText(scales).c_str(), number(rows), number(width));
  if (zeros.dtype != DType::i8 || !(zeros.shape == scales.shape))
    return Error::make(Code::bad_argument, "zero points %s for scales %s", TypeText(zeros).c_str(), TypeText(scales).c_str());
  return infer_rows(a.tensor(5), width, out);
}

Error embedding(int bits, const Args& a, const TensorView& out) {
  const TensorView &packed = a.tensor(0), &scales = a.tensor(3), &zeros = a.tensor(4);
  const int64_t rows = a.integer(1), width = a.integer(2), row_bytes = packed_bytes(bits, width), group = width / scales.size(1);
  int32_t words[16];
  PF_TRY(header_of(packed, bits, words));
  if (words[1] != kEmbedding || words[2] != 1 || words[4] != 32 || words[5] != 128 || static_cast<int64_t>(packed.bytes()) != kHeader + rows * row_bytes)
    return Error::make(Code::bad_argument, "packed weights of format %d and %lld bytes (expected 2 and %lld)", words[1], number(static_cast<int64_t>(packed.bytes())),
                       number(kHeader + rows * row_bytes));
  const int64_t step = out.strides[out.rank() - 1];
  return for_each_row(a.tensor(5), rows, out, [&](int64_t row, int64_t to) {
    const uint8_t* from = packed.as<uint8_t>() + kHeader + row * row_bytes;
    for (int64_t j = 0; j < width;) {
      const int count = width - j >= 128 ? 128 : width - j >= 64 ? 64 : 32;
      uint8_t values[128];
      unpack_set(bits, count, from, values);
      from += packed_bytes(bits, count);
      for (int i = 0; i < count; ++i, ++j) {
        const int64_t g = j / group;
        const auto zero = static_cast<int>(load_int(zeros, row * zeros.strides[0] + g * zeros.strides[1]));
        out.as<float>()[to + j * step] = static_cast<float>(number_of(bits, values[i]) - zero) * scales.as<float>()[row * scales.strides[0] + g * scales.strides[1]];
      }
    }
  });
}

}  // namespace portfire::ops::torchao_packed
