// Small programs for tests of what reads them, in the way of ExecuTorch's: calls that are given where results go. Include it first.
#pragma once

#include "program_objects.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "format/program_view.h"

namespace portfire::cli {

class ProgramCase {
 public:
  // `memory`: the size of buffer 1.
  explicit ProgramCase(int64_t memory) {
    plan_.name = "forward";
    plan_.non_const_buffer_sizes = {0, memory};
    plan_.chains.push_back(std::make_unique<pte::ChainT>());
  }

  // f32; `offset` in buffer 1, -1: no memory.
  int32_t tensor(std::vector<int32_t> sizes, int64_t offset, const std::string& name = "") {
    pte::TensorT t;
    t.scalar_type = static_cast<int8_t>(DType::f32);
    t.sizes = std::move(sizes);
    if (offset >= 0) {
      t.allocation_info = std::make_unique<pte::AllocationDetailsT>();
      t.allocation_info->memory_id = 1;
      t.allocation_info->memory_offset_low = static_cast<uint32_t>(offset);
    }
    if (!name.empty()) {
      t.extra_tensor_info = std::make_unique<pte::ExtraTensorInfoT>();
      t.extra_tensor_info->fully_qualified_name = name;
    }
    return add(std::move(t));
  }
  // A constant of zeros.
  int32_t constant(std::vector<int32_t> sizes) {
    pte::TensorT t;
    t.scalar_type = static_cast<int8_t>(DType::f32);
    size_t bytes = 4;
    for (int32_t s : sizes) bytes *= static_cast<size_t>(s);
    t.sizes = std::move(sizes);
    if (program_.constant_buffer.empty()) program_.constant_buffer.push_back(std::make_unique<pte::BufferT>());
    t.data_buffer_idx = static_cast<uint32_t>(program_.constant_buffer.size());
    program_.constant_buffer.push_back(std::make_unique<pte::BufferT>());
    program_.constant_buffer.back()->storage.resize(bytes);
    return add(std::move(t));
  }
  int32_t integer(int64_t value) {
    pte::IntT i;
    i.value = value;
    return add(std::move(i));
  }
  int32_t tensors(std::vector<int32_t> items) {
    pte::TensorListT list;
    list.items = std::move(items);
    return add(std::move(list));
  }

  void call(const std::string& name, const std::string& overload, std::vector<int32_t> args) {
    auto op = std::make_unique<pte::OperatorT>();
    op->name = name;
    op->overload = overload;
    plan_.operators.push_back(std::move(op));
    pte::KernelCallT call;
    call.op_index = static_cast<int32_t>(plan_.operators.size()) - 1;
    call.args = std::move(args);
    push(std::move(call));
  }
  void delegate(const std::string& id, std::vector<int32_t> args, std::vector<uint8_t> bytes = {}) {
    auto data = std::make_unique<pte::BackendDelegateInlineDataT>();
    data->data = std::move(bytes);
    program_.backend_delegate_data.push_back(std::move(data));
    auto delegate = std::make_unique<pte::BackendDelegateT>();
    delegate->id = id;
    delegate->processed = std::make_unique<pte::BackendDelegateDataReferenceT>();
    delegate->processed->index = static_cast<uint32_t>(program_.backend_delegate_data.size()) - 1;
    plan_.delegates.push_back(std::move(delegate));
    pte::DelegateCallT call;
    call.delegate_index = static_cast<int32_t>(plan_.delegates.size()) - 1;
    call.args = std::move(args);
    push(std::move(call));
  }
  void move(int32_t from, int32_t to) {
    pte::MoveCallT move;
    move.move_from = from;
    move.move_to = to;
    push(move);
  }
  void jump_if_false(int32_t condition, int32_t to) {
    pte::JumpFalseCallT jump;
    jump.cond_value_index = condition;
    jump.destination_instruction = to;
    push(jump);
  }
  // Of the last instruction.
  void from(const std::string& file, int line, const std::string& module) {
    auto frame = std::make_unique<pte::FrameT>();
    frame->filename = file;
    frame->lineno = line;
    frame->name = module;
    auto& traces = plan_.chains[0]->stacktrace;
    while (traces.size() < plan_.chains[0]->instructions.size()) traces.push_back(std::make_unique<pte::FrameListT>());
    traces.back()->items.push_back(std::move(frame));
  }

  pte::ExecutionPlanT& plan() { return plan_; }
  // To be called once, at the end.
  Result<ProgramView> view(std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    plan_.inputs = std::move(inputs);
    plan_.outputs = std::move(outputs);
    program_.execution_plan.push_back(std::make_unique<pte::ExecutionPlanT>(std::move(plan_)));
    flatbuffers::FlatBufferBuilder out;
    out.Finish(pte::Program::Pack(out, &program_), "ET12");
    bytes_.resize((out.GetSize() + 15) / 16 + 1);
    std::memcpy(bytes_.data(), out.GetBufferPointer(), out.GetSize());
    return ProgramView::open({reinterpret_cast<const std::byte*>(bytes_.data()), out.GetSize()});
  }

 private:
  struct alignas(16) Block {
    std::byte bytes[16];
  };
  template <class T>
  int32_t add(T value) {
    auto v = std::make_unique<pte::EValueT>();
    v->val.Set(std::move(value));
    plan_.values.push_back(std::move(v));
    return static_cast<int32_t>(plan_.values.size()) - 1;
  }
  template <class T>
  void push(T arguments) {
    auto in = std::make_unique<pte::InstructionT>();
    in->instr_args.Set(std::move(arguments));
    plan_.chains[0]->instructions.push_back(std::move(in));
  }

  pte::ProgramT program_;
  pte::ExecutionPlanT plan_;
  std::vector<Block> bytes_;
};

}  // namespace portfire::cli
