// Which value of one program is which of another that was compiled otherwise, and where the two begin to differ.
//
// Both programs ran on the same inputs; of each value that an instruction gave there is a summary (cli/trace_values.h). Values may
// be the same only where they have equally many elements of one class of dtypes. Of these
//   - outputs are the same by their place;
//   - a value that agrees with exactly one of the other program, and that one with it alone, is an anchor, in whatever order
//     the two compilers put things;
//   - between anchors values are aligned in order (as texts are, by dynamic programming), the more alike the better: error that
//     grows slowly, as that of quantization, keeps values alike; one line of Python or one name of an operator speaks for a pair.
// What has no counterpart, since one compiler fused it away, stays alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor_view.h"

namespace portfire::cli {

inline constexpr size_t kSamples = 256;

struct Summary {
  double low = 0, high = 0, mean = 0, rms = 0;  // of what is finite
  uint64_t count = 0, nans = 0, infinities = 0;
  std::vector<double> samples;                  // at kSamples places or all, the same ones for the same number of elements
  double scale() const { return low < -high ? -low : high; }  // max |x|
};

struct TracedValue {
  size_t instruction = 0;          // in the program
  std::string op, source;          // source: "model.py:41", or empty
  DType dtype = DType::f32;
  Shape shape;
  Summary summary;
  std::vector<int32_t> from;       // what it was computed of: values of the trace; -1 - k: input k. Constants are left out.
};

struct Trace {
  std::vector<TracedValue> values;  // in the order of computing
  std::vector<int32_t> outputs;     // as in `from`; kNone: neither a value nor an input
};
inline constexpr int32_t kNone = INT32_MIN;

struct Pair {
  int32_t a = 0, b = 0;             // values of the two traces
  bool strong = false;              // more than their place speaks for it
  bool permuted = false;            // dimensions lie in another order
};

// Pairs in the order of b. `tolerance` as in cli/compare.h.
std::vector<Pair> align(const Trace& a, const Trace& b, double tolerance);

// Whether the samples agree, element by element.
bool agree(const Summary& a, const Summary& b, double tolerance);

// 1: the same; 0: nothing in common. By the distance of the samples in the 2-norm.
double likeness(const Summary& a, const Summary& b);

struct Blame {
  int32_t pair = -1;                // the first that differs; -1: none that an output hangs on
  std::vector<int32_t> agreed;      // pairs that agree and that this one is computed of
  std::vector<int32_t> between_a, between_b;  // values without a counterpart on the way to it, itself last
};
// `differs`: of each pair, whether its values were found to differ. Goes back from outputs that differ to values whose operands
// agree. A pair that only its place speaks for is believed where both of its values are computed of the same ones that agree.
Blame find_first(const Trace& a, const Trace& b, const std::vector<Pair>& pairs, const std::vector<bool>& differs);

}  // namespace portfire::cli
