#include "compiler/emit/write_back.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "compiler/emit/in_place.h"

namespace portfire::emit {

using ir::find_op_info;
using ir::for_each_ref;
using ir::kNoValue;
using ir::Ref;

namespace {

constexpr int64_t kNever = -1;

class Writer {
 public:
  explicit Writer(Lowered* p) : p_(*p), root_(p->values.size()) {
    std::iota(root_.begin(), root_.end(), ValueId{0});
    for (const Instruction& i : p_.code)
      if (i.kind == Instruction::Kind::call && i.op->is_view() && i.args[0].ref()) root_[i.outs[0]] = root_[i.args[0].ref()->id];
  }

  void run(std::vector<std::pair<ValueId, ValueId>> writes) {
    save_what_is_overwritten(writes);
    note();
    std::map<int64_t, std::vector<Instruction>> inserted;  // before the instruction of that number
    for (const auto& [memory, fresh] : writes) {
      if (fresh == memory) continue;
      const int64_t at = outside_jumps(std::max({last_definition_[root_[fresh]], last_read_[memory], barrier_}) + 1);
      inserted[at].push_back({Instruction::Kind::call, find_op_info("portfire::write"), {Ref{memory}, Ref{fresh}}, {}});
    }
    insert(std::move(inserted));
    compute_in_place();
  }

 private:
  ValueId copy_of(ValueId from) {
    ir::ValueInfo info;
    info.type = p_.values[from].type;
    info.type.strides.clear();
    info.name = "kept";
    p_.values.push_back(std::move(info));
    const auto v = static_cast<ValueId>(p_.values.size() - 1);
    root_.push_back(v);
    p_.code.push_back({Instruction::Kind::call, find_op_info("aten::clone"), {Ref{from}, 0}, {v}});
    return v;
  }

  void save_what_is_overwritten(std::vector<std::pair<ValueId, ValueId>>& writes) {
    std::set<ValueId> targets;
    for (const auto& [memory, fresh] : writes) targets.insert(memory);
    for (ir::Output& o : p_.outputs)
      if (o.value != kNoValue && p_.values[o.value].type.is_tensor() && targets.count(root_[o.value])) o.value = copy_of(o.value);
    for (auto& [memory, fresh] : writes)
      if (fresh != memory && targets.count(root_[fresh])) fresh = copy_of(fresh);
  }

  void note() {
    jumps_.clear();
    barrier_ = kNever;
    last_definition_.assign(p_.values.size(), kNever);
    last_read_.assign(p_.values.size(), kNever);
    definitions_.assign(p_.values.size(), 0);
    for (size_t at = 0; at < p_.code.size(); ++at) {
      const Instruction& i = p_.code[at];
      const auto now = static_cast<int64_t>(at);
      for (const Arg& a : i.args) for_each_ref(a, [&](ValueId v) { last_read_[root_[v]] = now; });
      for (ValueId v : i.outs) {
        last_definition_[root_[v]] = now;
        ++definitions_[root_[v]];
      }
      if (i.kind == Instruction::Kind::jump_false) jumps_.push_back(now);
      if (i.kind != Instruction::Kind::call) continue;
      if (i.op->name == "portfire::write") last_definition_[root_[i.args[0].ref()->id]] = now;
      if (i.op->name.starts_with("portfire::check_")) barrier_ = now;
    }
  }

  // A place before which the instructions run exactly once: none that a jump leaves out or repeats.
  int64_t outside_jumps(int64_t at) const {
    for (bool again = true; again;) {
      again = false;
      for (int64_t jump : jumps_) {
        const int64_t target = p_.code[static_cast<size_t>(jump)].target;
        const int64_t end = std::max(jump + 1, target);
        if (at > std::min(jump, target) && at < end) {
          at = end;
          again = true;
        }
      }
    }
    return at;
  }

  // What is written to state right after it was computed is computed there.
  void compute_in_place() {
    note();
    std::vector<bool> is_state(p_.values.size());
    for (const ir::Buffer& b : p_.state) is_state[b.value] = true;
    std::set<ValueId> taken;
    std::vector<bool> gone(p_.code.size());
    for (size_t at = 0; at < p_.code.size(); ++at) {
      const Instruction& i = p_.code[at];
      if (i.kind != Instruction::Kind::call || i.op->name != "portfire::write" || !i.args[1].ref()) continue;
      const ValueId memory = i.args[0].ref()->id, fresh = i.args[1].ref()->id;
      if (!is_state[memory] || !can_lie_in(fresh, memory, at) || !taken.insert(fresh).second) continue;
      p_.in_state.emplace_back(fresh, memory);
      gone[at] = true;
    }
    remove(gone);
  }

  // `written_at`: where the program has `portfire::write(memory, fresh)`.
  bool can_lie_in(ValueId fresh, ValueId memory, size_t written_at) const {
    const int64_t at = last_definition_[fresh];
    if (root_[fresh] != fresh || at <= barrier_ || at >= static_cast<int64_t>(written_at) || definitions_[fresh] != 1) return false;
    const Instruction& i = p_.code[static_cast<size_t>(at)];
    if (i.kind != Instruction::Kind::call || !(p_.values[fresh].type == p_.values[memory].type)) return false;
    bool may = true;
    for (size_t k = 0; k < i.args.size(); ++k)
      for_each_ref(i.args[k], [&](ValueId v) { may = may && (root_[v] != memory || (v == memory && in_place(i, k))); });
    // Between the two: nothing that mentions the memory, no jump from there or to there.
    for (size_t n = static_cast<size_t>(at) + 1; n < written_at; ++n) {
      may = may && p_.code[n].kind != Instruction::Kind::jump_false;
      for (const Arg& a : p_.code[n].args) for_each_ref(a, [&](ValueId v) { may = may && root_[v] != memory; });
    }
    for (int64_t jump : jumps_) {
      const int64_t target = p_.code[static_cast<size_t>(jump)].target;
      may = may && !(target > at && target <= static_cast<int64_t>(written_at));
    }
    return may;
  }

  void remove(const std::vector<bool>& gone) {
    std::vector<uint32_t> place(p_.code.size() + 1);
    uint32_t kept = 0;
    for (size_t at = 0; at < p_.code.size(); ++at) {
      place[at] = kept;
      kept += !gone[at];
    }
    place[p_.code.size()] = kept;
    std::vector<Instruction> code;
    for (size_t at = 0; at < p_.code.size(); ++at) {
      if (gone[at]) continue;
      Instruction& i = p_.code[at];
      if (i.kind == Instruction::Kind::jump_false) i.target = place[i.target];
      code.push_back(std::move(i));
    }
    p_.code = std::move(code);
  }

  void insert(std::map<int64_t, std::vector<Instruction>> inserted) {
    // How many instructions stand before place n that were not there; a jump forward lands before what is inserted at its target.
    const auto added = [&](int64_t n, bool with_those_at_n) {
      int64_t count = 0;
      for (const auto& [at, list] : inserted)
        if (at < n || (with_those_at_n && at == n)) count += static_cast<int64_t>(list.size());
      return count;
    };
    for (int64_t jump : jumps_) {
      Instruction& i = p_.code[static_cast<size_t>(jump)];
      i.target += static_cast<uint32_t>(added(i.target, i.target <= jump));
    }
    std::vector<Instruction> code;
    for (size_t at = 0; at <= p_.code.size(); ++at) {
      if (const auto it = inserted.find(static_cast<int64_t>(at)); it != inserted.end())
        for (Instruction& i : it->second) code.push_back(std::move(i));
      if (at < p_.code.size()) code.push_back(std::move(p_.code[at]));
    }
    p_.code = std::move(code);
  }

  Lowered& p_;
  std::vector<ValueId> root_;  // what owns the memory that a value shows
  std::vector<int64_t> last_definition_, last_read_;  // by root
  std::vector<int> definitions_;
  std::vector<int64_t> jumps_;
  int64_t barrier_ = kNever;  // the last check
};

}  // namespace

void write_back(Lowered* program, std::vector<std::pair<ValueId, ValueId>> writes) { Writer(program).run(std::move(writes)); }

}  // namespace portfire::emit
