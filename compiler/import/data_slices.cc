#include "compiler/import/data_slices.h"

namespace portfire::import {

using ir::Arg;
using ir::Int;

void keep_within(ir::Builder& b, const Arg& n, std::vector<Arg>& args) {
  const Arg x = args[0], dim = args[1], start = args[2], step = args[4];
  if (!x.ref() || !dim.integer() || !start.ref() || step != Arg(1) || !b.graph().type(start.ref()->id).unbounded) return;
  const Int first(&b, start.ref()->id), length = n.ref() ? Int(&b, n.ref()->id) : Int(*n.integer());
  const Int last = b.size({&b, x.ref()->id}, *dim.integer()) - length;
  b.all("portfire::check_range", first, 0, INT64_MAX, "where a slice begins");
  b.all("portfire::check_range", last - first, 0, INT64_MAX, "the room that a slice leaves behind it");
  const Int from = min(first, last);  // what has been checked, for the samples
  args[2] = from;
  args[3] = from + length;
}

}  // namespace portfire::import
