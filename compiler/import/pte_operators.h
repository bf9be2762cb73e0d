// The operators that programs of ExecuTorch call, as those of ours.
#pragma once

#include <string_view>
#include <vector>

#include "compiler/ir/op_info.h"

namespace portfire::import {

// What a call of an out-variant or in-place form means.
struct OutVariant {
  const ir::OpInfo* op = nullptr;  // functional
  // For each argument of `op`, the argument of the call that is meant; what is derived from the result.
  static constexpr int kDefault = -1, kDtypeOfResult = -2;
  std::vector<int> args;
  size_t taken = 0;      // arguments of the call before its results
  bool in_place = false;  // writes to its first argument, which is what it returns
};

// Of "aten::add.out". `op` is null where there is none.
OutVariant out_variant_of(std::string_view name);

}  // namespace portfire::import
