// A lowered program and its memory as text, for people and golden tests:
//
//   program forward
//     buffer 1: 256 bytes
//     input %0:x : f32[2,3]
//     0  %1:relu : f32[2,3] @0 = aten::relu(%0:x)          result at offset 0 of buffer 1
//     1  %2:view : f32[6] = aten::view(%1:relu, [6])       no memory of its own
//     2  jump to 5 unless %3:more
//     3  %4:carried : f32[2] @64 in 2 = move %5:next       in buffer 2
//   end
#pragma once

#include <string>

#include "compiler/emit/plan_memory.h"

namespace portfire::emit {

std::string to_text(const Lowered& program, const MemoryPlan& plan);

}  // namespace portfire::emit
