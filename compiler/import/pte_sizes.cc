#include "compiler/import/pte_sizes.h"

#include "format/reading.h"

namespace portfire::import {
namespace {

// Sizes that vary as one symbol does.
struct Member {
  size_t tensor, dim;
  int64_t step = 1;
};

class Search {
 public:
  using Computes = std::function<bool(const std::vector<std::vector<ir::Dim>>&)>;
  Search(InputSizes found, const Computes& computes) : found_(std::move(found)), computes_(computes) {}

  int64_t upper(const Member& m) const { return found_.sizes[m.tensor][m.dim].upper; }

  // Makes them one symbol where the program computes with fewer of each, in steps that fit.
  bool vary(std::vector<Member> members) {
    const int64_t most = upper(members[0]) / members[0].step;
    for (int64_t step = 1; step <= most / 2 && step <= 64; step *= 2) {
      if (!lowered(members, step) || (most > 3 * step && !lowered(members, 2 * step))) continue;
      for (Member& m : members) m.step *= step;
      define(members);
      return true;
    }
    return false;
  }

  InputSizes result() && { return std::move(found_); }

 private:
  // With each size `by` of its steps below its upper bound.
  bool lowered(const std::vector<Member>& members, int64_t by) const {
    std::vector<std::vector<ir::Dim>> dims;
    for (const auto& t : found_.sizes) {
      dims.emplace_back();
      for (const InputSize& s : t) dims.back().emplace_back(s.upper);
    }
    for (const Member& m : members) {
      if (upper(m) - by * m.step < 0) return false;
      dims[m.tensor][m.dim] = ir::Dim(upper(m) - by * m.step);
    }
    return computes_(dims);
  }

  void define(const std::vector<Member>& members) {
    const int64_t most = upper(members[0]) / members[0].step;
    // The fewest: sizes below compute nothing, a window that is larger than its image for example.
    int64_t fewest = most - 1, fails = 1;
    for (const int64_t guess : {int64_t{2}, (most + 1) / 2}) {
      if (guess >= fewest) continue;
      if (lowered(members, most - guess)) {
        fewest = guess;
        break;
      }
      fails = guess;
    }
    while (fewest - fails > 1) {
      const int64_t middle = fails + (fewest - fails) / 2;
      (lowered(members, most - middle) ? fewest : fails) = middle;
    }
    const int symbol = static_cast<int>(found_.symbols.size());
    for (const Member& m : members) {
      InputSize& s = found_.sizes[m.tensor][m.dim];
      s.symbol = symbol;
      s.step = m.step;
      s.offset = s.upper - m.step * most;
    }
    // Sizes of 0 and 1 broadcast and have no shapes of -1: they compute wherever 2 does, but say nothing about the others.
    found_.symbols.push_back({fewest <= 2 ? 0 : fewest, most});
  }

  InputSizes found_;
  const Computes& computes_;
};

}  // namespace

InputSizes find_sizes(const pte::ExecutionPlan& plan, const Search::Computes& computes) {
  InputSizes given;
  std::vector<Member> candidates;
  for (uint32_t i = 0; i < count(plan.inputs()); ++i) {
    const pte::Tensor* t = plan.values()->Get(static_cast<uint32_t>(plan.inputs()->Get(i)))->val_as_Tensor();
    if (!t) continue;
    given.sizes.emplace_back();
    for (uint32_t d = 0; d < count(t->sizes()); ++d) {
      given.sizes.back().push_back({t->sizes()->Get(d)});
      if (t->shape_dynamism() != 0 && t->sizes()->Get(d) > 1) candidates.push_back({given.sizes.size() - 1, d});
    }
  }
  Search search(std::move(given), computes);
  std::erase_if(candidates, [&](const Member& c) { return search.vary({c}); });
  // The others vary together or not at all: those with one upper bound, then pairs that differ by a number or a factor.
  while (!candidates.empty()) {
    const Member first = candidates[0];
    std::vector<Member> group;
    for (const Member& c : candidates)
      if (search.upper(c) == search.upper(first)) group.push_back(c);
    std::vector<Member> done;
    if (group.size() > 1 && search.vary(group)) done = group;
    for (size_t i = 1; i < candidates.size() && done.empty(); ++i) {
      Member a = first, b = candidates[i];
      if (search.vary({a, b})) {
        done = {a, b};
        break;
      }
      if (search.upper(a) > search.upper(b)) std::swap(a, b);
      b.step = search.upper(a) > 0 && search.upper(b) % search.upper(a) == 0 ? search.upper(b) / search.upper(a) : 1;
      if (b.step > 1 && search.vary({a, b})) done = {a, b};
    }
    if (done.empty()) done = {first};  // fixed
    std::erase_if(candidates, [&](const Member& c) {
      for (const Member& d : done)
        if (d.tensor == c.tensor && d.dim == c.dim) return true;
      return false;
    });
  }
  return std::move(search).result();
}

}  // namespace portfire::import
