// Choices for mutators and generators, from a seed or from the fuzzer's own bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>

namespace portfire::fuzz {

// Numbers that break things: ends of types, powers of two and their neighbours, what overflows when multiplied.
inline constexpr int64_t kHostile[] = {-1, 0, 1, 2, 3, 7, 8, 64, 127, 128, 255, 256, 65535, 65536, 1 << 20, INT32_MAX, INT32_MIN,
                                       int64_t{1} << 32, int64_t{1} << 40, int64_t{1} << 62, INT64_MAX, INT64_MIN, INT64_MIN + 1};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  // In [0, n); 0 where n is 0.
  size_t below(size_t n) { return n ? engine_() % n : 0; }
  bool one_in(size_t n) { return below(n) == 0; }
  int64_t hostile() { return kHostile[below(std::size(kHostile))]; }

 private:
  std::mt19937 engine_;
};

// Reads choices off an input, so that the fuzzer's own mutations steer them. Zeros after its end.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool done() const { return at_ >= size_; }
  uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  size_t below(size_t n) { return n < 2 ? 0 : n <= 256 ? byte() % n : (size_t{byte()} << 8 | byte()) % n; }
  bool one_in(size_t n) { return below(n) == n - 1; }
  template <class T, size_t N>
  const T& of(const T (&list)[N]) { return list[below(N)]; }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

}  // namespace portfire::fuzz
