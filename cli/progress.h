// What a training shows while it runs, and the curve of its losses.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace portfire::cli {

// A line on the terminal that is written over, a few times a second; nothing where standard error is no terminal.
class Progress {
 public:
  explicit Progress(int64_t steps);
  void show(int64_t step, double loss, double rate);
  // A line that stays.
  void say(const std::string& line);
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void clear();
  const bool terminal_;
  const int64_t steps_;
  int64_t first_ = -1;
  Clock::time_point begin_ = Clock::now(), shown_{};
  double smooth_ = 0;
};

// Losses of steps, and of validations at steps, as an SVG of lines.
struct Curve {
  std::vector<std::pair<int64_t, double>> losses, validations;
};
Error write_curve(const std::string& path, const Curve& curve);

}  // namespace portfire::cli
