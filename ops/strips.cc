#include "ops/strips.h"

#include <limits>

#include "core/float16.h"
#include "ops/element.h"

namespace portfire::ops {
namespace {

struct F16 { uint16_t bits; };
struct Bf16 { uint16_t bits; };
struct Bool { uint8_t byte; };

// Conversions between a stored type S and a wide one; the rest is plain C.
double real_of_element(F16 v) { return f16_to_f32(v.bits); }
double real_of_element(Bf16 v) { return bf16_to_f32(v.bits); }
double real_of_element(Bool v) { return v.byte != 0; }
template <class R>
double real_of_element(std::complex<R> v) { return v.real(); }
template <class S>
double real_of_element(S v) { return static_cast<double>(v); }

// As load_int: what C leaves undefined gives the smallest int64.
int64_t to_int(double v) {
  if (!(v > -9.3e18 && v < 9.2233720368547748e18)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(v);
}
template <class S>
void convert(S v, double* out) { *out = real_of_element(v); }
template <class S>
void convert(S v, int64_t* out) {
  if constexpr (std::is_integral_v<S>)
    *out = static_cast<int64_t>(v);
  else
    *out = to_int(real_of_element(v));
}
template <class S>
void convert(S v, Complex* out) { *out = real_of_element(v); }
template <class R>
void convert(std::complex<R> v, Complex* out) { *out = Complex(v.real(), v.imag()); }

template <class S, class T>
void load_as(const TensorView& view, int64_t offset, int64_t stride, int64_t n, T* out) {
  const S* p = view.as<S>() + offset;
  if (stride == 1)
    for (int64_t i = 0; i < n; ++i) convert(p[i], out + i);
  else
    for (int64_t i = 0; i < n; ++i) convert(p[i * stride], out + i);
}

template <class T>
void load_any(const TensorView& v, int64_t offset, int64_t stride, int64_t n, T* out) {
  switch (v.dtype) {
    case DType::u8: return load_as<uint8_t>(v, offset, stride, n, out);
    case DType::i8: return load_as<int8_t>(v, offset, stride, n, out);
    case DType::i16: return load_as<int16_t>(v, offset, stride, n, out);
    case DType::i32: return load_as<int32_t>(v, offset, stride, n, out);
    case DType::i64: return load_as<int64_t>(v, offset, stride, n, out);
    case DType::u16: return load_as<uint16_t>(v, offset, stride, n, out);
    case DType::u32: return load_as<uint32_t>(v, offset, stride, n, out);
    case DType::u64: return load_as<uint64_t>(v, offset, stride, n, out);
    case DType::f16: return load_as<F16>(v, offset, stride, n, out);
    case DType::bf16: return load_as<Bf16>(v, offset, stride, n, out);
    case DType::f32: return load_as<float>(v, offset, stride, n, out);
    case DType::f64: return load_as<double>(v, offset, stride, n, out);
    case DType::c64: return load_as<std::complex<float>>(v, offset, stride, n, out);
    case DType::c128: return load_as<std::complex<double>>(v, offset, stride, n, out);
    case DType::boolean: return load_as<Bool>(v, offset, stride, n, out);
  }
}

}  // namespace

void load(const TensorView& v, int64_t offset, int64_t stride, int64_t n, double* out) {
  load_any(v, offset, stride, n, out);
}
void load(const TensorView& v, int64_t offset, int64_t stride, int64_t n, int64_t* out) {
  load_any(v, offset, stride, n, out);
}
void load(const TensorView& v, int64_t offset, int64_t stride, int64_t n, Complex* out) {
  load_any(v, offset, stride, n, out);
}

void store(const TensorView& v, int64_t offset, int64_t stride, int64_t n, const double* in) {
  if (v.dtype == DType::f32) {
    float* p = v.as<float>() + offset;
    for (int64_t i = 0; i < n; ++i) p[i * stride] = static_cast<float>(in[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) store_real(v, offset + i * stride, in[i]);
  }
}
void store(const TensorView& v, int64_t offset, int64_t stride, int64_t n, const int64_t* in) {
  if (v.dtype == DType::i64) {
    int64_t* p = v.as<int64_t>() + offset;
    for (int64_t i = 0; i < n; ++i) p[i * stride] = in[i];
  } else {
    for (int64_t i = 0; i < n; ++i) store_int(v, offset + i * stride, in[i]);
  }
}
void store(const TensorView& v, int64_t offset, int64_t stride, int64_t n, const Complex* in) {
  for (int64_t i = 0; i < n; ++i) store_complex(v, offset + i * stride, in[i]);
}

ReducedRows::ReducedRows(const TensorView& x, const bool* mask) {
  for (int d = 0; d < x.rank(); ++d) {
    if (!mask[d]) {
      source_[outer_.rank] = d;
      outer_strides_[outer_.rank] = x.strides[d];
      outer_.push(x.size(d));
      continue;
    }
    const int last = inner_.rank - 1;
    if (last >= 0 && inner_strides_[last] == x.strides[d] * x.size(d)) {
      inner_.sizes[last] *= x.size(d);
      inner_strides_[last] = x.strides[d];
    } else {
      inner_strides_[inner_.rank] = x.strides[d];
      inner_.push(x.size(d));
    }
  }
}

}  // namespace portfire::ops
