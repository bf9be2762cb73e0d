#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/new_file.h"

namespace portfire::cli {
namespace {

std::string time_text(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60) : fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

Progress::Progress(int64_t steps) : terminal_(isatty(STDERR_FILENO) != 0), steps_(steps) {}

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

void Progress::show(int64_t step, double loss, double rate) {
  smooth_ = first_ < 0 ? loss : 0.95 * smooth_ + 0.05 * loss;
  if (first_ < 0) first_ = step;
  const auto now = Clock::now();
  if (!terminal_ || (now - shown_ < std::chrono::milliseconds(100) && step + 1 < steps_)) return;
  shown_ = now;
  const double per_second = static_cast<double>(step + 1 - first_) / std::max(seconds(), 1e-9);
  const double share = static_cast<double>(step + 1) / static_cast<double>(std::max<int64_t>(steps_, 1));
  constexpr int kWidth = 24;
  const int full = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
  fmt::print(stderr, "\r[{}{}] {:3.0f}%  step {}/{}  loss {:.4f}  lr {:.3g}  {:.3g} steps/s  {} left \x1b[K", std::string(static_cast<size_t>(full), '#'),
             std::string(static_cast<size_t>(kWidth - full), '.'), 100 * share, step + 1, steps_, smooth_, rate, per_second,
             time_text(static_cast<double>(steps_ - step - 1) / per_second));
  std::fflush(stderr);
}

void Progress::clear() {
  if (terminal_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::say(const std::string& line) {
  clear();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

Error write_curve(const std::string& path, const Curve& curve) {
  constexpr double kWidth = 760, kHeight = 360, kLeft = 64, kTop = 24, kPoints = 2000;
  double low = 0, high = 0;
  int64_t last = 1;
  bool any = false;
  for (const auto* list : {&curve.losses, &curve.validations})
    for (const auto& [step, loss] : *list) {
      if (!std::isfinite(loss)) continue;
      low = any ? std::min(low, loss) : loss;
      high = any ? std::max(high, loss) : loss;
      last = std::max(last, step);
      any = true;
    }
  if (high - low < 1e-12) high = low + 1;
  const auto x = [&](double step) { return kLeft + kWidth * step / static_cast<double>(last); };
  const auto y = [&](double loss) { return kTop + kHeight * (high - loss) / (high - low); };
  std::string svg = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"11\">\n"
                                "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                                kLeft + kWidth + 24, kTop + kHeight + 48);
  for (int tick = 0; tick <= 4; ++tick) {
    const double loss = low + (high - low) * tick / 4, step = static_cast<double>(last) * tick / 4;
    svg += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/><text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>"
                       "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.0f}</text>\n",
                       kLeft, kLeft + kWidth, y(loss), y(loss), kLeft - 6, y(loss) + 4, loss, x(step), kTop + kHeight + 18, step);
  }
  const auto line = [&](const std::vector<std::pair<int64_t, double>>& list, const char* colour, const char* name, double at) {
    if (list.empty()) return;
    svg += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.3\" points=\"", at, kTop + kHeight + 38, colour, name, colour);
    const size_t stride = std::max<size_t>(1, list.size() / static_cast<size_t>(kPoints));
    for (size_t i = 0; i < list.size(); i += stride)
      if (std::isfinite(list[i].second)) svg += fmt::format("{:.1f},{:.1f} ", x(static_cast<double>(list[i].first)), y(list[i].second));
    svg += "\"/>\n";
  };
  line(curve.losses, "#4c78a8", "loss by step", kLeft);
  line(curve.validations, "#f58518", "validation loss", kLeft + 120);
  svg += "</svg>\n";
  NewFile file(path.c_str());
  PF_TRY(file.write(svg.data(), svg.size()));
  return file.finish();
}

}  // namespace portfire::cli
