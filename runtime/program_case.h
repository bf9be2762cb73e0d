// A program of one method, built value by value, for tests of the runtime.
#pragma once

#include <cstring>
#include <vector>

#include "runtime/method.h"

namespace portfire {

// It has one buffer of 256 bytes.
class ProgramCase {
 public:
  using Instruction = flatbuffers::Offset<pte::Instruction>;

  // offset -1: no memory; `order`: of dimensions, where it is not row-major
  int32_t tensor(std::vector<int32_t> sizes, int64_t offset, int8_t dynamism = 0, DType dtype = DType::f32, std::vector<uint8_t> order = {}) {
    flatbuffers::Offset<pte::AllocationDetails> memory;
    if (offset >= 0) memory = pte::CreateAllocationDetails(out_, 1, static_cast<uint32_t>(offset), 0);
    const auto vector = out_.CreateVector(sizes);
    const auto dim_order = order.empty() ? 0 : out_.CreateVector(order);
    return push(pte::KernelTypes_Tensor,
                pte::CreateTensor(out_, static_cast<int8_t>(dtype), 0, vector, dim_order, false, 0, memory, 0, dynamism).Union());
  }
  int32_t integer(int64_t n) { return push(pte::KernelTypes_Int, pte::CreateInt(out_, n).Union()); }
  int32_t boolean(bool b) { return push(pte::KernelTypes_Bool, pte::CreateBool(out_, b).Union()); }
  int32_t none() { return push(pte::KernelTypes_Null, pte::CreateNull(out_).Union()); }
  int32_t ints(std::vector<int64_t> values) {
    for (int64_t& v : values) v = integer(v);
    return push(pte::KernelTypes_IntList, pte::CreateIntList(out_, out_.CreateVector(values)).Union());
  }
  int32_t real(double d) { return push(pte::KernelTypes_Double, pte::CreateDouble(out_, d).Union()); }
  int32_t string(const char* text) { return push(pte::KernelTypes_String, pte::CreateString(out_, out_.CreateString(text)).Union()); }
  int32_t tensors(std::vector<int32_t> items) { return push(pte::KernelTypes_TensorList, pte::CreateTensorList(out_, out_.CreateVector(items)).Union()); }

  void call(const char* name, const char* overload, std::vector<int32_t> args) {
    operators_.push_back(pte::CreateOperator(out_, out_.CreateString(name), out_.CreateString(overload)));
    const auto call = pte::CreateKernelCall(out_, static_cast<int32_t>(operators_.size() - 1), out_.CreateVector(args));
    code_.push_back(pte::CreateInstruction(out_, pte::InstructionArguments_KernelCall, call.Union()));
  }
  void move(int32_t from, int32_t to) {
    code_.push_back(pte::CreateInstruction(out_, pte::InstructionArguments_MoveCall, pte::CreateMoveCall(out_, from, to).Union()));
  }
  void jump_if_false(int32_t condition, int32_t to) {
    code_.push_back(pte::CreateInstruction(out_, pte::InstructionArguments_JumpFalseCall, pte::CreateJumpFalseCall(out_, condition, to).Union()));
  }

  // Must not outlive the case.
  Result<std::unique_ptr<Method>> load(const std::vector<int32_t>& inputs, const std::vector<int32_t>& outputs) {
    const auto chain = pte::CreateChain(out_, out_.CreateVector(inputs), out_.CreateVector(outputs), out_.CreateVector(code_));
    const std::vector<int64_t> buffers{0, 256};
    const auto plan = pte::CreateExecutionPlan(out_, out_.CreateString("forward"), 0, out_.CreateVector(values_), out_.CreateVector(inputs),
                                               out_.CreateVector(outputs), out_.CreateVector(&chain, 1), out_.CreateVector(operators_), 0,
                                               out_.CreateVector(buffers));
    out_.Finish(pte::CreateProgram(out_, 0, out_.CreateVector(&plan, 1)), "ET12");
    bytes_.resize(out_.GetSize());
    std::memcpy(bytes_.data(), out_.GetBufferPointer(), bytes_.size());
    PF_ASSIGN(auto program, Program::from_bytes(bytes_));
    Method::Options options;
    options.max_instructions = 1000;
    options.max_arena_bytes = 1 << 20;
    return Method::load(program, "forward", options);
  }

  // Verifies, loads, sets inputs of four f32, and runs: the error of whichever fails, or none.
  Error run(const std::vector<int32_t>& inputs, const std::vector<int32_t>& outputs) {
    PF_ASSIGN(auto method, load(inputs, outputs));
    const float data[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < method->input_count(); ++i)
      if (method->input_type(i).kind == Value::Kind::tensor) PF_TRY(method->set_input(i, TensorView::of(data, {4})));
    return method->execute();
  }

 private:
  int32_t push(pte::KernelTypes kind, flatbuffers::Offset<void> value) {
    values_.push_back(pte::CreateEValue(out_, kind, value));
    return static_cast<int32_t>(values_.size() - 1);
  }

  flatbuffers::FlatBufferBuilder out_;
  std::vector<flatbuffers::Offset<pte::EValue>> values_;
  std::vector<flatbuffers::Offset<pte::Operator>> operators_;
  std::vector<Instruction> code_;
  std::vector<std::byte> bytes_;  // which the method reads as long as it is there
};

}  // namespace portfire
