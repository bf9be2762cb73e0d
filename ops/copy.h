// aten::clone, _to_copy, copy and their kin: the same values in new memory or another dtype.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"
#include "ops/rows.h"

namespace portfire::ops::copy {

// Results are row-major contiguous, whatever memory format is asked for.
struct Clone {
  static constexpr std::string_view schema = "aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    copy_view(outs[0], a.tensor(0));
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.grad());
  }
};

struct ToCopy {
  static constexpr std::string_view schema =
      "aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
      "bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0] = {a.dtype(1, a.tensor(0).dtype), a.tensor(0).shape};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    copy_view(outs[0], a.tensor(0));
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.grad());
  }
};

// Writes `src`, broadcast and converted, into `self`; the result is `self`.
struct CopyInto {
  static constexpr std::string_view schema =
      "aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    Shape both;
    PF_TRY(broadcast(a.tensor(0).shape, a.tensor(1).shape, &both));
    if (both != a.tensor(0).shape)
      return Error::make(Code::bad_argument, "%s into %s", TypeText(a.tensor(1)).c_str(), TypeText(a.tensor(0)).c_str());
    outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    copy_view(a.tensor(0), a.tensor(1));
    if (outs[0].data != a.tensor(0).data) copy_view(outs[0], a.tensor(0));
    return {};
  }
};

// `src` with the dtype and sizes of `self`.
struct Copy {
  static constexpr std::string_view schema =
      "aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return CopyInto::infer(a, outs); }
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
    auto self = g.tensor("self"), src = g.cast(g.tensor("src"), self.dtype());
    const auto sizes = g.sizes(self);
    bool equal = src.rank() == self.rank();
    for (int d = 0; equal && d < self.rank(); ++d) equal = same(g.size(src, d), sizes[d]);
    g.result(g("aten::clone", equal ? src : g("aten::expand", src, sizes)));
  }
};

// The same values, through which no gradient goes. It is dropped where none are asked for (compiler/passes/pipeline.cc).
struct Detach {
  static constexpr std::string_view schema = "aten::detach(Tensor(a) self) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    out = a.tensor(0);
    return {};
  }
  template <class G>
  static void gradient(G&) {}
};

#define PF_COPY(type, schema_text, ...)                  \
  struct type {                                          \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                   \
    static void decompose(G& g) {                        \
      auto x = g.tensor("self");                         \
      __VA_ARGS__;                                       \
    }                                                    \
  };
#define PF_SAME(type, schema_text) PF_COPY(type, schema_text, g.result(x))
PF_SAME(Alias, "aten::alias(Tensor(a) self) -> Tensor(a)")
PF_SAME(Lift, "aten::lift(Tensor self) -> Tensor")
PF_SAME(LiftFresh, "aten::lift_fresh(Tensor(a) self) -> Tensor(a)")
PF_COPY(LazyClone, "aten::_lazy_clone(Tensor self) -> Tensor", g.result(g("aten::clone", x)))
PF_SAME(Data, "aten::data(Tensor self) -> Tensor")
PF_SAME(Cpu, "aten::cpu(Tensor(a) self) -> Tensor(b|a)")
PF_SAME(PinMemory, "aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)")
PF_SAME(ResolveConj, "aten::resolve_conj(Tensor(a) self) -> Tensor(a)")
PF_SAME(ResolveNeg, "aten::resolve_neg(Tensor(a) self) -> Tensor(a)")
#undef PF_SAME
PF_COPY(Contiguous, "aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)",
        g.result(g.contiguous(x)))

// x itself where it is of that dtype already, unless a copy is asked for.
template <class G>
void convert(G& g, typename G::Tensor x, DType to) {
  g.result(x.dtype() == to && g.boolean("copy") ? g("aten::clone", x) : g.cast(x, to));
}
PF_COPY(ToDtype,
        "aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, "
        "MemoryFormat? memory_format=None) -> Tensor(a)",
        convert(g, x, g.dtype("dtype").value_or(x.dtype())))
PF_COPY(ToDtypeLayout,
        "aten::to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
        "bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> "
        "Tensor(a)",
        convert(g, x, g.dtype("dtype").value_or(x.dtype())))
PF_COPY(ToDevice,
        "aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, "
        "MemoryFormat? memory_format=None) -> Tensor(a)",
        convert(g, x, g.dtype("dtype").value_or(x.dtype())))
PF_COPY(ToPrimDevice,
        "aten::to.prim_Device(Tensor(a) self, Device? device, int? dtype=None, bool non_blocking=False, "
        "bool copy=False) -> Tensor(b|a)",
        convert(g, x, g.dtype("dtype").value_or(x.dtype())))
PF_COPY(ToPrimDtype,
        "aten::to.prim_dtype(Tensor(a) self, int? dtype=None, bool non_blocking=False, bool copy=False) -> Tensor(b|a)",
        convert(g, x, g.dtype("dtype").value_or(x.dtype())))
PF_COPY(ToOther,
        "aten::to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, "
        "MemoryFormat? memory_format=None) -> Tensor(a)",
        convert(g, x, g.tensor("other").dtype()))
PF_COPY(TypeAs, "aten::type_as(Tensor self, Tensor other) -> Tensor", g.result(g.cast(x, g.tensor("other").dtype())))

#define PF_CAST(name, to) \
  PF_COPY(Cast##name, "aten::_cast_" #name "(Tensor self, bool non_blocking=False) -> Tensor", g.result(g.cast(x, to)))
PF_CAST(Byte, DType::u8)
PF_CAST(Char, DType::i8)
PF_CAST(Short, DType::i16)
PF_CAST(Int, DType::i32)
PF_CAST(Long, DType::i64)
PF_CAST(Half, DType::f16)
PF_CAST(Float, DType::f32)
PF_CAST(Double, DType::f64)
#undef PF_CAST

// The elements in row-major order under other sizes: the first ones, or all with zeros after them
// (PyTorch leaves those undefined).
template <class G>
void resize(G& g, typename G::Tensor x, const std::vector<typename G::Int>& sizes) {
  typename G::Int want = 1;
  for (auto n : sizes) want = want * n;
  auto flat = g.reshape(x, {g.numel(x)});
  if (!same(want, g.numel(x))) {
    flat = g("aten::constant_pad_nd", flat, std::vector<typename G::Int>{0, max(want - g.numel(x), 0)});
    flat = g("aten::slice.Tensor", flat, 0, 0, want);
  }
  g.result(g.reshape(flat, sizes));
}
PF_COPY(Resize, "aten::resize(Tensor self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor",
        resize(g, x, g.ints("size")))
PF_COPY(ResizeAs, "aten::resize_as(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor",
        resize(g, x, g.sizes(g.tensor("the_template"))))
#undef PF_COPY

using Ops = OpList<Clone, ToCopy, CopyInto, Copy, Alias, Detach, Lift, LiftFresh, LazyClone, Data, Cpu, PinMemory,
                   ResolveConj, ResolveNeg, Contiguous, ToDtype, ToDtypeLayout, ToDevice, ToPrimDevice, ToPrimDtype,
                   ToOther, TypeAs, CastByte, CastChar, CastShort, CastInt, CastLong, CastHalf, CastFloat, CastDouble,
                   Resize, ResizeAs>;

}  // namespace portfire::ops::copy
