#include "compiler/import/data_slices.h"

#include "ops/placed_within.h"

namespace portfire::import {

using ir::Arg;
using ir::Int;

void keep_within(ir::Builder& b, const Arg& n, std::vector<Arg>& args) {
  const Arg x = args[0], dim = args[1], start = args[2], step = args[4];
  if (!x.ref() || !dim.integer() || !start.ref() || step != Arg(1) || !b.graph().type(start.ref()->id).unbounded) return;
  const Int length = n.ref() ? Int(&b, n.ref()->id) : Int(*n.integer()), last = b.size({&b, x.ref()->id}, *dim.integer()) - length;
  const Int from = ops::placed_within(b, Int(&b, start.ref()->id), last, "where a slice begins", "the room that a slice leaves behind it");
  args[2] = from;
  args[3] = from + length;
}

}  // namespace portfire::import
