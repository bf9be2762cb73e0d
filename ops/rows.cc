#include "ops/rows.h"

#include <limits>
#include <type_traits>

#include "core/float16.h"
#include "ops/element.h"

namespace portfire::ops {

Rows::Rows(const Shape& shape, std::initializer_list<const int64_t*> strides) {
  tensors_ = static_cast<int>(strides.size());
  // Outer dimensions come first; a dimension joins the one before it where that keeps the addresses.
  for (int d = 0; d < shape.rank; ++d) {
    const int64_t n = shape.sizes[d];
    empty_ |= n == 0;
    if (n == 1) continue;
    bool joins = rank_ > 0;
    int k = 0;
    for (const int64_t* s : strides) {
      if (rank_ > 0) joins &= strides_[k][rank_ - 1] == s[d] * n;
      ++k;
    }
    if (!joins) sizes_[rank_++] = 1;
    sizes_[rank_ - 1] *= n;
    k = 0;
    for (const int64_t* s : strides) strides_[k++][rank_ - 1] = s[d];
  }
  if (rank_ > 0) {
    --rank_;
    length_ = sizes_[rank_];
    for (int k = 0; k < tensors_; ++k) step_[k] = strides_[k][rank_];
  }
  restart();
}

void Rows::restart() {
  valid_ = !empty_;
  for (int d = 0; d < rank_; ++d) at_[d] = 0;
  for (int k = 0; k < tensors_; ++k) offset_[k] = 0;
}

void Rows::next() {
  for (int d = rank_ - 1; d >= 0; --d) {
    if (++at_[d] < sizes_[d]) {
      for (int k = 0; k < tensors_; ++k) offset_[k] += strides_[k][d];
      return;
    }
    at_[d] = 0;
    for (int k = 0; k < tensors_; ++k) offset_[k] -= strides_[k][d] * (sizes_[d] - 1);
  }
  valid_ = false;
}

TensorView broadcast_view(const TensorView& t, const Shape& shape) {
  TensorView out = t;
  out.shape = shape;
  for (int d = 0; d < shape.rank; ++d) {
    const int from = d - (shape.rank - t.rank());
    out.strides[d] = from < 0 || (t.size(from) == 1 && shape.sizes[d] != 1) ? 0 : t.strides[from];
  }
  return out;
}

TensorView shifted(TensorView t, int64_t elements) {
  if (t.data) t.data = t.as<char>() + elements * static_cast<int64_t>(byte_size(t.dtype));
  return t;
}

TensorView sliced(const TensorView& t, int d, int64_t start, int64_t count) {
  TensorView out = shifted(t, count > 0 ? start * t.strides[d] : 0);
  out.shape.sizes[d] = count;
  return out;
}

TensorView selected(const TensorView& t, int d, int64_t index) {
  TensorView out = shifted(t, index * t.strides[d]);
  for (int i = d; i + 1 < t.rank(); ++i) {
    out.shape.sizes[i] = t.size(i + 1);
    out.strides[i] = t.strides[i + 1];
  }
  --out.shape.rank;
  return out;
}

namespace {

struct Half {
  uint16_t bits;
  operator double() const { return f16_to_f32(bits); }
};
struct Brain {
  uint16_t bits;
  operator double() const { return bf16_to_f32(bits); }
};
struct Truth {
  uint8_t bits;
  operator int64_t() const { return bits != 0; }
};

// Calls f(T()) with the C++ type of a real dtype.
template <class F>
void with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::u8: return f(uint8_t());
    case DType::i8: return f(int8_t());
    case DType::i16: return f(int16_t());
    case DType::i32: return f(int32_t());
    case DType::i64: return f(int64_t());
    case DType::f16: return f(Half());
    case DType::f32: return f(float());
    case DType::f64: return f(double());
    case DType::boolean: return f(Truth());
    case DType::bf16: return f(Brain());
    case DType::u16: return f(uint16_t());
    case DType::u32: return f(uint32_t());
    case DType::u64: return f(uint64_t());
    case DType::c64:
    case DType::c128: return;
  }
}

int64_t to_integer(int64_t v) { return v; }
// Out of range: what x86 gives, the smallest int64; for 32 bits and less the smallest int32.
int64_t to_integer(double v) {
  return v >= -0x1p63 && v < 0x1p63 ? static_cast<int64_t>(v) : std::numeric_limits<int64_t>::min();
}
int64_t to_integer32(int64_t v) { return v; }
int64_t to_integer32(double v) {
  return v > -2147483649.0 && v < 2147483648.0 ? static_cast<int64_t>(v) : std::numeric_limits<int32_t>::min();
}

template <class To, class Wide>
To narrowed(Wide v) {
  if constexpr (std::is_same_v<To, Half>)
    return {f32_to_f16(static_cast<float>(v))};
  else if constexpr (std::is_same_v<To, Brain>)
    return {f32_to_bf16(static_cast<float>(v))};
  else if constexpr (std::is_same_v<To, Truth>)
    return {v != 0};
  else if constexpr (std::is_floating_point_v<To>)
    return static_cast<To>(v);
  else if constexpr (std::is_same_v<To, uint64_t> && std::is_same_v<Wide, double>)
    return v >= 0x1p63 && v < 0x1p64 ? static_cast<uint64_t>(v) : static_cast<uint64_t>(to_integer(v));
  else if constexpr (sizeof(To) < 4 || std::is_same_v<To, int32_t>)
    return static_cast<To>(to_integer32(v));
  else
    return static_cast<To>(to_integer(v));
}

constexpr int64_t kChunk = 256;

// One row by way of a buffer of the wide type, so that n dtypes need 2n loops and not n * n.
template <class Wide>
void convert_row(const TensorView& to, int64_t to_at, int64_t to_step, const TensorView& from, int64_t from_at,
                 int64_t from_step, int64_t length) {
  Wide wide[kChunk];
  for (int64_t done = 0; done < length; done += kChunk) {
    const int64_t n = length - done < kChunk ? length - done : kChunk;
    with_type(from.dtype, [&](auto tag) {
      const auto* x = from.as<decltype(tag)>() + from_at + done * from_step;
      for (int64_t i = 0; i < n; ++i) wide[i] = static_cast<Wide>(x[i * from_step]);
    });
    with_type(to.dtype, [&](auto tag) {
      auto* y = to.as<decltype(tag)>() + to_at + done * to_step;
      for (int64_t i = 0; i < n; ++i) y[i * to_step] = narrowed<decltype(tag)>(wide[i]);
    });
  }
}

template <class T>
void fill(const TensorView& to, T value) {
  if (to.numel() == 0) return;
  Bits<16> one;
  TensorView scalar;
  scalar.data = &one;
  scalar.dtype = to.dtype;
  if constexpr (std::is_same_v<T, double>)
    store_real(scalar, 0, value);
  else
    store_int(scalar, 0, value);
  copy_view(to, scalar);
}

}  // namespace

void copy_view(const TensorView& to, const TensorView& source) {
  const TensorView from = broadcast_view(source, to.shape);
  const bool same = to.dtype == from.dtype, complex = is_complex(to.dtype) || is_complex(from.dtype);
  const bool wide_real = is_floating(from.dtype) || from.dtype == DType::u64;
  for (Rows r(to.shape, {to.strides, from.strides}); r.valid(); r.next()) {
    const int64_t n = r.length(), o = r.offset(0), i = r.offset(1), so = r.step(0), si = r.step(1);
    if (same) {
      with_bits(to.dtype, [&](auto tag) {
        auto* y = to.as<decltype(tag)>() + o;
        const auto* x = from.as<decltype(tag)>() + i;
        if (so == 1 && si == 1) {
          std::memmove(y, x, static_cast<size_t>(n) * sizeof tag);
        } else if (so == 1 && si == 0) {
          const auto v = *x;
          for (int64_t j = 0; j < n; ++j) y[j] = v;
        } else {
          for (int64_t j = 0; j < n; ++j) y[j * so] = x[j * si];
        }
      });
    } else if (complex) {
      for (int64_t j = 0; j < n; ++j) copy_element(to, o + j * so, from, i + j * si);
    } else if (wide_real) {
      convert_row<double>(to, o, so, from, i, si, n);
    } else {
      convert_row<int64_t>(to, o, so, from, i, si, n);
    }
  }
}

void fill_view(const TensorView& to, double value) { fill(to, value); }
void fill_view(const TensorView& to, int64_t value) { fill(to, value); }

}  // namespace portfire::ops
