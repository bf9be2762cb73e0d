// Programs that are well-formed flatbuffers and yet wrong: each would have the runtime touch memory that is not the
// program's, were it not refused.
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/method.h"

namespace portfire {
namespace {

namespace fb = flatbuffers;

// A program of one method, built value by value. It has one buffer of 256 bytes.
class Maker {
 public:
  using Instruction = fb::Offset<pte::Instruction>;

  int32_t tensor(std::vector<int32_t> sizes, int64_t offset, int8_t dynamism = 0, DType dtype = DType::f32) {  // offset -1: no memory
    fb::Offset<pte::AllocationDetails> memory;
    if (offset >= 0) memory = pte::CreateAllocationDetails(out_, 1, static_cast<uint32_t>(offset), 0);
    const auto vector = out_.CreateVector(sizes);
    return push(pte::KernelTypes_Tensor,
                pte::CreateTensor(out_, static_cast<int8_t>(dtype), 0, vector, 0, false, 0, memory, 0, dynamism).Union());
  }
  int32_t integer(int64_t n) { return push(pte::KernelTypes_Int, pte::CreateInt(out_, n).Union()); }
  int32_t boolean(bool b) { return push(pte::KernelTypes_Bool, pte::CreateBool(out_, b).Union()); }
  int32_t none() { return push(pte::KernelTypes_Null, pte::CreateNull(out_).Union()); }
  int32_t ints(std::vector<int64_t> values) {
    for (int64_t& v : values) v = integer(v);
    return push(pte::KernelTypes_IntList, pte::CreateIntList(out_, out_.CreateVector(values)).Union());
  }

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

  // Verifies, loads, sets inputs of four f32, and runs: the error of whichever fails, or none.
  Error run(std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    const auto chain = pte::CreateChain(out_, out_.CreateVector(inputs), out_.CreateVector(outputs), out_.CreateVector(code_));
    const std::vector<int64_t> buffers{0, 256};
    const auto plan = pte::CreateExecutionPlan(out_, out_.CreateString("forward"), 0, out_.CreateVector(values_), out_.CreateVector(inputs),
                                               out_.CreateVector(outputs), out_.CreateVector(&chain, 1), out_.CreateVector(operators_), 0,
                                               out_.CreateVector(buffers));
    out_.Finish(pte::CreateProgram(out_, 0, out_.CreateVector(&plan, 1)), "ET12");
    std::vector<std::byte> bytes(out_.GetSize());
    std::memcpy(bytes.data(), out_.GetBufferPointer(), bytes.size());
    PF_ASSIGN(auto program, Program::from_bytes(bytes));
    Method::Options options;
    options.max_instructions = 1000;
    options.max_arena_bytes = 1 << 20;
    PF_ASSIGN(auto method, Method::load(program, "forward", options));
    float data[4] = {1, 2, 3, 4};
    TensorView t;
    t.shape.push(4);
    t.set_contiguous();
    t.data = data;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (method->input_type(i).kind == Value::Kind::tensor) PF_TRY(method->set_input(i, t));
    return method->execute();
  }

 private:
  int32_t push(pte::KernelTypes kind, fb::Offset<void> value) {
    values_.push_back(pte::CreateEValue(out_, kind, value));
    return static_cast<int32_t>(values_.size() - 1);
  }

  fb::FlatBufferBuilder out_;
  std::vector<fb::Offset<pte::EValue>> values_;
  std::vector<fb::Offset<pte::Operator>> operators_;
  std::vector<Instruction> code_;
};

void expect(const Error& e, Code code, const char* text) {
  EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.text();
  EXPECT_NE(std::strstr(e.text(), text), nullptr) << e.text();
}

TEST(HostileProgram, TheMakerMakesGoodOnes) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::ok, "");
}

TEST(HostileProgram, ResultWithoutMemory) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, -1);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "has no memory");
}

TEST(HostileProgram, ResultInTheCallersInput) {
  Maker m;
  const int32_t x = m.tensor({4}, -1);
  m.call("aten::relu", "", {x, x});
  expect(m.run({x}, {x}), Code::bad_file, "has no memory");
}

TEST(HostileProgram, ReadBeforeWritten) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({2, 2}, -1), y = m.tensor({2, 2}, 0);
  m.call("aten::relu", "", {view, y});
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  expect(m.run({x}, {y}), Code::bad_file, "read before it is computed");
}

TEST(HostileProgram, JumpOverTheView) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({2, 2}, -1), y = m.tensor({2, 2}, 0), no = m.boolean(false);
  m.jump_if_false(no, 2);
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  m.call("aten::relu", "", {view, y});
  expect(m.run({x}, {y}), Code::bad_file, "no memory when it is used");
}

TEST(HostileProgram, ViewBeyondItsSource) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({4}, -1), y = m.tensor({4}, 0);
  m.call("aten::as_strided", "", {x, m.ints({4}), m.ints({1}), m.integer(1), view});
  m.call("aten::relu", "", {view, y});
  EXPECT_TRUE(m.run({x}, {y}));
}

TEST(HostileProgram, ViewDefinedTwice) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({2, 2}, -1);
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  expect(m.run({x}, {view}), Code::bad_file, "defined twice");
}

TEST(HostileProgram, MoveOntoAResult) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0), z = m.tensor({4}, 16);
  m.call("aten::relu", "", {x, y});
  m.call("aten::relu", "", {x, z});
  m.move(y, z);
  expect(m.run({x}, {z}), Code::bad_file, "a move to");
}

TEST(HostileProgram, ResultOntoAMove) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0), z = m.tensor({4}, 16);
  m.call("aten::relu", "", {x, y});
  m.move(y, z);
  m.call("aten::relu", "", {x, z});
  expect(m.run({x}, {z}), Code::bad_file, "view of something else");
}

TEST(HostileProgram, MoveBetweenKinds) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), list = m.ints({1, 2}), n = m.integer(3);
  m.move(n, list);
  expect(m.run({x}, {x}), Code::bad_file, "a move from int to int[]");
}

TEST(HostileProgram, LoopWithoutEnd) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), no = m.boolean(false);
  m.jump_if_false(no, 0);
  expect(m.run({x}, {x}), Code::failed, "not done after 1000 instructions");
}

TEST(HostileProgram, MisalignedMemory) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 2);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "not aligned");
}

TEST(HostileProgram, PlanBeyondItsBuffer) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 244);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "reaches past its buffer");
}

TEST(HostileProgram, SizesThatOverflow) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({0, INT32_MAX, INT32_MAX, INT32_MAX}, -1);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "impossible sizes");
}

TEST(HostileProgram, WrongKindOfArgument) {
  Maker m;
  const int32_t y = m.tensor({4}, 0);
  m.call("aten::relu", "", {m.integer(1), y});
  expect(m.run({}, {y}), Code::bad_file, "argument 0 is int (expected Tensor)");
}

TEST(HostileProgram, DtypeThatALoopChanges) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0), dtype = m.integer(6);
  m.call("aten::_to_copy", "", {x, dtype, m.none(), m.none(), m.none(), m.boolean(false), m.none(), y});
  m.move(m.integer(77), dtype);
  expect(m.run({x}, {y}), Code::bad_file, "is computed");
}

TEST(HostileProgram, GrowsBeyondItsLimit) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({1}, 0, /*dynamism=*/2);
  m.call("aten::repeat", "", {x, m.ints({1 << 20}), y});
  expect(m.run({x}, {y}), Code::out_of_memory, "more memory than allowed");
}

TEST(HostileProgram, OutputThatNothingComputes) {
  Maker m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, -1);
  expect(m.run({x}, {y}), Code::bad_file, "not computed");
}

}  // namespace
}  // namespace portfire
