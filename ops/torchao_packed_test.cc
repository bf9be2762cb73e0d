// The bytes that torchao's packers write, by checksums that were derived apart from our reader, and what its operators make of them.
#include "ops/torchao_packed.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ops/bit_packing.h"
#include "ops/op_case.h"

namespace portfire::ops {
namespace {

uint32_t crc32(const std::vector<uint8_t>& bytes) {
  uint32_t c = ~0u;
  for (uint8_t b : bytes) {
    c ^= b;
    for (int i = 0; i < 8; ++i) c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
  }
  return ~c;
}

// The inverse of unpack_set: each bit of the bytes is one of a value, and the other way round.
std::vector<uint8_t> pack(int bits, const std::vector<int>& values) {
  const int count = static_cast<int>(values.size());
  std::vector<uint8_t> bytes(static_cast<size_t>(packed_bytes(bits, count)));
  for (size_t k = 0; k < bytes.size() * 8; ++k) {
    std::vector<uint8_t> one(bytes.size()), shown(values.size());
    one[k / 8] = static_cast<uint8_t>(1 << k % 8);
    unpack_set(bits, count, one.data(), shown.data());
    int found = 0;
    for (size_t i = 0; i < shown.size(); ++i)
      if (shown[i]) {
        ++found;
        EXPECT_EQ(shown[i] & (shown[i] - 1), 0);
        if (values[i] & shown[i]) bytes[k / 8] = static_cast<uint8_t>(bytes[k / 8] | one[k / 8]);
      }
    EXPECT_EQ(found, 1) << bits << " bits, bit " << k;
  }
  return bytes;
}

TEST(BitPacking, SetsOfEverySize) {
  constexpr uint32_t kSums[7][3] = {{0xb596e05e, 0xea8c89c0, 0x86b26a0b}, {0x0a7722ea, 0x1cd2162e, 0x265c2fb6}, {0xf39dcbc7, 0xddedc231, 0x541a1056},
                                    {0xca5ee195, 0x74b7cdde, 0x6b16c40f}, {0xd6f6c752, 0x00bf2721, 0x27de3391}, {0x9db5dc4e, 0xdb657e47, 0xd331ec15},
                                    {0x050f202c, 0x2090b1e4, 0x2f729f17}};
  for (int bits = 1; bits <= 7; ++bits)
    for (int s = 0; s < 3; ++s) {
      std::vector<int> values(static_cast<size_t>(32 << s));
      for (size_t i = 0; i < values.size(); ++i) values[i] = (5 * static_cast<int>(i) + 3) % (1 << bits);
      EXPECT_EQ(crc32(pack(bits, values)), kSums[bits - 1][s]) << bits << " bits, " << values.size() << " values";
    }
}

// A layer of 10 x 64 in groups of 32, as torchao packs it.
struct Layer {
  int bits;
  bool zeros, bias;
  static constexpr int n = 10, k = 64, group = 32, groups = k / group;
  int q(int i, int j) const { return (7 * i + 3 * j + i * j) % (1 << bits) - (1 << (bits - 1)); }
  float scale(int i, int g) const { return 0.5f + 0.25f * static_cast<float>(i) + 0.125f * static_cast<float>(g); }
  int zero(int i, int g) const { return zeros ? (i + g) % 3 - 1 : 0; }
  float bias_of(int i) const { return bias ? static_cast<float>(i - 4) : 0; }
  double weight(int i, int j) const { return (q(i, j) - zero(i, j / group)) * static_cast<double>(scale(i, j / group)); }

  template <class T>
  static void put(std::vector<uint8_t>* to, T v) {
    uint8_t bytes[sizeof v];
    std::memcpy(bytes, &v, sizeof v);
    to->insert(to->end(), bytes, bytes + sizeof v);
  }
  static std::vector<uint8_t> header(std::initializer_list<int32_t> words) {
    std::vector<uint8_t> to;
    for (int32_t w : words) put(&to, w);
    to.resize(64);
    return to;
  }
  std::vector<uint8_t> universal() const {
    std::vector<uint8_t> to = header({6712, 1, bits, zeros, bias, 8, 16, 2});
    for (int panel = 0; panel < 16; panel += 8) {
      for (int g = 0; g < groups; ++g) {
        for (int k0 = g * group; k0 < (g + 1) * group; k0 += 16) {
          std::vector<int> flat;
          for (int v = 0; v < 128; ++v) {
            const int i = panel + v / 8 % 8, j = k0 + v / 64 * 8 + v % 8;
            const int value = i < n ? q(i, j) : 0;
            flat.push_back(bits == 8 ? value & 255 : value + (1 << (bits - 1)));
          }
          if (bits == 8) to.insert(to.end(), flat.begin(), flat.end());
          else for (uint8_t b : pack(bits, flat)) to.push_back(b);
        }
        for (int i = panel; i < panel + 8; ++i) put(&to, i < n ? scale(i, g) : 0.0f);
        for (int i = panel; i < panel + 8; ++i) {
          int32_t sum = 0;
          for (int j = g * group; j < (g + 1) * group; ++j) sum += i < n ? q(i, j) : 0;
          put(&to, sum);
        }
        for (int i = panel; zeros && i < panel + 8; ++i) put(&to, int32_t{i < n ? zero(i, g) : 0});
      }
      for (int i = panel; bias && i < panel + 8; ++i) put(&to, i < n ? bias_of(i) : 0.0f);
    }
    return to;
  }
  // KleidiAI's, 4 bits; `run` is 4 or 8.
  std::vector<uint8_t> kleidi(int run) const {
    std::vector<uint8_t> to = header({6712, 3, 4, 0, bias, 8, 2 * run, 2});
    for (int panel = 0; panel < 16; panel += 8) {
      const auto row = [&](int r) { return std::min(panel + r, n - 1); };
      for (int g = 0; g < groups; ++g) {
        for (int s = 0; s < 16; s += run)
          for (int r = 0; r < 8; ++r)
            for (int i = 0; i < run; ++i) {
              const int kk = g * group + s + i;
              to.push_back(static_cast<uint8_t>((q(row(r), kk) & 15) | (q(row(r), kk + 16) & 15) << 4));
            }
        for (int r = 0; r < 8; ++r) put(&to, static_cast<uint16_t>(std::bit_cast<uint32_t>(scale(row(r), g)) >> 16));
      }
      for (int r = 0; r < 8; ++r) {
        float sum = 0;
        for (int j = 0; j < k; ++j) sum += static_cast<float>(q(row(r), j)) * scale(row(r), j / group);
        put(&to, sum);
      }
      for (int r = 0; r < 8; ++r) put(&to, bias_of(row(r)));
    }
    return to;
  }
};

std::vector<double> numbers(const auto& list) { return {list.begin(), list.end()}; }

Call& bytes(Call& call, const std::vector<uint8_t>& b) { return call.tensor(DType::u8, {static_cast<int64_t>(b.size())}, numbers(b)); }

void check_linear(const Layer& l, const std::vector<uint8_t>& packed) {
  constexpr int m = 11;  // more than a block of rows
  std::vector<float> x;
  for (int i = 0; i < m * Layer::k; ++i) x.push_back(static_cast<float>(i * 37 % 101 - (i / Layer::k == 3 ? -5 : 50)) / 25);
  Call call("torchao::_linear_8bit_act_" + std::to_string(l.bits) + "bit_weight");
  bytes(call.tensor(DType::f32, {m, Layer::k}, numbers(x)), packed).number(Layer::group).number(Layer::n).number(Layer::k);
  const std::vector<double> result = call.result();
  ASSERT_EQ(result.size(), static_cast<size_t>(m * Layer::n));
  for (int r = 0; r < m; ++r)
    for (int i = 0; i < Layer::n; ++i) {
      double exact = static_cast<double>(l.bias_of(i)), size = 0;
      for (int j = 0; j < Layer::k; ++j) {
        exact += static_cast<double>(x[static_cast<size_t>(r * Layer::k + j)]) * l.weight(i, j);
        size += std::fabs(l.weight(i, j));
      }
      EXPECT_NEAR(result[static_cast<size_t>(r * Layer::n + i)], exact, size * 4.1 / 255) << l.bits << " bits, row " << r << ", " << i;
    }
}

TEST(TorchaoPacked, Universal) {
  constexpr uint32_t kPlain[] = {0x5a22c491, 0xf2739e85, 0x8c25999c, 0x3a7f1236, 0xd4282f22, 0x4cb5f1e3, 0x63cdb87b, 0xbd981838};
  constexpr uint32_t kFull[] = {0xc7954674, 0xc0fe7393, 0x5144ee13, 0x89aecff1, 0x749380b9, 0xa0bbd9fd, 0x472cb698, 0x9006be0e};
  for (int bits = 1; bits <= 8; ++bits)
    for (bool full : {false, true}) {
      const Layer l{bits, full, full};
      const std::vector<uint8_t> packed = l.universal();
      EXPECT_EQ(crc32(packed), (full ? kFull : kPlain)[bits - 1]) << bits;
      check_linear(l, packed);
      Call rows("torchao::_shared_embedding_" + std::to_string(bits) + "bit");
      bytes(rows, packed).number(Layer::group).number(Layer::n).number(Layer::k).tensor(DType::i64, {3}, {9, 0, 4});
      const std::vector<double> result = rows.result();
      ASSERT_EQ(result.size(), size_t{3 * Layer::k});
      for (int j = 0; j < 3 * Layer::k; ++j)
        EXPECT_EQ(result[static_cast<size_t>(j)], l.weight((const int[]){9, 0, 4}[j / Layer::k], j % Layer::k));
    }
}

TEST(TorchaoPacked, Kleidi) {
  const Layer l{4, false, true};
  EXPECT_EQ(crc32(l.kleidi(4)), 0xab3f9a47u);
  EXPECT_EQ(crc32(l.kleidi(8)), 0xae31bb4cu);
  check_linear(l, l.kleidi(4));
  check_linear(l, l.kleidi(8));
}

TEST(TorchaoPacked, Embeddings) {
  constexpr uint32_t kSums[] = {0x4066cce7, 0x2e6ac682, 0x1bbb474e, 0xaeaf1907, 0x36496daa, 0x63f2f553, 0xb3790966, 0x332de1d1};
  for (int bits = 1; bits <= 8; ++bits) {
    const Layer l{bits, true, false};
    std::vector<uint8_t> packed = Layer::header({6712, 2, 1, bits, 32, 128});
    std::vector<float> scales;
    std::vector<int8_t> zeros;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 224;) {
        std::vector<int> values;
        for (const int end = j + (j == 0 ? 128 : j == 128 ? 64 : 32); j < end; ++j) values.push_back(bits == 8 ? l.q(i, j) & 255 : l.q(i, j) + (1 << (bits - 1)));
        if (bits == 8) packed.insert(packed.end(), values.begin(), values.end());
        else for (uint8_t b : pack(bits, values)) packed.push_back(b);
      }
      for (int g = 0; g < 7; ++g) {
        scales.push_back(l.scale(i, g));
        zeros.push_back(static_cast<int8_t>(l.zero(i, g)));
      }
    }
    EXPECT_EQ(crc32(packed), kSums[bits - 1]) << bits;
    Call call("torchao::_embedding_" + std::to_string(bits) + "bit");
    bytes(call, packed).number(3).number(224).tensor(DType::f32, {3, 7}, numbers(scales)).tensor(DType::i8, {3, 7}, numbers(zeros)).tensor(DType::i32, {2}, {2, 1});
    const std::vector<double> result = call.result();
    ASSERT_EQ(result.size(), 448u);
    for (int j = 0; j < 448; ++j)
      EXPECT_EQ(result[static_cast<size_t>(j)], l.weight(j < 224 ? 2 : 1, j % 224)) << bits << " bits, " << j;
  }
}

TEST(TorchaoPacked, WhatIsWrongIsSaid) {
  const Layer l{4, false, false};
  const auto refusal = [&](const std::vector<uint8_t>& packed) {
    Call call("torchao::_linear_8bit_act_4bit_weight");
    bytes(call.tensor(DType::f32, {1, 64}, std::vector<double>(64)), packed).number(32).number(10).number(64);
    return std::string(call.run().text());
  };
  std::vector<uint8_t> other = l.universal();
  other[4] = 9;
  EXPECT_NE(refusal(other).find("format 9"), std::string::npos);
  EXPECT_NE(refusal(Layer{5, false, false}.universal()).find("of 5 bits (expected 4)"), std::string::npos);
  std::vector<uint8_t> less = l.universal();
  less.pop_back();
  EXPECT_NE(refusal(less).find("(expected 832"), std::string::npos);
  EXPECT_NE(refusal({1, 2}).find("header"), std::string::npos);
}

}  // namespace
}  // namespace portfire::ops
