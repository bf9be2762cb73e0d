#include "cli/listing.h"

#include <algorithm>

#include "cli/covered.h"
#include "cli/owners.h"
#include "format/reading.h"
#include "ops/op.h"
#include "ops/schema_kinds.h"

namespace portfire::cli {
namespace {

using Kind = Listing::Kind;
using Role = Listing::Role;
using Value = Listing::Value;

constexpr size_t kMostShown = 16;  // storages that one value is followed to

class Lister {
 public:
  Lister(const ProgramView& program, const pte::ExecutionPlan& plan) {
    l_.program = &program;
    l_.plan = &plan;
    l_.names = program.interface_of(plan);
  }

  Listing list() {
    read_values();
    const pte::Chain& chain = *l_.plan->chains()->Get(0);
    for (uint32_t i = 0; i < count(chain.instructions()); ++i) {
      read_instruction(*chain.instructions()->Get(i));
      if (i < count(chain.stacktrace()) && count(chain.stacktrace()->Get(i)->items())) l_.code[i].frames = chain.stacktrace()->Get(i);
    }
    owners_.resize(l_.memory.size());
    for (size_t v = 0; v < l_.values.size(); ++v)
      if (l_.values[v].role == Role::input || l_.values[v].role == Role::state) give(static_cast<int32_t>(v), l_.values[v].role);
    writer_.assign(l_.values.size(), -1);
    for (size_t i = 0; i < l_.code.size(); ++i) follow(i);
    for (size_t i = 0; i < l_.code.size(); ++i) use(i);
    settle_lifetimes();
    sum_memory();
    return std::move(l_);
  }

 private:
  void read_values() {
    const pte::ExecutionPlan& plan = *l_.plan;
    l_.values.resize(count(plan.values()));
    l_.memory.resize(std::max<size_t>(1, count(plan.non_const_buffer_sizes())));
    for (uint32_t i = 1; i < l_.memory.size(); ++i) l_.memory[i].size = static_cast<uint64_t>(plan.non_const_buffer_sizes()->Get(i));
    const uint32_t shared = l_.program->shared_state() ? l_.program->shared_state()->buffer() : 0;
    for (uint32_t i = 0; i < l_.values.size(); ++i) {
      Value& v = l_.values[i];
      v.file = plan.values()->Get(i);
      v.tensor = v.file->val_as_Tensor();
      if (!v.tensor) continue;
      const pte::Tensor& t = *v.tensor;
      const pte::ExtraTensorInfo* extra = t.extra_tensor_info();
      if (extra && extra->fully_qualified_name()) v.name = extra->fully_qualified_name()->str();
      int64_t bytes = 0;
      if (checked_bytes(static_cast<DType>(t.scalar_type()), shape_of(t), &bytes)) v.bytes = static_cast<uint64_t>(bytes);
      if (t.allocation_info()) {
        v.memory = t.allocation_info()->memory_id();
        v.offset = memory_offset(*t.allocation_info());
      }
      const bool stored = t.data_buffer_idx() > 0 || (extra && extra->location() == 1);
      v.role = stored && !v.memory ? Role::constant : stored || (v.memory && v.memory == shared) ? Role::state : Role::computed;
    }
    for (uint32_t k = 0; k < count(plan.inputs()); ++k) {
      Value& v = l_.values[static_cast<size_t>(plan.inputs()->Get(k))];
      v.written = true;
      if (v.tensor) v.role = Role::input;
      if (l_.names) v.name = l_.names->inputs()->Get(k)->name()->str();
    }
    for (uint32_t k = 0; l_.names && k < count(plan.outputs()); ++k) {
      Value& v = l_.values[static_cast<size_t>(plan.outputs()->Get(k))];
      if (v.name.empty()) v.name = l_.names->outputs()->Get(k)->name()->str();
    }
  }

  // Calls f(value) for a tensor or number, or for those of a list.
  template <class F>
  void for_each_item(int32_t v, F f) const {
    const pte::EValue& file = *l_.values[static_cast<size_t>(v)].file;
    const auto each = [&](const auto* items) {
      for (uint32_t k = 0; k < count(items); ++k)
        if (items->Get(k) >= 0) f(static_cast<int32_t>(items->Get(k)));
    };
    switch (file.val_type()) {
      case pte::KernelTypes_TensorList: return each(file.val_as_TensorList()->items());
      case pte::KernelTypes_OptionalTensorList: return each(file.val_as_OptionalTensorList()->items());
      case pte::KernelTypes_IntList: return each(file.val_as_IntList()->items());
      default: return f(v);
    }
  }

  void read_instruction(const pte::Instruction& file) {
    Listing::Instruction in;
    switch (file.instr_args_type()) {
      case pte::InstructionArguments_KernelCall: {
        const pte::KernelCall& call = *file.instr_args_as_KernelCall();
        in.kind = Kind::call;
        in.op = operator_name(*l_.plan->operators()->Get(static_cast<uint32_t>(call.op_index())));
        if (call.args()) in.args.assign(call.args()->begin(), call.args()->end());
        split_call(&in);
        break;
      }
      case pte::InstructionArguments_DelegateCall: {
        const pte::DelegateCall& call = *file.instr_args_as_DelegateCall();
        in.kind = Kind::delegate;
        in.target = static_cast<uint32_t>(call.delegate_index());
        const auto* id = l_.plan->delegates()->Get(in.target)->id();
        in.op = id ? id->str() : "?";
        // A delegate does not say which are its results: what nothing has made before is.
        for (uint32_t k = 0; k < count(call.args()); ++k) {
          const int32_t v = call.args()->Get(k);
          bool made = true;
          for_each_item(v, [&](int32_t item) { made &= is_made(l_.values[static_cast<size_t>(item)]); });
          if (made)
            in.args.push_back(v);
          else
            for_each_item(v, [&](int32_t item) { in.outs.push_back(item); });
        }
        break;
      }
      case pte::InstructionArguments_MoveCall:
        in.kind = Kind::move;
        in.op = "move";
        in.args = {file.instr_args_as_MoveCall()->move_from()};
        in.outs = {file.instr_args_as_MoveCall()->move_to()};
        break;
      case pte::InstructionArguments_JumpFalseCall:
        in.kind = Kind::jump;
        in.op = "jump";
        in.args = {file.instr_args_as_JumpFalseCall()->cond_value_index()};
        in.target = static_cast<uint32_t>(file.instr_args_as_JumpFalseCall()->destination_instruction());
        break;
      default:
        in.op = "free";
        in.args = {file.instr_args_as_FreeCall()->value_index()};
    }
    for (int32_t a : in.args) for_each_item(a, [&](int32_t item) { in.reads.push_back(item); });
    for (int32_t o : in.outs) l_.values[static_cast<size_t>(o)].written = true;
    l_.code.push_back(std::move(in));
  }

  static bool is_made(const Value& v) { return !v.tensor || v.written || v.role == Role::constant || v.role == Role::state; }

  // Tells the results of a call from its arguments. Those of our operators come last, once. Of others the last is what the
  // call returns, and where it writes to what it is given (`out`), that stands before, too: add.out(a, b, alpha, out, out).
  void split_call(Listing::Instruction* in) const {
    std::vector<int32_t>& args = in->args;
    if (args.empty()) return;
    const Op* op = find_op(in->op);
    if (op && args.size() == size_t{op->args} + op->outs) {
      in->outs.assign(args.begin() + op->args, args.end());
      args.resize(op->args);
      for_each_argument(op->schema, [&](size_t k, std::string_view type) {  // portfire::write(target, source) -> ()
        if (is_written(type) && std::find(in->outs.begin(), in->outs.end(), args[k]) == in->outs.end()) in->outs.push_back(args[k]);
      });
      return;
    }
    if (in->op == "executorch_prim::et_copy_index.tensor") {  // (to, from, index): writes a row of its first
      in->outs = {args[0]};
      return;
    }
    for_each_item(args.back(), [&](int32_t item) { in->outs.push_back(item); });
    args.pop_back();
    auto is_result = [&](int32_t v) {
      bool all = true;
      for_each_item(v, [&](int32_t item) { all &= std::find(in->outs.begin(), in->outs.end(), item) != in->outs.end(); });
      return all;
    };
    // In place: copy_(self, src, non_blocking, self) keeps what it was given.
    while (args.size() > 1 && is_result(args.back())) args.pop_back();
  }

  // Where what an instruction reads comes from, and what its results show.
  void follow(size_t i) {
    Listing::Instruction& in = l_.code[i];
    for (const int32_t r : in.reads) {
      const Value& v = l_.values[static_cast<size_t>(r)];
      int64_t from = v.memory ? owners_[v.memory].at(v.offset) : writer_[static_cast<size_t>(r)];
      if (from == Owners::kNobody && v.role == Role::computed) give(r, Role::state);  // it is there before anything computes it
      // Two tensors in one place, of which only the other was written: a view that the compiler left out.
      if (v.memory && from < -1 && from != Owners::kNobody) show(r, static_cast<int32_t>(-2 - from));
      if (v.memory && !v.written && from >= 0)
        for (const int32_t o : l_.code[static_cast<size_t>(from)].outs)
          if (const Value& w = l_.values[static_cast<size_t>(o)]; w.memory == v.memory && w.offset <= v.offset && v.offset < w.offset +
              w.bytes)
            show(r, o);
      in.producers.push_back(std::max<int64_t>(from, -1));
    }
    const Op* op = in.kind == Kind::call ? find_op(in.op) : nullptr;
    for (const int32_t o : in.outs) {
      Value& v = l_.values[static_cast<size_t>(o)];
      writer_[static_cast<size_t>(o)] = static_cast<int64_t>(i);
      if (v.memory) owners_[v.memory].write(v.offset, v.offset + v.bytes, static_cast<int64_t>(i));
      if (!v.tensor || in.args.empty()) continue;
      if (in.kind == Kind::move || (op && op->view && !v.memory) || in.op == "executorch_prim::et_view.default") show(o, in.args[0]);
    }
  }

  // A value that is there before the first instruction.
  void give(int32_t value, Role role) {
    Value& v = l_.values[static_cast<size_t>(value)];
    v.role = role;
    // A result that is computed right in the memory of state comes after what the state was.
    if (v.memory && owners_[v.memory].at(v.offset) == Owners::kNobody) owners_[v.memory].write(v.offset, v.offset + v.bytes, -2 - value);
  }

  void show(int32_t view, int32_t of) {
    Value& v = l_.values[static_cast<size_t>(view)];
    auto add = [&](int32_t storage) {
      if (storage != view && v.shows.size() < kMostShown && std::find(v.shows.begin(), v.shows.end(), storage) == v.shows.end())
        v.shows.push_back(storage);
    };
    const Value& source = l_.values[static_cast<size_t>(of)];
    if (source.shows.empty() || source.memory) add(of);
    for (const int32_t s : std::vector<int32_t>(source.shows)) add(s);
  }

  // A value, and what it shows, is needed at instruction `i`.
  void touch(int32_t v, int64_t i) {
    auto extend = [&](Value& value) {
      value.from = value.from < 0 ? i : std::min(value.from, i);
      value.to = std::max(value.to, i);
    };
    extend(l_.values[static_cast<size_t>(v)]);
    for (const int32_t s : l_.values[static_cast<size_t>(v)].shows) extend(l_.values[static_cast<size_t>(s)]);
  }

  void use(size_t i) {
    const Listing::Instruction& in = l_.code[i];
    for (const int32_t r : in.reads) touch(r, static_cast<int64_t>(i));
    for (const int32_t o : in.outs) touch(o, static_cast<int64_t>(i));
  }

  void settle_lifetimes() {
    const auto end = static_cast<int64_t>(l_.code.size()) - 1;
    if (end < 0) return;
    for (uint32_t k = 0; k < count(l_.plan->outputs()); ++k)
      for_each_item(l_.plan->outputs()->Get(k), [&](int32_t item) { touch(item, end); });
    for (Value& v : l_.values) {
      if (v.memory && v.role == Role::input) v.from = 0, v.to = std::max<int64_t>(v.to, 0);
      if (v.role == Role::state) v.from = 0, v.to = end;
    }
    // A loop needs to its end what it takes from before it.
    for (size_t i = 0; i < l_.code.size(); ++i) {
      const auto begin = static_cast<int64_t>(l_.code[i].target), back = static_cast<int64_t>(i);
      if (l_.code[i].kind != Kind::jump || begin > back || ++loops_ > kMostLoops) continue;
      for (Value& v : l_.values)
        if (v.from >= 0 && v.from < begin && v.to >= begin && v.to < back) v.to = back;
    }
  }

  void sum_memory() {
    const size_t n = l_.code.size();
    for (uint32_t id = 1; id < l_.memory.size(); ++id) {
      Listing::Memory& m = l_.memory[id];
      std::vector<Span> spans;
      for (const Value& v : l_.values)  // what has no bound may say more than the buffer has
        if (v.memory == id && v.from >= 0)
          spans.push_back({v.offset, std::min(v.offset + v.bytes, m.size), static_cast<size_t>(v.from), static_cast<size_t>(v.to)});
      m.live = covered(spans, n);
      const auto most = std::max_element(m.live.begin(), m.live.end());
      if (most == m.live.end()) continue;
      m.peak = *most;
      m.peak_at = static_cast<size_t>(most - m.live.begin());
    }
  }

  static constexpr size_t kMostLoops = 4096;
  Listing l_;
  size_t loops_ = 0;
  std::vector<Owners> owners_;   // of each buffer: an instruction, or -2 - v where value v lies there from the start
  std::vector<int64_t> writer_;  // of each value: the instruction that wrote it last
};

}  // namespace

Listing list_method(const ProgramView& program, const pte::ExecutionPlan& plan) { return Lister(program, plan).list(); }

Source source_of(const Listing::Instruction& in) {
  Source s;
  if (!in.frames) return s;
  const pte::Frame* frame = in.frames->items()->Get(in.frames->items()->size() - 1);
  auto text = [](const flatbuffers::String* t) { return t ? t->str() : std::string(); };
  s.file = text(frame->filename());
  s.module = text(frame->name());
  s.code = text(frame->context());
  s.line = frame->lineno();
  return s;
}

std::string operator_name(const pte::Operator& op) {
  return op.overload() && op.overload()->size() > 0 ? op.name()->str() + "." + op.overload()->str() : op.name()->str();
}

}  // namespace portfire::cli
