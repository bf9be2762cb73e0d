// Who wrote what lies in memory last: ranges of addresses, each with a number.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

namespace portfire::cli {

class Owners {
 public:
  static constexpr int64_t kNobody = INT64_MIN;

  void write(uint64_t begin, uint64_t end, int64_t who) {
    if (begin >= end) return;
    split(begin);
    split(end);
    ranges_.erase(ranges_.lower_bound(begin), ranges_.lower_bound(end));
    ranges_[begin] = {end, who};
  }
  // Of the byte at `at`.
  int64_t at(uint64_t at) const {
    auto r = ranges_.upper_bound(at);
    return r == ranges_.begin() || (--r)->second.first <= at ? kNobody : r->second.second;
  }

 private:
  // Makes `at` an end of a range, where it lies in one.
  void split(uint64_t at) {
    auto r = ranges_.lower_bound(at);
    if (r == ranges_.begin() || (--r)->second.first <= at) return;
    ranges_[at] = r->second;
    r->second.first = at;
  }
  std::map<uint64_t, std::pair<uint64_t, int64_t>> ranges_;  // begin: end, who
};

}  // namespace portfire::cli
