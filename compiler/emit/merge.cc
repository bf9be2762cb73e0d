// The program's tables as objects; before program_view.h, which has them as views only.
#include "program_objects.h"

#include "compiler/emit/merge.h"

#include <algorithm>
#include <map>

#include "compiler/emit/pte_file.h"
#include "core/new_file.h"

namespace portfire::emit {
namespace {

namespace fb = flatbuffers;

// What a table of offsets says of constant `index`: up to the next one, or the end of its segment.
std::span<const std::byte> constant(const ProgramView& view, const pte::TensorT& t) {
  size_t bytes = byte_size(static_cast<DType>(t.scalar_type));
  for (int32_t s : t.sizes) bytes *= static_cast<size_t>(s);
  return {view.constant(t.data_buffer_idx), bytes};
}

class Merger {
 public:
  Merger(const ProgramView& view, const StateSource& state) : view_(view), shared_(*view.shared_state()), state_(state) {}

  Error run(const std::string& output) {
    std::unique_ptr<pte::ProgramT> program(view_.root().UnPack());
    auto& plans = program->execution_plan;
    std::erase_if(plans, [](const auto& p) { return p->name != "forward"; });
    if (plans.empty()) return Error::make(Code::unsupported, "no method \"forward\"");
    pte::ExecutionPlanT& plan = *plans[0];
    PF_TRY(check_unwritten(plan));
    for (auto& value : plan.values)
      if (pte::TensorT* t = value->val.AsTensor()) PF_TRY(place(*t));
    if (plan.non_const_buffer_sizes.size() > shared_.buffer()) plan.non_const_buffer_sizes[shared_.buffer()] = 0;

    Segment interface;
    const std::vector<uint8_t> bytes = interface_of(plan.name);
    interface.add(bytes.data(), bytes.size());
    program->segments.clear();
    program->mutable_data_segments.clear();
    program->named_data.clear();
    const auto add = [&](const Segment& s) {
      auto segment = std::make_unique<pte::DataSegmentT>();
      segment->offset = program->segments.empty() ? 0 : program->segments.back()->offset + program->segments.back()->size;
      segment->size = s.size();
      program->segments.push_back(std::move(segment));
      return static_cast<uint32_t>(program->segments.size() - 1);
    };
    program->constant_segment = std::make_unique<pte::SubsegmentOffsetsT>();
    program->constant_segment->segment_index = add(constants_);
    program->constant_segment->offsets = constants_.offsets();
    if (!own_state_.empty()) {
      auto table = std::make_unique<pte::SubsegmentOffsetsT>();
      table->segment_index = add(own_state_);
      table->offsets = own_state_.offsets();
      program->mutable_data_segments.push_back(std::move(table));
    }
    auto named = std::make_unique<pte::NamedDataT>();
    named->key = kInterfaceKey;
    named->segment_index = add(interface);
    program->named_data.push_back(std::move(named));
    fb::FlatBufferBuilder out(1 << 20);
    out.Finish(pte::Program::Pack(out, program.get()), "ET12");
    NewFile file(output.c_str());
    PF_TRY(write_file([&](const void* data, size_t n) { return file.write(data, n); }, out, {&constants_, &own_state_, &interface}));
    return file.finish();
  }

 private:
  bool is_shared(const pte::TensorT& t) const { return t.allocation_info && t.allocation_info->memory_id == shared_.buffer(); }

  const pte::StateTensor* state_at(const pte::TensorT& t) const {
    const uint64_t offset = uint64_t{t.allocation_info->memory_offset_high} << 32 | t.allocation_info->memory_offset_low;
    for (const pte::StateTensor* s : *shared_.tensors())
      if (s->offset() == offset && s->scalar_type() == t.scalar_type) return s;
    return nullptr;
  }

  // Results come last; `portfire::write` writes to its first argument.
  Error check_unwritten(const pte::ExecutionPlanT& plan) const {
    for (const auto& instruction : plan.chains.at(0)->instructions) {
      const pte::KernelCallT* call = instruction->instr_args.AsKernelCall();
      if (!call || call->args.empty()) continue;
      const bool writes = plan.operators.at(static_cast<size_t>(call->op_index))->name == "portfire::write";
      const int32_t target = writes ? call->args.front() : call->args.back();
      const pte::TensorT* t = plan.values.at(static_cast<size_t>(target))->val.AsTensor();
      if (t && is_shared(*t)) return Error::make(Code::unsupported, "method \"forward\" changes its state (expected one that reads it)");
    }
    return {};
  }

  Error place(pte::TensorT& t) {
    if (is_shared(t)) {
      const pte::StateTensor* s = state_at(t);
      if (!s) return Error::make(Code::bad_file, "a tensor in the middle of the shared state");
      const std::string name = s->name()->str();
      const TensorView* value = state_(name);
      Shape shape;
      for (int32_t size : t.sizes) shape.push(size);
      const auto dtype = static_cast<DType>(t.scalar_type);
      if (!value) return Error::make(Code::bad_argument, "no value for \"%s\"", name.c_str());
      if (value->dtype != dtype || !(value->shape == shape) || !value->is_contiguous())
        return Error::make(Code::bad_argument, "\"%s\" is %s (expected %s)", name.c_str(), TypeText(*value).c_str(), TypeText(dtype, shape).c_str());
      t.allocation_info.reset();
      t.data_buffer_idx = constants_.add(value->data, value->bytes());
    } else if (t.data_buffer_idx > 0 && t.allocation_info) {
      const std::span<const std::byte> bytes = {view_.initial_state(t.data_buffer_idx), constant(view_, t).size()};
      t.data_buffer_idx = own_state_.add(bytes.data(), bytes.size());
    } else if (t.data_buffer_idx > 0) {
      const std::span<const std::byte> bytes = constant(view_, t);
      t.data_buffer_idx = constants_.add(bytes.data(), bytes.size());
    }
    return {};
  }

  std::vector<uint8_t> interface_of(const std::string& method) const {
    pte::InterfaceT interface;
    if (const pte::MethodInterface* m = view_.interface_of(*view_.plan(method))) interface.methods.emplace_back(m->UnPack());
    fb::FlatBufferBuilder out;
    out.Finish(pte::Interface::Pack(out, &interface));
    return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
  }

  const ProgramView& view_;
  const pte::SharedState& shared_;
  const StateSource& state_;
  Segment constants_, own_state_;
};

}  // namespace

Error merge_state(const ProgramView& program, const StateSource& state, const std::string& output) {
  if (!program.shared_state() || !program.shared_state()->tensors())
    return Error::make(Code::unsupported, "not a training program (expected one, or the .pt2 it was compiled from)");
  return Merger(program, state).run(output);
}

}  // namespace portfire::emit
