// Programs that are well-formed flatbuffers and yet wrong: each would have the runtime touch memory that is not the
// program's, were it not refused.
#include <cstring>

#include <gtest/gtest.h>

#include "runtime/program_case.h"

namespace portfire {
namespace {

void expect(const Error& e, Code code, const char* text) {
  EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.text();
  EXPECT_NE(std::strstr(e.text(), text), nullptr) << e.text();
}

TEST(HostileProgram, TheMakerMakesGoodOnes) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::ok, "");
}

TEST(HostileProgram, ResultWithoutMemory) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, -1);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "has no memory");
}

TEST(HostileProgram, ResultInTheCallersInput) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1);
  m.call("aten::relu", "", {x, x});
  expect(m.run({x}, {x}), Code::bad_file, "has no memory");
}

TEST(HostileProgram, ReadBeforeWritten) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({2, 2}, -1), y = m.tensor({2, 2}, 0);
  m.call("aten::relu", "", {view, y});
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  expect(m.run({x}, {y}), Code::bad_file, "read before it is computed");
}

TEST(HostileProgram, JumpOverTheView) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({2, 2}, -1), y = m.tensor({2, 2}, 0), no = m.boolean(false);
  m.jump_if_false(no, 2);
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  m.call("aten::relu", "", {view, y});
  expect(m.run({x}, {y}), Code::bad_file, "no memory when it is used");
}

TEST(HostileProgram, ViewBeyondItsSource) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({4}, -1), y = m.tensor({4}, 0);
  m.call("aten::as_strided", "", {x, m.ints({4}), m.ints({1}), m.integer(1), view});
  m.call("aten::relu", "", {view, y});
  EXPECT_TRUE(m.run({x}, {y}));
}

TEST(HostileProgram, ViewDefinedTwice) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), view = m.tensor({2, 2}, -1);
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  m.call("aten::view", "", {x, m.ints({2, 2}), view});
  expect(m.run({x}, {view}), Code::bad_file, "defined twice");
}

TEST(HostileProgram, MoveOntoAResult) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0), z = m.tensor({4}, 16);
  m.call("aten::relu", "", {x, y});
  m.call("aten::relu", "", {x, z});
  m.move(y, z);
  expect(m.run({x}, {z}), Code::bad_file, "a move to");
}

TEST(HostileProgram, ResultOntoAMove) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0), z = m.tensor({4}, 16);
  m.call("aten::relu", "", {x, y});
  m.move(y, z);
  m.call("aten::relu", "", {x, z});
  expect(m.run({x}, {z}), Code::bad_file, "view of something else");
}

TEST(HostileProgram, MoveBetweenKinds) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), list = m.ints({1, 2}), n = m.integer(3);
  m.move(n, list);
  expect(m.run({x}, {x}), Code::bad_file, "a move from int to int[]");
}

TEST(HostileProgram, LoopWithoutEnd) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), no = m.boolean(false);
  m.jump_if_false(no, 0);
  expect(m.run({x}, {x}), Code::failed, "not done after 1000 instructions");
}

TEST(HostileProgram, MisalignedMemory) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 2);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "not aligned");
}

TEST(HostileProgram, PlanBeyondItsBuffer) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 244);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "reaches past its buffer");
}

TEST(HostileProgram, SizesThatOverflow) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({0, INT32_MAX, INT32_MAX, INT32_MAX}, -1);
  m.call("aten::relu", "", {x, y});
  expect(m.run({x}, {y}), Code::bad_file, "impossible sizes");
}

TEST(HostileProgram, WrongKindOfArgument) {
  ProgramCase m;
  const int32_t y = m.tensor({4}, 0);
  m.call("aten::relu", "", {m.integer(1), y});
  expect(m.run({}, {y}), Code::bad_file, "argument 0 is int (expected Tensor)");
}

TEST(HostileProgram, DtypeThatALoopChanges) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, 0), dtype = m.integer(6);
  m.call("aten::_to_copy", "", {x, dtype, m.none(), m.none(), m.none(), m.boolean(false), m.none(), y});
  m.move(m.integer(77), dtype);
  expect(m.run({x}, {y}), Code::bad_file, "is computed");
}

TEST(HostileProgram, GrowsBeyondItsLimit) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({1}, 0, /*dynamism=*/2);
  m.call("aten::repeat", "", {x, m.ints({1 << 20}), y});
  expect(m.run({x}, {y}), Code::out_of_memory, "more memory than allowed");
}

TEST(HostileProgram, OutputThatNothingComputes) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, -1);
  expect(m.run({x}, {y}), Code::bad_file, "not computed");
}

}  // namespace
}  // namespace portfire
