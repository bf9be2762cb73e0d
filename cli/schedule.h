// Learning rates by step, from text:
//
//   0.001 or constant:0.001
//   cosine:0.001         falls to `end` along half a cosine (Loshchilov, Hutter 2017, without restarts)
//   linear:0.001         falls to `end` in a straight line
//   step:0.001           is multiplied with `factor` each `every` steps
//
// followed by ",NAME=NUMBER": warmup (steps over which the rate first rises to its beginning, in a straight line), end (0), every (the
// steps of an epoch), factor (0.1).
#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"

namespace portfire::cli {

class Schedule {
 public:
  // Code::bad_argument with what it may be. `steps`: of the whole training; `epoch`: of one pass over the data.
  static Result<Schedule> parse(const std::string& text, int64_t steps, int64_t epoch);
  // Of step number 0, 1, ...
  double rate(int64_t step) const;

 private:
  enum class Kind { constant, cosine, linear, step } kind_ = Kind::constant;
  double rate_ = 0, end_ = 0, factor_ = 0.1;
  int64_t warmup_ = 0, every_ = 1, steps_ = 1;
};

}  // namespace portfire::cli
