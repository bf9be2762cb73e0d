#include "compiler/emit/plan_memory.h"

#include <algorithm>
#include <numeric>

#include "compiler/emit/in_place.h"
#include "compiler/emit/out_variant.h"

namespace portfire::emit {

using ir::for_each_ref;
using ir::kNoValue;

namespace {

constexpr uint64_t kAlignment = 64;

struct Interval {
  uint32_t first = UINT32_MAX, last = 0;
  void extend(uint32_t at) {
    first = std::min(first, at);
    last = std::max(last, at);
  }
  bool used() const { return first != UINT32_MAX; }
  bool meets(const Interval& o) const { return first <= o.last && o.first <= last; }
};

class Planner {
 public:
  Planner(const Lowered& p, const SharedState& shared)
      : p_(p), shared_(shared), root_(p.values.size()), life_(p.values.size()), fixed_(p.values.size()), is_state_(p.values.size()), is_shared_(p.values.size()) {
    std::iota(root_.begin(), root_.end(), ValueId{0});
    for (const ir::Buffer& s : p.state) {
      is_state_[s.value] = true;
      is_shared_[s.value] = is_shared(p, s);
    }
  }

  MemoryPlan run() {
    find_roots();
    find_lifetimes();
    share_in_place();
    place();
    return std::move(plan_);
  }

 private:
  ValueId root(ValueId v) {
    while (root_[v] != v) v = root_[v] = root_[root_[v]];
    return v;
  }

  void find_roots() {
    for (const Instruction& i : p_.code)
      if (i.kind == Instruction::Kind::call && i.op->is_view() && i.args[0].ref()) root_[i.outs[0]] = root(i.args[0].ref()->id);
    for (const auto& [result, memory] : p_.in_state) root_[result] = memory;
    for (const ir::Input& in : p_.inputs) fixed_[in.value] = true;
    for (size_t v = 0; v < p_.values.size(); ++v) fixed_[v] = fixed_[v] || p_.values[v].constant != nullptr;
    if (!p_.executorch) return;
    for (const Instruction& i : p_.code)
      if (is_reshape(p_, i) && root(i.outs[0]) == i.outs[0] && !fixed_[root(i.args[0].ref()->id)]) root_[i.outs[0]] = root(i.args[0].ref()->id);
  }

  void find_lifetimes() {
    const auto end = static_cast<uint32_t>(p_.code.size());
    for (uint32_t at = 0; at < end; ++at) {
      const Instruction& i = p_.code[at];
      for (const Arg& a : i.args) for_each_ref(a, [&](ValueId v) { life_[root(v)].extend(at); });
      for (ValueId v : i.outs) life_[root(v)].extend(at);
    }
    for (const ir::Output& o : p_.outputs)
      if (o.value != kNoValue) life_[root(o.value)].extend(end);
    for (const ir::Buffer& s : p_.state) {
      life_[s.value].extend(0);
      life_[s.value].extend(end);
    }
    // What is live where a loop begins and used inside must last through the loop.
    for (uint32_t at = 0; at < end; ++at) {
      const Instruction& i = p_.code[at];
      if (i.kind != Instruction::Kind::jump_false || i.target > at) continue;
      // What a loop fills piece by piece must last from its first round to its last.
      for (uint32_t k = i.target; k < at; ++k)
        if (p_.code[k].kind == Instruction::Kind::call && p_.code[k].op->name == "portfire::write") {
          const ValueId r = root(p_.code[k].args[0].ref()->id);
          life_[r].extend(i.target);
          life_[r].extend(at);
        }
      for (Interval& life : life_)
        if (life.used() && life.first < i.target && life.last >= i.target && life.last < at) life.last = at;
    }
  }

  void share_in_place() {
    for (uint32_t at = 0; at < p_.code.size(); ++at) {
      const Instruction& i = p_.code[at];
      if (i.kind != Instruction::Kind::call || i.op->is_view() || i.outs.size() != 1) continue;
      const ValueId out = i.outs[0];
      if (root(out) != out || life_[out].first != at) continue;
      std::vector<ValueId> candidates;
      for (size_t k = 0; k < i.args.size(); ++k) {
        if (!in_place(i, k)) continue;
        for_each_ref(i.args[k], [&](ValueId v) { candidates.push_back(v); });
      }
      for (ValueId v : candidates) {
        const ValueId r = root(v);
        const ir::Type &a = p_.values[v].type, &b = p_.values[out].type;
        const bool same = a.is_tensor() && a.dtype == b.dtype && a.sizes == b.sizes && a.strides == b.strides && !b.unbounded &&
                          p_.values[r].type.numel() == a.numel();
        if (!same || fixed_[r] || is_state_[r] || life_[r].last != at) continue;
        root_[out] = r;
        life_[r].last = std::max(life_[r].last, life_[out].last);
        break;
      }
    }
  }

  void place() {
    plan_.values.resize(p_.values.size());
    plan_.buffer_sizes = {0, 0};
    if (!shared_.empty()) plan_.buffer_sizes.push_back(static_cast<int64_t>(shared_.bytes));
    for (const ir::Buffer& s : p_.state)
      if (is_shared_[s.value]) plan_.values[s.value] = {kSharedBuffer, shared_.find(s.name)->offset};
    std::vector<ValueId> bounded, growing;
    for (ValueId v = 0; v < p_.values.size(); ++v) {
      if (root(v) != v || !life_[v].used() || !p_.values[v].type.is_tensor()) continue;
      if ((fixed_[v] && !is_state_[v]) || is_shared_[v]) continue;
      (p_.values[v].type.unbounded ? growing : bounded).push_back(v);
    }
    place_bounded(bounded);
    place_growing(growing);
    // Views and shared results follow; a view needs no allocation of its own.
    for (const Instruction& i : p_.code) {
      if (i.kind != Instruction::Kind::call || i.op->is_view()) continue;
      for (ValueId v : i.outs)
        if (root(v) != v) plan_.values[v] = plan_.values[root(v)];
    }
  }

  void place_bounded(std::vector<ValueId>& list) {
    auto bytes = [&](ValueId v) {
      const auto n = static_cast<uint64_t>(p_.values[v].type.upper_bytes());
      return (std::max<uint64_t>(n, 1) + kAlignment - 1) / kAlignment * kAlignment;
    };
    std::stable_sort(list.begin(), list.end(), [&](ValueId a, ValueId b) { return bytes(a) > bytes(b); });
    std::vector<ValueId> placed;  // by offset
    uint64_t total = 0;
    for (ValueId v : list) {
      uint64_t offset = 0;
      for (ValueId other : placed) {
        if (!life_[v].meets(life_[other])) continue;
        const uint64_t at = plan_.values[other].offset;
        if (offset + bytes(v) <= at) break;
        offset = std::max(offset, at + bytes(other));
      }
      plan_.values[v] = {1, offset};
      total = std::max(total, offset + bytes(v));
      placed.insert(std::upper_bound(placed.begin(), placed.end(), v,
                                     [&](ValueId a, ValueId b) { return plan_.values[a].offset < plan_.values[b].offset; }),
                    v);
    }
    plan_.buffer_sizes[1] = static_cast<int64_t>(total);
    note_live(list, bytes);
  }

  template <class Bytes>
  void note_live(const std::vector<ValueId>& list, Bytes bytes) {
    std::vector<int64_t> change(p_.code.size() + 2), gradients(p_.code.size() + 2);
    for (ValueId v : list) {
      const auto size = static_cast<int64_t>(bytes(v));
      const bool gradient = p_.values[v].name.starts_with(ir::kGradientOf);
      change[life_[v].first] += size;
      change[life_[v].last + 1] -= size;
      if (gradient) gradients[life_[v].first] += size, gradients[life_[v].last + 1] -= size;
    }
    int64_t now = 0, now_gradients = 0;
    for (size_t at = 0; at < change.size(); ++at) {
      now += change[at];
      now_gradients += gradients[at];
      plan_.live = std::max(plan_.live, static_cast<uint64_t>(now));
      plan_.live_gradients = std::max(plan_.live_gradients, static_cast<uint64_t>(now_gradients));
    }
  }

  void place_growing(std::vector<ValueId>& list) {
    std::stable_sort(list.begin(), list.end(), [&](ValueId a, ValueId b) { return life_[a].first < life_[b].first; });
    const auto first = static_cast<uint32_t>(plan_.buffer_sizes.size());
    std::vector<uint32_t> busy_until;  // by buffer - first
    for (ValueId v : list) {
      size_t b = 0;
      while (b < busy_until.size() && busy_until[b] >= life_[v].first) ++b;
      if (b == busy_until.size()) {
        busy_until.push_back(0);
        plan_.buffer_sizes.push_back(0);
      }
      busy_until[b] = life_[v].last;
      plan_.values[v] = {static_cast<uint32_t>(first + b), 0};
    }
  }

  const Lowered& p_;
  const SharedState& shared_;
  std::vector<ValueId> root_;
  std::vector<Interval> life_;
  std::vector<bool> fixed_, is_state_, is_shared_;
  MemoryPlan plan_;
};

}  // namespace

MemoryPlan plan_memory(const Lowered& program, const SharedState& shared) { return Planner(program, shared).run(); }

}  // namespace portfire::emit
