#include "cli/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cli/text.h"

namespace portfire::cli {
namespace {

bool is_amount(double x) { return std::isfinite(x) && x >= 0; }

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
    if (first) {
      if (!number(item, &s.rate_) || !is_amount(s.rate_)) return wrong;
      continue;
    }
    std::string_view name;
    double value;
    if (!assignment(item, &name, &value) || !is_amount(value)) return wrong;
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
