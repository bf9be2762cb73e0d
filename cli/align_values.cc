#include "cli/align_values.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/dtype.h"

namespace portfire::cli {
namespace {

constexpr size_t kMostCells = size_t{1} << 26;  // of the table between two anchors; beyond, values are paired as they come
constexpr size_t kMostRivals = 512;             // values of one kind that are compared with each other before any order is known

// What two values must share to be the same.
struct Class {
  int kind;  // 0 floating, 1 complex, 2 integers, 3 bool
  uint64_t count;
  auto operator<=>(const Class&) const = default;
};

Class class_of(const TracedValue& v) {
  const int kind = is_floating(v.dtype) ? 0 : is_complex(v.dtype) ? 1 : v.dtype == DType::boolean ? 3 : 2;
  return {kind, static_cast<uint64_t>(v.shape.numel())};
}

// Sizes other than 1, in order.
std::vector<int64_t> extents(const Shape& s) {
  std::vector<int64_t> e;
  for (int64_t d : s.dims())
    if (d != 1) e.push_back(d);
  return e;
}

// The same sizes in another order.
bool is_permutation(const TracedValue& a, const TracedValue& b) {
  std::vector<int64_t> x = extents(a.shape), y = extents(b.shape);
  if (x == y || x.size() != y.size()) return false;
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  return x == y;
}

bool near(double x, double y, double within) { return x == y || std::fabs(x - y) <= within; }

bool same_moments(const Summary& a, const Summary& b, double tolerance) {
  const double within = tolerance * std::max(1e-6, a.scale());
  return a.nans == b.nans && a.infinities == b.infinities && near(a.low, b.low, within) && near(a.high, b.high, within) &&
         near(a.mean, b.mean, within) && near(a.rms, b.rms, within);
}

// "aten::add.out" and "portfire::add": "add".
std::string_view base_of(std::string_view op) {
  if (const size_t colon = op.rfind(':'); colon != op.npos) op.remove_prefix(colon + 1);
  op = op.substr(0, op.find('.'));
  if (op.ends_with("_copy")) op.remove_suffix(5);
  while (op.starts_with('_')) op.remove_prefix(1);
  return op;
}

bool is_trivial(const Summary& s) { return s.low == s.high && s.nans == 0; }

class Aligner {
 public:
  Aligner(const Trace& a, const Trace& b, double tolerance)
      : a_(a), b_(b), tolerance_(tolerance), of_a_(a.values.size(), -1), of_b_(b.values.size(), -1), strong_(b.values.size()),
          permuted_(b.values.size()) {}

  std::vector<Pair> align() {
    pair_outputs();
    pair_unique();
    const auto skeleton = increasing();
    size_t i = 0, j = 0;
    for (const auto& [x, y] : skeleton) {
      align_between(i, x, j, y);
      i = x + 1;
      j = y + 1;
    }
    align_between(i, a_.values.size(), j, b_.values.size());
    std::vector<Pair> pairs;
    for (size_t y = 0; y < of_b_.size(); ++y)
      if (of_b_[y] >= 0) pairs.push_back({of_b_[y], static_cast<int32_t>(y), strong_[y], permuted_[y]});
    return pairs;
  }

 private:
  void pair(size_t x, size_t y, bool strong, bool permuted) {
    of_a_[x] = static_cast<int32_t>(y);
    of_b_[y] = static_cast<int32_t>(x);
    strong_[y] = strong;
    permuted_[y] = permuted;
  }

  void pair_outputs() {
    for (size_t k = 0; k < std::min(a_.outputs.size(), b_.outputs.size()); ++k) {
      if (a_.outputs[k] < 0 || b_.outputs[k] < 0) continue;
      const auto x = static_cast<size_t>(a_.outputs[k]), y = static_cast<size_t>(b_.outputs[k]);
      if (of_a_[x] < 0 && of_b_[y] < 0 && class_of(a_.values[x]).count == class_of(b_.values[y]).count)
        pair(x, y, true, is_permuted(a_.values[x], b_.values[y]));
    }
  }

  // Whether b's value is a's with the dimensions in another order, as far as that can be told before both are there. Sizes may be equal
  // and yet lie so: a cube of channels and pixels.
  bool is_permuted(const TracedValue& x, const TracedValue& y) const {
    if (is_permutation(x, y)) return true;
    return extents(x.shape).size() > 1 && extents(x.shape) == extents(y.shape) && !agree(x.summary, y.summary, tolerance_) &&
           same_moments(x.summary, y.summary, tolerance_);
  }

  // How much speaks for a pair: 0 nothing (they cannot be the same), 2 and more: they agree.
  double score(const TracedValue& x, const TracedValue& y) const {
    if (class_of(x) != class_of(y)) return 0;
    double s = 0.02;
    if (is_permuted(x, y)) {
      if (!same_moments(x.summary, y.summary, tolerance_)) return 0;
      s += 1.9;
    } else if (agree(x.summary, y.summary, tolerance_)) {
      s += is_trivial(x.summary) ? 1 : 2;
    } else {
      s += likeness(x.summary, y.summary);
    }
    if (extents(x.shape) == extents(y.shape)) s += 0.05;
    if (base_of(x.op) == base_of(y.op)) s += 0.2;
    if (!x.source.empty() && x.source == y.source) s += 1.1;  // above any likeness: tanh(x) is much like x, the line tells which it is
    return s;
  }

  void pair_unique() {
    std::map<Class, std::pair<std::vector<size_t>, std::vector<size_t>>> kinds;
    for (size_t x = 0; x < a_.values.size(); ++x)
      if (of_a_[x] < 0 && !is_trivial(a_.values[x].summary)) kinds[class_of(a_.values[x])].first.push_back(x);
    for (size_t y = 0; y < b_.values.size(); ++y)
      if (of_b_[y] < 0 && !is_trivial(b_.values[y].summary)) kinds[class_of(b_.values[y])].second.push_back(y);
    for (const auto& [kind, members] : kinds) {
      const auto& [as, bs] = members;
      if (as.size() > kMostRivals || bs.size() > kMostRivals || kind.count < 2) continue;
      std::map<size_t, size_t> rivals_a, rivals_b;
      std::vector<std::pair<size_t, size_t>> found;
      for (const size_t x : as)
        for (const size_t y : bs)
          if (agree(a_.values[x].summary, b_.values[y].summary, tolerance_) && !is_permutation(a_.values[x], b_.values[y])) {
            ++rivals_a[x];
            ++rivals_b[y];
            found.emplace_back(x, y);
          }
      for (const auto& [x, y] : found)
        if (rivals_a[x] == 1 && rivals_b[y] == 1) pair(x, y, true, false);
    }
  }

  // The longest run of pairs so far that have one order in both programs.
  std::vector<std::pair<size_t, size_t>> increasing() const {
    std::vector<std::pair<size_t, size_t>> pairs;
    for (size_t x = 0; x < of_a_.size(); ++x)
      if (of_a_[x] >= 0) pairs.emplace_back(x, static_cast<size_t>(of_a_[x]));
    std::vector<size_t> ends, before(pairs.size());  // ends[n]: of runs of n + 1 pairs, the one whose last b is least
    for (size_t i = 0; i < pairs.size(); ++i) {
      auto at = std::lower_bound(ends.begin(), ends.end(), pairs[i].second, [&](size_t e, size_t b) { return pairs[e].second < b; });
      before[i] = at == ends.begin() ? SIZE_MAX : *(at - 1);
      if (at == ends.end()) ends.push_back(i);
      else *at = i;
    }
    std::vector<std::pair<size_t, size_t>> run;
    for (size_t i = ends.empty() ? SIZE_MAX : ends.back(); i != SIZE_MAX; i = before[i]) run.push_back(pairs[i]);
    std::reverse(run.begin(), run.end());
    return run;
  }

  // What is left of a's values [a0, a1) and b's [b0, b1), in order.
  void align_between(size_t a0, size_t a1, size_t b0, size_t b1) {
    std::vector<size_t> as, bs;
    for (size_t x = a0; x < a1; ++x)
      if (of_a_[x] < 0) as.push_back(x);
    for (size_t y = b0; y < b1; ++y)
      if (of_b_[y] < 0) bs.push_back(y);
    if (as.empty() || bs.empty()) return;
    if (as.size() > kMostCells / bs.size()) return align_greedily(as, bs);
    const size_t width = bs.size() + 1;
    std::vector<float> best(width), row(width);  // of the first i and j values
    std::vector<uint8_t> step((as.size() + 1) * width);  // 1: without a's last, 2: without b's, 3: both are a pair
    for (size_t i = 1; i <= as.size(); ++i) {
      row[0] = 0;
      for (size_t j = 1; j <= bs.size(); ++j) {
        const auto s = static_cast<float>(score(a_.values[as[i - 1]], b_.values[bs[j - 1]]));
        const float both = s > 0 ? best[j - 1] + s : -1;
        uint8_t& to = step[i * width + j];
        row[j] = std::max({best[j], row[j - 1], both});
        to = both == row[j] ? 3 : row[j] == best[j] ? 1 : 2;
      }
      std::swap(best, row);
    }
    for (size_t i = as.size(), j = bs.size(); i > 0 && j > 0;) {
      const uint8_t s = step[i * width + j];
      if (s == 3) take(as[i - 1], bs[j - 1]);
      i -= s != 2;
      j -= s != 1;
    }
  }

  void align_greedily(const std::vector<size_t>& as, const std::vector<size_t>& bs) {
    std::map<Class, std::vector<size_t>> left;
    for (const size_t x : as) left[class_of(a_.values[x])].push_back(x);
    for (auto& [kind, values] : left) std::reverse(values.begin(), values.end());
    for (const size_t y : bs)
      if (auto l = left.find(class_of(b_.values[y])); l != left.end() && !l->second.empty()) {
        take(l->second.back(), y);
        l->second.pop_back();
      }
  }

  void take(size_t x, size_t y) { pair(x, y, score(a_.values[x], b_.values[y]) > 0.55, is_permuted(a_.values[x], b_.values[y])); }

  const Trace &a_, &b_;
  const double tolerance_;
  std::vector<int32_t> of_a_, of_b_;  // the counterpart; -1: none
  std::vector<bool> strong_, permuted_;
};

// What a value is computed of among pairs that agree (their index) and inputs (-1 - k), through values that do not.
class Frontier {
 public:
  Frontier(const Trace& trace, const std::vector<int32_t>& pair_of, const std::vector<bool>& differs) : trace_(trace), pair_of_(pair_of),
      differs_(differs) {
    known_.resize(trace.values.size());
    for (size_t v = 0; v < trace.values.size(); ++v)  // operands come first
      for (const int32_t f : trace.values[v].from) {
        if (f < 0 || agrees(f)) known_[v].insert(f < 0 ? f : pair_of[static_cast<size_t>(f)]);
        else if (known_[v].size() < kMost) known_[v].insert(known_[static_cast<size_t>(f)].begin(), known_[static_cast<size_t>(f)].end());
      }
  }
  bool agrees(int32_t v) const {
    const int32_t p = pair_of_[static_cast<size_t>(v)];
    return p >= 0 && !differs_[static_cast<size_t>(p)];
  }
  const std::set<int32_t>& of(int32_t v) const { return known_[static_cast<size_t>(v)]; }
  // v and the values that it is computed of back to those that agree.
  std::vector<int32_t> between(int32_t v) const {
    std::set<int32_t> seen{v};
    std::vector<int32_t> open{v};
    while (!open.empty()) {
      const int32_t at = open.back();
      open.pop_back();
      for (const int32_t f : trace_.values[static_cast<size_t>(at)].from)
        if (f >= 0 && !agrees(f) && seen.insert(f).second) open.push_back(f);
    }
    return {seen.begin(), seen.end()};
  }

 private:
  static constexpr size_t kMost = 256;
  const Trace& trace_;
  const std::vector<int32_t>& pair_of_;
  const std::vector<bool>& differs_;
  std::vector<std::set<int32_t>> known_;
};

}  // namespace

double likeness(const Summary& a, const Summary& b) {
  double distance = 0, length = 0;
  for (size_t i = 0; i < std::min(a.samples.size(), b.samples.size()); ++i) {
    const double x = a.samples[i], y = b.samples[i];
    if (!std::isfinite(x) || !std::isfinite(y)) {
      const bool same = x == y || (std::isnan(x) && std::isnan(y));
      distance += !same;
      length += 1;
      continue;
    }
    distance += (x - y) * (x - y);
    length += std::max(x * x, y * y);
  }
  return length > 0 ? std::max(0.0, 1 - std::sqrt(distance / length)) : 1;
}

bool agree(const Summary& a, const Summary& b, double tolerance) {
  const double within = tolerance * std::max(1e-6, std::max(a.scale(), b.scale()));
  if (a.count != b.count || a.nans != b.nans || a.infinities != b.infinities || a.samples.size() != b.samples.size()) return false;
  if (!near(a.low, b.low, within) || !near(a.high, b.high, within)) return false;
  for (size_t i = 0; i < a.samples.size(); ++i)
    if (!near(a.samples[i], b.samples[i], within) && !(std::isnan(a.samples[i]) && std::isnan(b.samples[i]))) return false;
  return true;
}

std::vector<Pair> align(const Trace& a, const Trace& b, double tolerance) { return Aligner(a, b, tolerance).align(); }

Blame find_first(const Trace& a, const Trace& b, const std::vector<Pair>& pairs, const std::vector<bool>& differs) {
  std::vector<int32_t> of_a(a.values.size(), -1), of_b(b.values.size(), -1);
  for (size_t p = 0; p < pairs.size(); ++p)
    of_a[static_cast<size_t>(pairs[p].a)] = of_b[static_cast<size_t>(pairs[p].b)] = static_cast<int32_t>(p);
  const Frontier in_a(a, of_a, differs), in_b(b, of_b, differs);
  std::set<int32_t> suspects;  // values of b that outputs which differ hang on
  for (const int32_t o : b.outputs)
    if (o >= 0 && of_b[static_cast<size_t>(o)] >= 0 && !in_b.agrees(o))
      for (const int32_t v : in_b.between(o)) suspects.insert(v);
  Blame blame;
  for (const int32_t v : suspects) {
    const int32_t p = of_b[static_cast<size_t>(v)];
    if (p < 0) continue;
    const Pair& pair = pairs[static_cast<size_t>(p)];
    if (!pair.strong && in_a.of(pair.a) != in_b.of(pair.b)) continue;
    blame.pair = p;
    blame.between_a = in_a.between(pair.a);
    blame.between_b = in_b.between(pair.b);
    for (const int32_t f : in_b.of(pair.b))
      if (f >= 0) blame.agreed.push_back(f);
    break;
  }
  return blame;
}

}  // namespace portfire::cli
