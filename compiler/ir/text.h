// Graphs as text: for people to read, and for `parse_text` (compiler/ir/parse_text.h) to read back
// without loss. A statement a line, in this order:
//
//   graph forward
//     takes [1, {"type": ...}]                      the export's pytree of inputs (`gives`: of outputs)
//     symbol s77 : 2..64 {64, 2, 40, 13, 17}        its range, and its value under each assignment
//     input %0:ids : i64[1,s77] "batch['ids']"      the path, where it is not the value's name
//     state %1:cache : f32[4,8] = @0                bytes at an offset of the file of constants; without any: zeros
//     state %9:w : f32[3] "b.w" parameter shared    its name, where it is not the value's; its role, if it is no buffer
//     constant %2:scale : f32[3] = [1.0, 0.5, 2.0]  a few elements stand in the text
//     constant %3:tied : f32[3] = %2                the very same bytes
//     at model.py:41 | encoder.layer.0 | y = x + 1  where the nodes that follow come from
//     %4:add : i64[1,s77] = aten::add.Tensor(%0:ids, %0:ids, alpha=2)
//     update %1:cache = %7:copy                     of state, or of an input's memory
//     output %4:add "output"
//   end
//
// - A type is dtype[sizes], with {strides} where it is not row-major, with * where it has no bound.
//   Numbers have types too: `int 3`, `bool s77`, `float 0.5`, each with its value.
// - A size is a number, a linear form of one symbol (2*s77+1), or its value under each assignment:
//   {12, 0, 2, 4, 6}.
// - Tensors, numbers and sub-graphs without a default that lead the arguments stand by position, all
//   others by name. What equals the schema's default is left out.
// - `#` begins a comment.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "compiler/ir/graph.h"

namespace portfire::ir {

struct TextOptions {
  // Constants of up to so many elements stand in the text itself.
  int64_t inline_elements = 16;
  // Where the bytes of a larger one lie. Without it they are left out: the text is for people only.
  std::function<uint64_t(const Constant&)> place;
};
std::string to_text(const Graph& graph, const TextOptions& options = {});

// `dim` as a number or a linear form of one of the symbols; else its value under each assignment.
std::string to_string(const Dim& dim, const std::vector<Symbol>& symbols);

// A string of the text: quoted, with \" \\ \n \xNN.
std::string quoted(std::string_view text);

}  // namespace portfire::ir
