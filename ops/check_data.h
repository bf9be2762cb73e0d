// Checks that a training program makes before it changes state: a violation ends the call, nothing is lost.
#pragma once

#include "ops/op.h"

namespace portfire::ops::check_data {

// Code::failed where an element of x is NaN or infinite.
struct CheckFinite {
  static constexpr std::string_view schema = "portfire::check_finite(Tensor x, str what) -> ()";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
// Code::bad_argument where an element of x is neither in [0, classes) nor `ignored`.
struct CheckClasses {
  static constexpr std::string_view schema = "portfire::check_classes(Tensor x, SymInt classes, int ignored, str what) -> ()";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<CheckFinite, CheckClasses>;

}  // namespace portfire::ops::check_data
