#include "ops/element.h"

#include <cmath>
#include <limits>

#include "core/float16.h"

namespace portfire::ops {
namespace {

// C leaves a conversion out of range undefined; we give what x86 gives, the smallest int64, and for
// integers of 32 bits and less the smallest int32.
int64_t to_int(double v) {
  return v >= -0x1p63 && v < 0x1p63 ? static_cast<int64_t>(v) : std::numeric_limits<int64_t>::min();
}
int64_t to_int32(double v) {
  return v > -2147483649.0 && v < 2147483648.0 ? static_cast<int64_t>(v) : std::numeric_limits<int32_t>::min();
}

}  // namespace

double load_real(const TensorView& t, int64_t i) {
  switch (t.dtype) {
    case DType::f32: return t.as<float>()[i];
    case DType::f64: return t.as<double>()[i];
    case DType::f16: return f16_to_f32(t.as<uint16_t>()[i]);
    case DType::bf16: return bf16_to_f32(t.as<uint16_t>()[i]);
    case DType::c64: return t.as<std::complex<float>>()[i].real();
    case DType::c128: return t.as<std::complex<double>>()[i].real();
    case DType::u64: return static_cast<double>(t.as<uint64_t>()[i]);
    default: return static_cast<double>(load_int(t, i));
  }
}

int64_t load_int(const TensorView& t, int64_t i) {
  switch (t.dtype) {
    case DType::u8: return t.as<uint8_t>()[i];
    case DType::i8: return t.as<int8_t>()[i];
    case DType::i16: return t.as<int16_t>()[i];
    case DType::i32: return t.as<int32_t>()[i];
    case DType::i64: return t.as<int64_t>()[i];
    case DType::u16: return t.as<uint16_t>()[i];
    case DType::u32: return t.as<uint32_t>()[i];
    case DType::u64: return static_cast<int64_t>(t.as<uint64_t>()[i]);
    case DType::boolean: return t.as<uint8_t>()[i] != 0;
    default: return to_int(load_real(t, i));
  }
}

std::complex<double> load_complex(const TensorView& t, int64_t i) {
  switch (t.dtype) {
    case DType::c64: return std::complex<double>(t.as<std::complex<float>>()[i]);
    case DType::c128: return t.as<std::complex<double>>()[i];
    default: return load_real(t, i);
  }
}

void store_real(const TensorView& t, int64_t i, double v) {
  switch (t.dtype) {
    case DType::f32: t.as<float>()[i] = static_cast<float>(v); return;
    case DType::f64: t.as<double>()[i] = v; return;
    case DType::f16: t.as<uint16_t>()[i] = f32_to_f16(static_cast<float>(v)); return;
    case DType::bf16: t.as<uint16_t>()[i] = f32_to_bf16(static_cast<float>(v)); return;
    case DType::c64: t.as<std::complex<float>>()[i] = static_cast<float>(v); return;
    case DType::c128: t.as<std::complex<double>>()[i] = v; return;
    case DType::boolean: t.as<uint8_t>()[i] = v != 0; return;
    case DType::u64:
      t.as<uint64_t>()[i] = v >= 0x1p63 && v < 0x1p64 ? static_cast<uint64_t>(v) : static_cast<uint64_t>(to_int(v));
      return;
    case DType::i64:
    case DType::u32: store_int(t, i, to_int(v)); return;
    default: store_int(t, i, to_int32(v));
  }
}

void store_int(const TensorView& t, int64_t i, int64_t v) {
  switch (t.dtype) {
    case DType::u8: t.as<uint8_t>()[i] = static_cast<uint8_t>(v); return;
    case DType::i8: t.as<int8_t>()[i] = static_cast<int8_t>(v); return;
    case DType::i16: t.as<int16_t>()[i] = static_cast<int16_t>(v); return;
    case DType::i32: t.as<int32_t>()[i] = static_cast<int32_t>(v); return;
    case DType::i64: t.as<int64_t>()[i] = v; return;
    case DType::u16: t.as<uint16_t>()[i] = static_cast<uint16_t>(v); return;
    case DType::u32: t.as<uint32_t>()[i] = static_cast<uint32_t>(v); return;
    case DType::u64: t.as<uint64_t>()[i] = static_cast<uint64_t>(v); return;
    case DType::boolean: t.as<uint8_t>()[i] = v != 0; return;
    default: store_real(t, i, static_cast<double>(v));
  }
}

void store_complex(const TensorView& t, int64_t i, std::complex<double> v) {
  switch (t.dtype) {
    case DType::c64: t.as<std::complex<float>>()[i] = std::complex<float>(v); return;
    case DType::c128: t.as<std::complex<double>>()[i] = v; return;
    default: store_real(t, i, v.real());
  }
}

void copy_element(const TensorView& to, int64_t i, const TensorView& from, int64_t j) {
  if (is_complex(from.dtype))
    is_complex(to.dtype) ? store_complex(to, i, load_complex(from, j)) : store_real(to, i, load_real(from, j));
  else if (is_floating(from.dtype) || from.dtype == DType::u64)
    store_real(to, i, load_real(from, j));
  else
    store_int(to, i, load_int(from, j));
}

double next_after(DType dtype, double x, double y) {
  if (x != x || y != y) return x + y;
  if (x == y) return y;
  if (dtype == DType::f64) return std::nextafter(x, y);
  if (dtype == DType::f32) return std::nextafter(static_cast<float>(x), static_cast<float>(y));
  const bool half = dtype == DType::f16;
  const auto v = static_cast<float>(x);
  uint16_t bits = half ? f32_to_f16(v) : f32_to_bf16(v);
  if (x == 0)
    bits = y < 0 ? 0x8001 : 1;
  else
    bits = static_cast<uint16_t>((x < y) == (x > 0) ? bits + 1 : bits - 1);
  return half ? f16_to_f32(bits) : bf16_to_f32(bits);
}

double round_to(DType dtype, double v) {
  switch (dtype) {
    case DType::f32: return static_cast<float>(v);
    case DType::f16: return f16_to_f32(f32_to_f16(static_cast<float>(v)));
    case DType::bf16: return bf16_to_f32(f32_to_bf16(static_cast<float>(v)));
    default: return v;
  }
}

int64_t wrap_to(DType dtype, int64_t v) {
  switch (dtype) {
    case DType::u8: return static_cast<uint8_t>(v);
    case DType::i8: return static_cast<int8_t>(v);
    case DType::i16: return static_cast<int16_t>(v);
    case DType::i32: return static_cast<int32_t>(v);
    case DType::u16: return static_cast<uint16_t>(v);
    case DType::u32: return static_cast<uint32_t>(v);
    case DType::boolean: return v != 0;
    default: return v;
  }
}

Error wrap_dim(int64_t dim, int rank, int* out) {
  const int64_t n = rank == 0 ? 1 : rank;
  if (dim < -n || dim >= n)
    return Error::make(Code::bad_argument, "dim %lld out of range (expected [%lld, %lld])", static_cast<long long>(dim),
                       static_cast<long long>(-n), static_cast<long long>(n - 1));
  *out = static_cast<int>(dim < 0 ? dim + n : dim);
  return {};
}

Error broadcast(const Shape& a, const Shape& b, Shape* out) {
  Shape r;
  r.rank = a.rank > b.rank ? a.rank : b.rank;
  for (int d = 0; d < r.rank; ++d) {
    const int da = d - (r.rank - a.rank), db = d - (r.rank - b.rank);
    const int64_t sa = da < 0 ? 1 : a.sizes[da], sb = db < 0 ? 1 : b.sizes[db];
    if (sa != sb && sa != 1 && sb != 1)
      return Error::make(Code::bad_argument, "sizes do not broadcast (expected equal or 1, got %lld and %lld at dim %d)",
                         static_cast<long long>(sa), static_cast<long long>(sb), d);
    r.sizes[d] = sa == 1 ? sb : sa;
  }
  *out = r;
  return {};
}

Shape reduced(const Shape& shape, const bool* mask, bool keepdim) {
  Shape r;
  for (int d = 0; d < shape.rank; ++d) {
    if (!mask[d])
      r.push(shape.sizes[d]);
    else if (keepdim)
      r.push(1);
  }
  return r;
}

Error dim_mask(std::span<const int64_t> dims, int rank, bool* mask) {
  for (int d = 0; d < rank; ++d) mask[d] = dims.empty();
  for (int64_t dim : dims) {
    int d;
    PF_TRY(wrap_dim(dim, rank, &d));
    if (rank > 0 && mask[d]) return Error::make(Code::bad_argument, "dim %d given twice", d);
    mask[d] = true;
  }
  return {};
}

void Promotion::merge(Slot& slot, DType t) {
  slot.dtype = slot.any ? promote(slot.dtype, t) : t;
  slot.any = true;
}

void Promotion::add(const Scalar& s) {
  merge(number_, s.kind == Value::Kind::real ? DType::f32 : s.kind == Value::Kind::boolean ? DType::boolean : DType::i64);
}

void Promotion::add(const Value& v) {
  switch (v.kind) {
    case Value::Kind::tensor: add(*v.tensor); return;
    case Value::Kind::integer: add(Scalar{v.kind, v.integer, 0}); return;
    case Value::Kind::boolean: add(Scalar{v.kind, v.boolean, 0}); return;
    case Value::Kind::real: add(Scalar{v.kind, 0, v.real}); return;
    default: return;
  }
}

Promotion::Slot Promotion::combine(const Slot& higher, const Slot& lower) {
  if (!higher.any) return lower;
  if (!lower.any || is_complex(higher.dtype)) return higher;
  if (is_floating(higher.dtype))
    return is_complex(lower.dtype) ? Slot{true, complex_of(higher.dtype)} : higher;
  if (higher.dtype == DType::boolean || is_floating(lower.dtype) || is_complex(lower.dtype))
    return {true, promote(higher.dtype, lower.dtype)};
  return higher;
}

DType Promotion::result() const { return combine(dimensioned_, combine(zero_, number_)).dtype; }

}  // namespace portfire::ops
