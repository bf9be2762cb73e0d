// aten::full, zeros, ones, empty, fill, scalar_tensor, eye and their kin: tensors of one value.
// What PyTorch leaves uninitialised (empty) is zero here.
#pragma once

#include "ops/op.h"
#include "ops/rows.h"

namespace portfire::ops::creation {

#define PF_OPTIONS "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
#define PF_LIKE_OPTIONS PF_OPTIONS ", MemoryFormat? memory_format=None"

Error sizes_of(std::span<const int64_t> list, Shape* out);
void fill_with(const TensorView& to, const Scalar& value);
inline DType dtype_of(const Scalar& s) {
  return s.is_real() ? DType::f32 : s.kind == Value::Kind::boolean ? DType::boolean : DType::i64;
}

struct Full {
  static constexpr std::string_view schema =
      "aten::full(SymInt[] size, Scalar fill_value, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0].dtype = a.dtype(2, dtype_of(a.scalar(1)));
    return sizes_of(a.ints(0), &outs[0].shape);
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    fill_with(outs[0], a.scalar(1));
    return {};
  }
};

struct ScalarTensor {
  static constexpr std::string_view schema = "aten::scalar_tensor(Scalar s, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0] = {a.dtype(1, DType::f32), Shape()};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    fill_with(outs[0], a.scalar(0));
    return {};
  }
};

// Operators that are `full` under other names. The references are for programs of other compilers.
template <int kDType, int64_t kValue>
struct Sized {  // (size, dtype, ...)
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0].dtype = kDType < 0 ? DType::f32 : a.dtype(kDType, DType::f32);
    return sizes_of(a.ints(0), &outs[0].shape);
  }
  static Error reference(const Args&, std::span<TensorView> outs) {
    fill_view(outs[0], kValue);
    return {};
  }
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    g.result(g.full(g.ints("size"), kValue, g.dtype("dtype").value_or(DType::f32)));
  }
};
struct Zeros : Sized<1, 0> {
  static constexpr std::string_view schema = "aten::zeros(SymInt[] size, *, " PF_OPTIONS ") -> Tensor";
};
struct Ones : Sized<1, 1> {
  static constexpr std::string_view schema = "aten::ones(SymInt[] size, *, " PF_OPTIONS ") -> Tensor";
};
struct Empty : Sized<1, 0> {
  static constexpr std::string_view schema = "aten::empty.memory_format(SymInt[] size, *, " PF_LIKE_OPTIONS ") -> Tensor";
};
struct EmptyStrided : Sized<2, 0> {
  static constexpr std::string_view schema =
      "aten::empty_strided(SymInt[] size, SymInt[] stride, *, " PF_OPTIONS ") -> Tensor";
};
struct EmptyPermuted : Sized<2, 0> {
  static constexpr std::string_view schema =
      "aten::empty_permuted(SymInt[] size, int[] physical_layout, *, " PF_OPTIONS ") -> Tensor";
};

struct FullLike {
  static constexpr std::string_view schema =
      "aten::full_like(Tensor self, Scalar fill_value, *, " PF_LIKE_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0] = {a.dtype(2, a.tensor(0).dtype), a.tensor(0).shape};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    fill_with(outs[0], a.scalar(1));
    return {};
  }
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g.full(g.sizes(x), g.arg("fill_value"), g.dtype("dtype").value_or(x.dtype())));
  }
};

struct FillScalar {
  static constexpr std::string_view schema = "aten::fill.Scalar(Tensor self, Scalar value) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    fill_with(outs[0], a.scalar(1));
    return {};
  }
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g.full(g.sizes(x), g.arg("value"), x.dtype()));
  }
};
struct FillTensor {
  static constexpr std::string_view schema = "aten::fill.Tensor(Tensor self, Tensor value) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    if (a.tensor(1).rank() > 0) return Error::make(Code::bad_argument, "value is %s (expected rank 0)", TypeText(a.tensor(1)).c_str());
    return FillScalar::infer(a, outs);
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    copy_view(outs[0], a.tensor(1));
    return {};
  }
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g("aten::clone", g("aten::expand", g.cast(g.tensor("value"), x.dtype()), g.sizes(x))));
  }
};

#define PF_FULL(type, schema_text, sizes, value)                            \
  struct type {                                                             \
    static constexpr std::string_view schema = schema_text;                 \
    template <class G>                                                      \
    static void decompose(G& g) {                                           \
      auto x = g.tensor("self");                                            \
      g.result(g.full(sizes, value, g.dtype("dtype").value_or(x.dtype()))); \
    }                                                                       \
  };
PF_FULL(ZerosLike, "aten::zeros_like(Tensor self, *, " PF_LIKE_OPTIONS ") -> Tensor", g.sizes(x), 0)
PF_FULL(OnesLike, "aten::ones_like(Tensor self, *, " PF_LIKE_OPTIONS ") -> Tensor", g.sizes(x), 1)
PF_FULL(EmptyLike, "aten::empty_like(Tensor self, *, " PF_LIKE_OPTIONS ") -> Tensor", g.sizes(x), 0)
PF_FULL(NewFull, "aten::new_full(Tensor self, SymInt[] size, Scalar fill_value, *, " PF_OPTIONS ") -> Tensor",
        g.ints("size"), g.arg("fill_value"))
PF_FULL(NewZeros, "aten::new_zeros(Tensor self, SymInt[] size, *, " PF_OPTIONS ") -> Tensor", g.ints("size"), 0)
PF_FULL(NewOnes, "aten::new_ones(Tensor self, SymInt[] size, *, " PF_OPTIONS ") -> Tensor", g.ints("size"), 1)
PF_FULL(NewEmpty, "aten::new_empty(Tensor self, SymInt[] size, *, " PF_OPTIONS ") -> Tensor", g.ints("size"), 0)
PF_FULL(NewEmptyStrided,
        "aten::new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, " PF_OPTIONS ") -> Tensor",
        g.ints("size"), 0)
#undef PF_FULL

struct Zero {
  static constexpr std::string_view schema = "aten::zero(Tensor self) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g.full(g.sizes(x), 0, x.dtype()));
  }
};

// y_ij = (i == j)
template <class G>
void eye(G& g, typename G::Int rows, typename G::Int columns) {
  auto i = g.reshape(g("aten::arange", rows), {rows, 1}), j = g("aten::arange", columns);
  g.result(g.cast(g("aten::eq.Tensor", i, j), g.dtype("dtype").value_or(DType::f32)));
}
struct Eye {
  static constexpr std::string_view schema = "aten::eye(SymInt n, *, " PF_OPTIONS ") -> Tensor";
  template <class G>
  static void decompose(G& g) {
    eye(g, g.integer("n"), g.integer("n"));
  }
};
struct EyeM {
  static constexpr std::string_view schema = "aten::eye.m(SymInt n, SymInt m, *, " PF_OPTIONS ") -> Tensor";
  template <class G>
  static void decompose(G& g) {
    eye(g, g.integer("n"), g.integer("m"));
  }
};

using Ops = OpList<Full, ScalarTensor, Zeros, Ones, Empty, EmptyStrided, EmptyPermuted, FullLike, FillScalar, FillTensor,
                   ZerosLike, OnesLike, EmptyLike, NewFull, NewZeros, NewOnes, NewEmpty, NewEmptyStrided, Zero, Eye,
                   EyeM>;

}  // namespace portfire::ops::creation
