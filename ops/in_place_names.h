// In-place operators whose functional twin carries another overload's name: `aten::pow_.Tensor`
// looks for `aten::pow.Tensor`, which PyTorch calls pow.Tensor_Tensor.
#pragma once

#include "ops/op.h"

namespace portfire::ops::in_place_names {

#define PF_TWIN(type, text, twin)                    \
  struct type {                                      \
    static constexpr std::string_view schema = text; \
    template <class G>                               \
    static void decompose(G& g) {                    \
      g.forward(twin);                               \
    }                                                \
  };
PF_TWIN(Pow, "aten::pow.Tensor(Tensor self, Tensor exponent) -> Tensor", "aten::pow.Tensor_Tensor")
PF_TWIN(FloatPower, "aten::float_power.Tensor(Tensor self, Tensor exponent) -> Tensor",
        "aten::float_power.Tensor_Tensor")
PF_TWIN(FloorDivide, "aten::floor_divide.Tensor(Tensor self, Tensor other) -> Tensor",
        "aten::floor_divide")
PF_TWIN(Ldexp, "aten::ldexp(Tensor self, Tensor other) -> Tensor", "aten::ldexp.Tensor")
PF_TWIN(Transpose, "aten::transpose(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
        "aten::transpose.int")
#undef PF_TWIN

using Ops = OpList<Pow, FloatPower, FloorDivide, Ldexp, Transpose>;

}  // namespace portfire::ops::in_place_names
