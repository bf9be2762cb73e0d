#include "compiler/emit/write_pte.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>

#include "compiler/emit/interface.h"
#include "compiler/emit/out_variant.h"
#include "compiler/emit/pte_file.h"
#include "compiler/emit/xnnpack_blob.h"
#include "compiler/ir/builder.h"
#include "core/new_file.h"
#include "format/program_view.h"

namespace portfire::emit {

using ir::kNoValue;
using ir::Ref;
using ir::Type;

namespace {

namespace fb = flatbuffers;

// What XNNPACK delegates of all methods bring along. Each blob is a segment; they are the first ones.
struct Delegates {
  std::vector<std::vector<uint8_t>> blobs;
  NamedConstants constants;
};

class MethodWriter {
 public:
  MethodWriter(fb::FlatBufferBuilder& out, const EmitMethod& m, Segment& constants, Segment& state, Delegates& delegates)
      : out_(out), p_(m.program), memory_(m.memory), constants_(constants), state_(state), delegates_(delegates), index_(p_.values.size(), -1) {}

  fb::Offset<pte::ExecutionPlan> write() {
    for (const ir::Input& i : p_.inputs) names_[i.value] = i.name;
    for (const ir::Buffer& s : p_.state) {
      names_[s.value] = s.name;
      is_state_[s.value] = is_shared(p_, s);
    }
    for (const Instruction& i : p_.code)
      if (i.op && i.op->name == "aten::embedding" && i.args[0].ref()) is_table_[i.args[0].ref()->id] = true;
    std::vector<int32_t> inputs, outputs;
    for (const ir::Input& i : p_.inputs) inputs.push_back(value(i.value));
    std::vector<fb::Offset<pte::Instruction>> code;
    std::vector<fb::Offset<pte::FrameList>> traces;
    for (const Instruction& i : p_.code)
      if (p_.executorch && i.kind == Instruction::Kind::call && i.op->name == "portfire::write" && i.args.size() == 3) is_filled_[i.args[0].ref()->id] = true;
    for (const Instruction& i : p_.code) place_.push_back(place_.back() + !is_nothing(i));
    for (const Instruction& i : p_.code) {
      if (is_nothing(i)) continue;
      code.push_back(p_.executorch && i.kind == Instruction::Kind::call ? portable_call(i) : instruction(i));
      traces.push_back(trace(p_.origins[i.origin]));
    }
    for (const ir::Output& o : p_.outputs) outputs.push_back(o.value == kNoValue ? argument(o.literal) : value(o.value));
    auto chain = pte::CreateChain(out_, out_.CreateVector(inputs), out_.CreateVector(outputs), out_.CreateVector(code), out_.CreateVector(traces));
    std::vector<int64_t> buffers = memory_.buffer_sizes;
    if (p_.executorch && p_.code.empty() && p_.state.empty()) buffers.resize(1);  // only says something: of the others' state it needs none
    auto structure = pte::CreateContainerMetadata(out_, out_.CreateString(p_.input_structure), out_.CreateString(p_.output_structure));
    return pte::CreateExecutionPlan(out_, out_.CreateString(p_.name), structure, out_.CreateVector(values_), out_.CreateVector(inputs),
                                    out_.CreateVector(outputs), out_.CreateVector(&chain, 1), out_.CreateVector(operators_),
                                    out_.CreateVector(own_delegates_), out_.CreateVector(buffers));
  }

 private:
  int32_t push(pte::KernelTypes kind, fb::Offset<void> v) {
    values_.push_back(pte::CreateEValue(out_, kind, v));
    return static_cast<int32_t>(values_.size() - 1);
  }

  int32_t value(ValueId v) {
    if (index_[v] >= 0) return index_[v];
    const Type& t = p_.values[v].type;
    switch (t.kind) {
      case Type::Kind::tensor: return index_[v] = push(pte::KernelTypes_Tensor, tensor(v).Union());
      case Type::Kind::boolean: return index_[v] = push(pte::KernelTypes_Bool, pte::CreateBool(out_, false).Union());
      case Type::Kind::real: return index_[v] = push(pte::KernelTypes_Double, pte::CreateDouble(out_, 0).Union());
      default: return index_[v] = push(pte::KernelTypes_Int, pte::CreateInt(out_, 0).Union());
    }
  }

  fb::Offset<pte::Tensor> tensor(ValueId v) {
    const ir::ValueInfo& info = p_.values[v];
    const Type& t = info.type;
    std::vector<int32_t> sizes;
    std::vector<uint8_t> order;
    for (int d = 0; d < t.rank(); ++d) {
      if (t.sizes[d].upper() > INT32_MAX)
        throw ir::Refusal{Code::unsupported, info.name + " is " + to_string(t) + " (expected sizes of at most 2147483647)"};
      sizes.push_back(static_cast<int32_t>(t.sizes[d].upper()));
      order.push_back(static_cast<uint8_t>(d));
    }
    // Dense layouts other than row-major (channels-last) show in the order of dimensions.
    if (!t.strides.empty())
      std::stable_sort(order.begin(), order.end(), [&](uint8_t a, uint8_t b) { return t.strides[a].at[0] > t.strides[b].at[0]; });
    uint32_t data = 0;
    fb::Offset<pte::AllocationDetails> allocation;
    const Allocation& a = memory_.values[v];
    if (is_state_.count(v) && is_state_.at(v) && !p_.executorch)
      data = 0;  // the interface says what it begins as
    else if (is_state_.count(v))
      data = state_.add(info.constant->data, info.constant->bytes);
    else if (info.constant)
      data = constants_.add(info.constant->data, info.constant->bytes, is_table_.count(v) > 0);
    if (a.buffer) allocation = pte::CreateAllocationDetails(out_, a.buffer, static_cast<uint32_t>(a.offset), static_cast<uint32_t>(a.offset >> 32));
    fb::Offset<pte::ExtraTensorInfo> extra;
    if (auto it = names_.find(v); it != names_.end()) extra = pte::CreateExtraTensorInfo(out_, 0, out_.CreateString(it->second));
    const int8_t dynamism = t.unbounded ? 2 : t.is_static() && !is_filled_.count(v) ? 0 : 1;
    return pte::CreateTensor(out_, static_cast<int8_t>(t.dtype), 0, out_.CreateVector(sizes), out_.CreateVector(order), false, data,
                             allocation, 0, dynamism, extra);
  }

  // Plain arguments are values too; equal ones are shared.
  int32_t argument(const Arg& a) {
    if (const Ref* r = a.ref()) return value(r->id);
    if (a.list()) return list(*a.list());
    if (a.none()) return shared("N", [&] { return push(pte::KernelTypes_Null, pte::CreateNull(out_).Union()); });
    if (a.boolean())
      return shared(*a.boolean() ? "T" : "F", [&] { return push(pte::KernelTypes_Bool, pte::CreateBool(out_, *a.boolean()).Union()); });
    if (a.integer())
      return shared("i" + std::to_string(*a.integer()), [&] { return push(pte::KernelTypes_Int, pte::CreateInt(out_, *a.integer()).Union()); });
    if (a.real()) {
      uint64_t bits;
      std::memcpy(&bits, a.real(), sizeof bits);
      return shared("d" + std::to_string(bits), [&] { return push(pte::KernelTypes_Double, pte::CreateDouble(out_, *a.real()).Union()); });
    }
    if (!a.string()) throw ir::Refusal{Code::bad_file, "a sub-graph where a number is wanted"};
    return shared("s" + *a.string(),
                  [&] { return push(pte::KernelTypes_String, pte::CreateString(out_, out_.CreateString(*a.string())).Union()); });
  }
  template <class F>
  int32_t shared(const std::string& key, F make) {
    auto it = plain_.find(key);
    if (it == plain_.end()) it = plain_.emplace(key, make()).first;
    return it->second;
  }

  bool is_tensor(const Arg& a) const { return a.ref() && p_.values[a.ref()->id].type.is_tensor(); }

  int32_t list(const Arg::List& l) {
    bool tensors = false, absent = false, reals = false, booleans = !l.empty();
    for (const Arg& a : l) {
      tensors |= is_tensor(a);
      absent |= a.none();
      reals |= a.real() != nullptr;
      booleans &= a.boolean() != nullptr;
    }
    std::vector<int32_t> items;
    if (absent) return optional_tensors(l);
    if (tensors) {
      for (const Arg& a : l) items.push_back(value(a.ref()->id));
      return tensor_list(items);
    }
    if (reals) {
      std::vector<double> numbers;
      for (const Arg& a : l) numbers.push_back(a.real() ? *a.real() : a.integer() ? static_cast<double>(*a.integer()) : 0);
      return push(pte::KernelTypes_DoubleList, pte::CreateDoubleList(out_, out_.CreateVector(numbers)).Union());
    }
    if (booleans) {
      std::vector<uint8_t> flags;
      for (const Arg& a : l) flags.push_back(*a.boolean());
      return push(pte::KernelTypes_BoolList, pte::CreateBoolList(out_, out_.CreateVector(flags)).Union());
    }
    std::vector<int64_t> ints;
    for (const Arg& a : l) ints.push_back(argument(a));
    return push(pte::KernelTypes_IntList, pte::CreateIntList(out_, out_.CreateVector(ints)).Union());
  }

  int32_t op_index(std::string_view name) {
    auto [it, fresh] = op_indices_.try_emplace(std::string(name), static_cast<int32_t>(operators_.size()));
    if (fresh) {
      const size_t dot = name.find('.');
      operators_.push_back(pte::CreateOperator(out_, out_.CreateString(std::string(name.substr(0, dot))),
                                               out_.CreateString(dot == name.npos ? std::string() : std::string(name.substr(dot + 1)))));
    }
    return it->second;
  }

  fb::Offset<pte::Instruction> instruction(const Instruction& i) {
    switch (i.kind) {
      case Instruction::Kind::move: {
        const auto move = pte::CreateMoveCall(out_, argument(i.args[0]), value(i.outs[0]));
        return pte::CreateInstruction(out_, pte::InstructionArguments_MoveCall, move.Union());
      }
      case Instruction::Kind::jump_false: {
        const auto jump = pte::CreateJumpFalseCall(out_, argument(i.args[0]), place_[i.target]);
        return pte::CreateInstruction(out_, pte::InstructionArguments_JumpFalseCall, jump.Union());
      }
      case Instruction::Kind::call: break;
    }
    std::vector<int32_t> args;
    for (size_t k = 0; k < i.args.size(); ++k) args.push_back(of_schema(i.args[k], i.op->schema.args[k].type));
    for (ValueId v : i.outs) args.push_back(value(v));
    return kernel_call(i.op->name, args);
  }
  fb::Offset<pte::Instruction> kernel_call(std::string_view name, const std::vector<int32_t>& args) {
    const auto call = pte::CreateKernelCall(out_, op_index(name), out_.CreateVector(args));
    return pte::CreateInstruction(out_, pte::InstructionArguments_KernelCall, call.Union());
  }
  int32_t of_schema(const Arg& a, const std::string& type) {
    const bool is_tensor_list = type.starts_with("Tensor") && type.find('[') != std::string::npos;
    if (is_tensor_list && a.list() && a.list()->empty())
      return tensor_list({});
    if (is_tensor_list && type.find("?[") != std::string::npos) return optional_tensors(*a.list());
    return typed(a, type);
  }

  fb::Offset<pte::Instruction> delegate_call(const Instruction& i) {
    std::vector<int32_t> args;
    for (const Arg& a : *i.args[1].list()) args.push_back(value(a.ref()->id));
    for (ValueId v : i.outs) args.push_back(value(v));
    const auto data = pte::CreateBackendDelegateDataReference(out_, /*location: a segment*/ 1, static_cast<uint32_t>(delegates_.blobs.size()));
    delegates_.blobs.push_back(xnnpack_blob(**i.args[0].graph(), delegates_.constants));
    own_delegates_.push_back(pte::CreateBackendDelegate(out_, out_.CreateString("XnnpackBackend"), data, out_.CreateVector(std::vector<fb::Offset<pte::CompileSpec>>())));
    const auto call = pte::CreateDelegateCall(out_, static_cast<int32_t>(own_delegates_.size() - 1), out_.CreateVector(args));
    return pte::CreateInstruction(out_, pte::InstructionArguments_DelegateCall, call.Union());
  }

  fb::Offset<pte::Instruction> portable_call(const Instruction& i) {
    if (i.op->name == "portfire::xnnpack") return delegate_call(i);
    const OutVariant call = out_variant(p_, i);
    std::vector<int32_t> args, returned;
    for (const OutVariant::Argument& a : call.args) {
      const bool whole = a.type.starts_with("float") && a.value.integer();  // its runtime converts nothing
      args.push_back(of_schema(whole ? Arg(static_cast<double>(*a.value.integer())) : a.value, a.type));
    }
    for (ValueId v : call.outs) args.push_back(value(v));
    for (ValueId v : call.returned) returned.push_back(value(v));
    if (returned.size() == 1) args.push_back(returned[0]);
    if (returned.size() > 1) args.push_back(tensor_list(returned));
    return kernel_call(call.name, args);
  }
  bool is_nothing(const Instruction& i) const {
    return p_.executorch && is_reshape(p_, i) && same_place(i.args[0].ref()->id, i.outs[0]);
  }
  bool same_place(ValueId a, ValueId b) const {
    const Allocation &x = memory_.values[a], &y = memory_.values[b];
    return x.buffer != 0 && x.buffer == y.buffer && x.offset == y.offset;
  }
  int32_t tensor_list(const std::vector<int32_t>& items) {
    return push(pte::KernelTypes_TensorList, pte::CreateTensorList(out_, out_.CreateVector(items)).Union());
  }
  int32_t optional_tensors(const Arg::List& l) {
    std::vector<int32_t> items;
    for (const Arg& a : l) items.push_back(a.none() ? -1 : value(a.ref()->id));
    return push(pte::KernelTypes_OptionalTensorList, pte::CreateOptionalTensorList(out_, out_.CreateVector(items)).Union());
  }
  // Empty and integral lists where the schema wants reals or bools.
  int32_t typed(const Arg& a, const std::string& type) {
    const Arg::List* l = a.list();
    if (!l) return argument(a);
    if (type.starts_with("float[")) {
      std::vector<double> numbers;
      for (const Arg& item : *l) numbers.push_back(item.real() ? *item.real() : item.integer() ? static_cast<double>(*item.integer()) : 0);
      return push(pte::KernelTypes_DoubleList, pte::CreateDoubleList(out_, out_.CreateVector(numbers)).Union());
    }
    if (type.starts_with("bool[") && l->empty())
      return push(pte::KernelTypes_BoolList, pte::CreateBoolList(out_, out_.CreateVector(std::vector<uint8_t>())).Union());
    return list(*l);
  }

  fb::Offset<pte::FrameList> trace(const ir::Origin& o) {
    if (o.line.empty() && o.module.empty()) return pte::CreateFrameList(out_);
    auto [it, fresh] = traces_.try_emplace(o.line + "|" + o.module + "|" + o.code);
    if (fresh) {
      const size_t colon = o.line.rfind(':');
      const int32_t line = colon == std::string::npos ? 0 : std::atoi(o.line.c_str() + colon + 1);
      auto frame = pte::CreateFrame(out_, out_.CreateString(o.line.substr(0, colon)), line, out_.CreateString(o.module), out_.CreateString(o.code));
      it->second = pte::CreateFrameList(out_, out_.CreateVector(&frame, 1));
    }
    return it->second;
  }

  fb::FlatBufferBuilder& out_;
  const Lowered& p_;
  const MemoryPlan& memory_;
  Segment &constants_, &state_;
  Delegates& delegates_;
  std::vector<fb::Offset<pte::BackendDelegate>> own_delegates_;
  std::vector<int32_t> index_;
  std::vector<int32_t> place_{0};      // of each instruction, and of the end, among those that are written
  std::map<ValueId, std::string> names_;
  std::map<ValueId, bool> is_state_;  // true: shared with other methods
  std::map<ValueId, bool> is_table_;
  std::map<ValueId, bool> is_filled_;  // row by row: ExecuTorch's runtime makes them as long as rows are there
  std::vector<fb::Offset<pte::EValue>> values_;
  std::vector<fb::Offset<pte::Operator>> operators_;
  std::map<std::string, int32_t> op_indices_, plain_;
  std::map<std::string, fb::Offset<pte::FrameList>> traces_;
};

}  // namespace

Error write_pte(const EmitProgram& emitted, const Sink& sink) {
  const std::vector<EmitMethod>& methods = emitted.methods;
  for (const EmitMethod& m : methods)
    for (const ir::Symbol& symbol : m.program.symbols)
      if (symbol.name.empty() || symbol.lower > symbol.upper)
        return Error::make(Code::bad_file, "%s: symbol \"%s\" (expected a name and a range, got %lld to %lld)", m.program.name.c_str(),
                           symbol.name.c_str(), static_cast<long long>(symbol.lower), static_cast<long long>(symbol.upper));
  fb::FlatBufferBuilder out(1 << 20);
  Segment constants, state, interface;
  std::vector<fb::Offset<pte::ExecutionPlan>> plans;
  Delegates delegates;
  for (const EmitMethod& m : methods) plans.push_back(MethodWriter(out, m, constants, state, delegates).write());
  std::vector<uint32_t> initial;  // of shared state
  for (const SharedState::Tensor& t : emitted.state.tensors) initial.push_back(t.initial ? state.add(t.initial->data, t.initial->bytes) : 0);
  std::vector<uint8_t> interface_bytes;
  if (!emitted.executorch()) {
    interface_bytes = write_interface(emitted, initial);
    interface.add(interface_bytes.data(), interface_bytes.size());
  }
  std::vector<fb::Offset<pte::DataSegment>> segments;
  std::vector<const Segment*> written;
  uint64_t data = 0;
  auto add_segment = [&](const Segment& s) {
    segments.push_back(pte::CreateDataSegment(out, data, s.size()));
    written.push_back(&s);
    data += s.size();
    return static_cast<uint32_t>(segments.size() - 1);
  };
  std::deque<Segment> of_delegates;
  auto add_bytes = [&](const void* bytes, size_t size) {
    of_delegates.emplace_back().add(bytes, size);
    return add_segment(of_delegates.back());
  };
  for (const std::vector<uint8_t>& blob : delegates.blobs) add_bytes(blob.data(), blob.size());
  const auto constant_table = pte::CreateSubsegmentOffsets(out, add_segment(constants), out.CreateVector(constants.offsets()));
  std::vector<fb::Offset<pte::SubsegmentOffsets>> state_tables;
  if (!state.empty()) state_tables.push_back(pte::CreateSubsegmentOffsets(out, add_segment(state), out.CreateVector(state.offsets())));
  std::vector<fb::Offset<pte::NamedData>> named_data;
  for (const auto& [key, bytes] : delegates.constants.all()) named_data.push_back(pte::CreateNamedData(out, out.CreateString(key), add_bytes(bytes.data, bytes.size)));
  if (!interface.empty()) named_data.push_back(pte::CreateNamedData(out, out.CreateString(kInterfaceKey), add_segment(interface)));
  const auto program = pte::CreateProgram(out, 0, out.CreateVector(plans), 0, 0, out.CreateVector(segments), constant_table,
                                          out.CreateVector(state_tables), out.CreateVector(named_data));
  out.Finish(program, "ET12");

  return write_file(sink, out, written);
}

Error write_pte(const EmitProgram& program, const std::string& path) {
  NewFile file(path.c_str());
  PF_TRY(write_pte(program, [&](const void* data, size_t bytes) { return file.write(data, bytes); }));
  return file.finish();
}

}  // namespace portfire::emit
