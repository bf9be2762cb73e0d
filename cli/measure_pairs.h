// How far the paired values of two programs are from each other, measured on all of their elements.
#pragma once

#include "cli/compare.h"
#include "cli/trace_values.h"

namespace portfire::cli {

// The same inputs for two methods, call by call.
struct Calls {
  std::vector<std::vector<Array>> a, b;
};

struct Measured {
  Pair pair;
  Difference difference;  // of b's value from a's, in a's order of dimensions where that is another
  double value_a = 0, value_b = 0;  // where the difference is largest
  Shape at;                         // the indices there, of b's value
};

// Of each call the pairs, measured. Both methods run again, once for each `most_bytes` of values of a.
Result<std::vector<std::vector<Measured>>> measure(Method& a, Method& b, const Calls& calls, const std::vector<std::vector<Pair>>& pairs,
                                                   double tolerance, size_t most_bytes);

// One pair. The sizes may be others, as after a reshape, and the dimensions, where `permuted`, in another order: the one in
// which the difference is least.
Measured measure(const TensorView& a, const TensorView& b, const Pair& pair, double tolerance);

}  // namespace portfire::cli
