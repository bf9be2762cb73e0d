#include "cli/schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

namespace portfire::cli {
namespace {

bool number(std::string_view text, double* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(*out);
}

}  // namespace

Result<Schedule> Schedule::parse(const std::string& text, int64_t steps, int64_t epoch) {
  const Error wrong = Error::make(Code::bad_argument, "--lr %s (expected [constant:|cosine:|linear:|step:]RATE[,warmup=STEPS][,end=RATE][,every=STEPS][,factor=F])", text.c_str());
  Schedule s;
  s.steps_ = std::max<int64_t>(steps, 1);
  s.every_ = std::max<int64_t>(epoch, 1);
  std::string_view rest = text;
  if (const size_t colon = rest.find(':'); colon != rest.npos) {
    const std::string_view kind = rest.substr(0, colon);
    if (kind == "cosine") s.kind_ = Kind::cosine;
    else if (kind == "linear") s.kind_ = Kind::linear;
    else if (kind == "step") s.kind_ = Kind::step;
    else if (kind != "constant") return wrong;
    rest.remove_prefix(colon + 1);
  }
  for (bool first = true; first || !rest.empty(); first = false) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    double value;
    if (first) {
      if (!number(item, &s.rate_) || s.rate_ < 0) return wrong;
      continue;
    }
    const size_t eq = std::min(item.find('='), item.size());
    const std::string_view name = item.substr(0, eq);
    if (eq == item.size() || !number(item.substr(eq + 1), &value) || value < 0) return wrong;
    if (name == "warmup") s.warmup_ = static_cast<int64_t>(value);
    else if (name == "every" && value >= 1) s.every_ = static_cast<int64_t>(value);
    else if (name == "end") s.end_ = value;
    else if (name == "factor") s.factor_ = value;
    else return wrong;
  }
  return s;
}

double Schedule::rate(int64_t step) const {
  if (step < warmup_) return rate_ * static_cast<double>(step + 1) / static_cast<double>(warmup_);
  const double left = static_cast<double>(std::max<int64_t>(steps_ - warmup_, 1));
  const double done = std::min(1.0, static_cast<double>(step - warmup_) / left);
  switch (kind_) {
    case Kind::constant: return rate_;
    case Kind::cosine: return end_ + (rate_ - end_) * 0.5 * (1 + std::cos(std::numbers::pi * done));
    case Kind::linear: return end_ + (rate_ - end_) * (1 - done);
    case Kind::step: return rate_ * std::pow(factor_, static_cast<double>((step - warmup_) / every_));
  }
  return rate_;
}

}  // namespace portfire::cli
