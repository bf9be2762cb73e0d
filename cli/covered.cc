#include "cli/covered.h"

#include <algorithm>

namespace portfire::cli {
namespace {

// A segment tree over the ends of all spans: how often each part is covered, and how many bytes are at all.
class Cover {
 public:
  explicit Cover(std::vector<uint64_t> ends) : ends_(std::move(ends)), times_(4 * ends_.size()), bytes_(4 * ends_.size()) {}

  uint64_t bytes() const { return bytes_.empty() ? 0 : bytes_[1]; }
  void change(const Span& s, int by) {
    if (s.begin < s.end) change(1, 0, ends_.size() - 1, index(s.begin), index(s.end), by);
  }

 private:
  size_t index(uint64_t end) const { return static_cast<size_t>(std::lower_bound(ends_.begin(), ends_.end(), end) - ends_.begin()); }
  // The node of parts [low, high), for the part [begin, end) of it.
  void change(size_t node, size_t low, size_t high, size_t begin, size_t end, int by) {
    if (end <= low || high <= begin) return;
    if (begin <= low && high <= end) {
      times_[node] += by;
    } else {
      const size_t middle = (low + high) / 2;
      change(2 * node, low, middle, begin, end, by);
      change(2 * node + 1, middle, high, begin, end, by);
    }
    bytes_[node] = times_[node] > 0 ? ends_[high] - ends_[low] : high - low == 1 ? 0 : bytes_[2 * node] + bytes_[2 * node + 1];
  }

  std::vector<uint64_t> ends_;
  std::vector<int> times_;
  std::vector<uint64_t> bytes_;
};

}  // namespace

std::vector<uint64_t> covered(std::span<const Span> spans, size_t steps) {
  std::vector<uint64_t> ends, result(steps);
  std::vector<std::vector<size_t>> begin(steps), end(steps);
  for (size_t i = 0; i < spans.size(); ++i) {
    const Span& s = spans[i];
    if (s.from > s.to || s.to >= steps) continue;
    ends.push_back(s.begin);
    ends.push_back(s.end);
    begin[s.from].push_back(i);
    end[s.to].push_back(i);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  Cover cover(std::move(ends));
  for (size_t step = 0; step < steps; ++step) {
    for (const size_t i : begin[step]) cover.change(spans[i], 1);
    result[step] = cover.bytes();
    for (const size_t i : end[step]) cover.change(spans[i], -1);
  }
  return result;
}

}  // namespace portfire::cli
