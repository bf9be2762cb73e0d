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

// "f32", "i64", "bool", ...
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

// The element type of a C++ type. f16, bf16 and complex numbers have none: give theirs by hand.
template <class T>
struct DTypeOf;
#define X(type, name)                              \
  template <>                                      \
  struct DTypeOf<type> {                           \
    static constexpr DType value = DType::name;    \
  };
X(uint8_t, u8) X(int8_t, i8) X(int16_t, i16) X(int32_t, i32) X(int64_t, i64) X(float, f32) X(double, f64)
X(bool, boolean) X(uint16_t, u16) X(uint32_t, u32) X(uint64_t, u64)
#undef X

}  // namespace portfire
