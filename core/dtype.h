// Element types. The numbers are PyTorch's ScalarType, which `.pte` files use as they are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire {

// X(enumerator, ScalarType number, bytes, name printed)
#define PF_DTYPES(X)       \
  X(u8, 0, 1, "u8")        \
  X(i8, 1, 1, "i8")        \
  X(i16, 2, 2, "i16")      \
  X(i32, 3, 4, "i32")      \
  X(i64, 4, 8, "i64")      \
  X(f16, 5, 2, "f16")      \
  X(f32, 6, 4, "f32")      \
  X(f64, 7, 8, "f64")      \
  X(c64, 9, 8, "c64")      \
  X(c128, 10, 16, "c128")  \
  X(boolean, 11, 1, "bool") \
  X(bf16, 15, 2, "bf16")   \
  X(u16, 27, 2, "u16")     \
  X(u32, 28, 4, "u32")     \
  X(u64, 29, 8, "u64")

enum class DType : uint8_t {
#define X(name, id, bytes, text) name = id,
  PF_DTYPES(X)
#undef X
};

constexpr bool is_dtype(int64_t id) {
  switch (id) {
#define X(name, number, bytes, text) case number:
    PF_DTYPES(X)
#undef X
    return true;
  }
  return false;
}

constexpr size_t byte_size(DType t) {
  switch (t) {
#define X(name, id, bytes, text) \
  case DType::name:              \
    return bytes;
    PF_DTYPES(X)
#undef X
  }
  return 0;
}

constexpr const char* name_of(DType t) {
  switch (t) {
#define X(name, id, bytes, text) \
  case DType::name:              \
    return text;
    PF_DTYPES(X)
#undef X
  }
  return "?";
}

constexpr bool is_complex(DType t) { return t == DType::c64 || t == DType::c128; }
constexpr bool is_floating(DType t) {
  return t == DType::f16 || t == DType::bf16 || t == DType::f32 || t == DType::f64;
}
constexpr bool is_integral(DType t) {  // bool is not counted
  return !is_floating(t) && !is_complex(t) && t != DType::boolean;
}
constexpr bool is_unsigned(DType t) {
  return t == DType::u8 || t == DType::u16 || t == DType::u32 || t == DType::u64;
}
// The real type of a complex one (c64 -> f32); other types answer themselves.
constexpr DType real_of(DType t) {
  return t == DType::c64 ? DType::f32 : t == DType::c128 ? DType::f64 : t;
}
constexpr DType complex_of(DType t) {
  return t == DType::f64 || t == DType::c128 ? DType::c128 : DType::c64;
}

// c10::promoteTypes: the smallest type both convert to, by PyTorch's lattice
// (bool < integers < floating < complex; f16 with bf16 gives f32; u8 with a signed type gives the
// next signed type that holds both).
DType promote(DType a, DType b);

}  // namespace portfire
