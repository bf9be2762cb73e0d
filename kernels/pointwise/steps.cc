#include "kernels/pointwise/steps.h"

#include <cmath>
#include <cstring>

#include "core/float16.h"
#include "kernels/pointwise/f32_steps.h"
#include "ops/element.h"

namespace portfire::pointwise {

Class class_of(DType t) {
  switch (t) {
    case DType::f16: case DType::bf16: case DType::f32: return Class::f32;
    case DType::f64: return Class::f64;
    case DType::i64: return Class::i64;
    default: return Class::i32;
  }
}

namespace {

template <class T>
void round_or_wrap(T* p, DType to, size_t n) {
  if constexpr (std::is_same_v<T, float>) {
    if (to == DType::bf16)
      for (size_t i = 0; i < n; ++i) p[i] = bf16_to_f32(f32_to_bf16(p[i]));
    if (to == DType::f16)
      for (size_t i = 0; i < n; ++i) p[i] = f16_to_f32(f32_to_f16(p[i]));
  } else if constexpr (std::is_same_v<T, int32_t>) {
    switch (to) {
      case DType::u8: for (size_t i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(p[i]); break;
      case DType::i8: for (size_t i = 0; i < n; ++i) p[i] = static_cast<int8_t>(p[i]); break;
      case DType::i16: for (size_t i = 0; i < n; ++i) p[i] = static_cast<int16_t>(p[i]); break;
      case DType::boolean: for (size_t i = 0; i < n; ++i) p[i] = p[i] != 0; break;
      default: break;
    }
  }
}

template <class F>
void with_class(Class c, F&& f) {
  switch (c) {
    case Class::f32: return f(float{});
    case Class::f64: return f(double{});
    case Class::i32: return f(int32_t{});
    case Class::i64: return f(int64_t{});
  }
}

// The table's formula, element by element, in the widest type of its kind.
void generic_step(const StepCall& c, size_t n) {
  const Class in = class_of(c.dtype), out = class_of(c.result);
  const bool first = c.op->rule == ops::PointwiseRule::first;
  with_class(in, [&](auto x) {
    using X = decltype(x);
    const X* a = static_cast<const X*>(c.in[0]);
    const X* b = static_cast<const X*>(c.in[1]);
    const X* d = static_cast<const X*>(c.in[2]);
    const int32_t* condition = static_cast<const int32_t*>(c.in[0]);
    with_class(out, [&](auto y) {
      using Y = decltype(y);
      Y* to = static_cast<Y*>(c.out);
      for (size_t i = 0; i < n; ++i) {
        if constexpr (std::is_floating_point_v<X>)
          to[i] = static_cast<Y>(c.op->real(first ? condition[i] : a[i], b ? b[i] : 0, d ? d[i] : 0));
        else
          to[i] = static_cast<Y>(c.op->integer(first ? condition[i] : a[i], b ? b[i] : 0, d ? d[i] : 0));
      }
      round_or_wrap(to, c.result, n);
    });
  });
}

// A vector loop followed by rounding, for f16 and bf16.
void rounded_step(const StepCall& c, size_t n) {
  f32_step(*c.op)(c, n);
  round_or_wrap(static_cast<float*>(c.out), c.result, n);
}

}  // namespace

StepFn step_fn(const ops::Pointwise& op, DType dtype, Class condition) {
  if (op.rule == ops::PointwiseRule::first && condition != Class::i32) return nullptr;
  if (class_of(dtype) == Class::f32)
    if (StepFn fast = f32_step(op)) return dtype == DType::f32 || op.rule == ops::PointwiseRule::predicate ? fast : rounded_step;
  return generic_step;
}

void convert_strip(void* out, const void* in, DType from, DType to, size_t n) {
  with_class(class_of(from), [&](auto x) {
    using X = decltype(x);
    with_class(class_of(to), [&](auto y) {
      using Y = decltype(y);
      const X* a = static_cast<const X*>(in);
      Y* b = static_cast<Y*>(out);
      if (to == DType::boolean) {
        for (size_t i = 0; i < n; ++i) b[i] = static_cast<Y>(a[i] != 0);
        return;
      }
      if constexpr (std::is_floating_point_v<X> && std::is_integral_v<Y>) {
        // By way of int64, as C does on x86 for what is out of range.
        for (size_t i = 0; i < n; ++i)
          b[i] = static_cast<Y>(a[i] > X(-9.2e18) && a[i] < X(9.2e18) ? static_cast<int64_t>(a[i]) : INT64_MIN);
      } else {
        for (size_t i = 0; i < n; ++i) b[i] = static_cast<Y>(a[i]);
      }
      round_or_wrap(b, to, n);
    });
  });
}

namespace {

template <class From, class To, class F>
void map_strip(To* out, const From* in, int64_t out_stride, int64_t in_stride, size_t n, F f) {
  if (out_stride == 1 && in_stride == 1) {
    for (size_t i = 0; i < n; ++i) out[i] = f(in[i]);
  } else {
    for (size_t i = 0; i < n; ++i) out[static_cast<int64_t>(i) * out_stride] = f(in[static_cast<int64_t>(i) * in_stride]);
  }
}

}  // namespace

void load_strip(void* out, const void* in, DType dtype, int64_t stride, size_t n) {
  auto load = [&](auto from, auto to, auto f) {
    map_strip(static_cast<decltype(to)*>(out), static_cast<const decltype(from)*>(in), 1, stride, n, f);
  };
  auto same = [](auto v) { return v; };
  switch (dtype) {
    case DType::f32: return load(float{}, float{}, same);
    case DType::f64: return load(double{}, double{}, same);
    case DType::i64: return load(int64_t{}, int64_t{}, same);
    case DType::i32: return load(int32_t{}, int32_t{}, same);
    case DType::i16: return load(int16_t{}, int32_t{}, same);
    case DType::i8: return load(int8_t{}, int32_t{}, same);
    case DType::u8: return load(uint8_t{}, int32_t{}, same);
    case DType::boolean: return load(uint8_t{}, int32_t{}, [](uint8_t v) { return int32_t{v != 0}; });
    case DType::f16: return load(uint16_t{}, float{}, f16_to_f32);
    case DType::bf16: return load(uint16_t{}, float{}, bf16_to_f32);
    default: return;
  }
}

void store_strip(void* out, const void* in, DType dtype, int64_t stride, size_t n) {
  auto store = [&](auto from, auto to, auto f) {
    map_strip(static_cast<decltype(to)*>(out), static_cast<const decltype(from)*>(in), stride, 1, n, f);
  };
  switch (dtype) {
    case DType::f32: return store(float{}, float{}, [](float v) { return v; });
    case DType::f64: return store(double{}, double{}, [](double v) { return v; });
    case DType::i64: return store(int64_t{}, int64_t{}, [](int64_t v) { return v; });
    case DType::i32: return store(int32_t{}, int32_t{}, [](int32_t v) { return v; });
    case DType::i16: return store(int32_t{}, int16_t{}, [](int32_t v) { return static_cast<int16_t>(v); });
    case DType::i8: return store(int32_t{}, int8_t{}, [](int32_t v) { return static_cast<int8_t>(v); });
    case DType::u8: return store(int32_t{}, uint8_t{}, [](int32_t v) { return static_cast<uint8_t>(v); });
    case DType::boolean: return store(int32_t{}, uint8_t{}, [](int32_t v) { return static_cast<uint8_t>(v != 0); });
    case DType::f16: return store(float{}, uint16_t{}, f32_to_f16);
    case DType::bf16: return store(float{}, uint16_t{}, f32_to_bf16);
    default: return;
  }
}

void fill_strip(void* out, DType dtype, double real, int64_t integer, size_t n) {
  with_class(class_of(dtype), [&](auto x) {
    using X = decltype(x);
    const X v = std::is_floating_point_v<X> ? static_cast<X>(ops::round_to(dtype, real)) : static_cast<X>(ops::wrap_to(dtype, integer));
    for (size_t i = 0; i < n; ++i) static_cast<X*>(out)[i] = v;
  });
}

}  // namespace portfire::pointwise
