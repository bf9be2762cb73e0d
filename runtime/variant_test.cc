// Calls of operators that write to tensors they are given, as ExecuTorch's programs make them.
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "ops/sym.h"
#include "runtime/expansions.h"
#include "runtime/program_case.h"

namespace portfire {
namespace {

void expect(const Error& e, Code code, const char* text) {
  EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.text();
  EXPECT_NE(std::strstr(e.text(), text), nullptr) << e.text();
}

const float kData[4] = {1, -2, 3, -4};
TensorView four() { return TensorView::of(kData, {4}); }

#ifdef PORTFIRE_SOURCE_DIR
TEST(Variant, EveryNameOfThePortableLibraryIsHere) {
  std::ifstream names(PORTFIRE_SOURCE_DIR "/tests/portable_operators.txt");
  std::string name;
  int count = 0;
  while (names >> name) {
    ++count;
    ops::OutVariant form;
    if (ops::find_out_variant(name, &form)) {
      char buffer[128];
      const std::string_view functional = form.functional(buffer, sizeof buffer);
      EXPECT_TRUE(find_expansion(functional) || find_op(functional)) << name << " is " << functional;
      continue;
    }
    char usual[128];
    snprintf(usual, sizeof usual, "%s", name.c_str());
    ops::sym::usual_name(usual);
    if (name.find("::et_") != name.npos) continue;  // the method's own
    EXPECT_TRUE(find_op(usual) && ops::sym::is_sym_op(usual)) << name;
  }
  EXPECT_EQ(count, 240);
}
#endif

TEST(Variant, ElementWiseWithNumbers) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({4}, 16), z = m.tensor({4}, 32);
  m.call("aten::add", "out", {x, x, m.integer(2), y, y});           // 3 x
  m.call("aten::clamp", "out", {y, m.none(), m.real(4.5), z, z});  // at most 4.5
  auto loaded = m.load({x}, {z});
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  Method& method = **loaded;
  ASSERT_FALSE(method.set_input(0, four()));
  const Error e = method.execute();
  ASSERT_FALSE(e) << e.text();
  const float* got = method.output(0).tensor->as<float>();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(got[i], std::fmin(3 * kData[i], 4.5f));
  EXPECT_EQ(method.instruction(0).op, "aten::add.out");
  EXPECT_EQ(method.instruction(0).by, Method::RunBy::kernel);
}

TEST(Variant, AResultOfAWiderDtype) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({}, 64, 0, DType::f64);
  m.call("aten::sum", "IntList_out", {x, m.none(), m.boolean(false), m.none(), y, y});
  auto loaded = m.load({x}, {y});
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  ASSERT_FALSE((*loaded)->set_input(0, four()));
  ASSERT_FALSE((*loaded)->execute());
  EXPECT_EQ(*(*loaded)->output(0).tensor->as<double>(), -2);
}

TEST(Variant, AResultOfALesserDtypeIsRefused) {
  for (const char* name : {"aten::relu", "aten::cumsum"}) {
    ProgramCase m;
    const int32_t x = m.tensor({4}, 0), y = m.tensor({4}, 64, 0, DType::i64);
    if (std::string_view(name) == "aten::relu")
      m.call(name, "out", {x, y, y});
    else
      m.call(name, "out", {x, m.integer(0), m.none(), y, y});
    expect(m.run({x}, {y}), Code::bad_file, "cannot be cast");
  }
}

TEST(Variant, AResultThatIsAnArgument) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), flat = m.tensor({2, 2}, 0);  // the same memory, by another name
  m.call("aten::exp", "out", {x, x, x});
  m.call("aten::flip", "out", {x, m.ints({0}), x, x});
  auto loaded = m.load({x}, {flat});
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  ASSERT_FALSE((*loaded)->set_input(0, four()));
  ASSERT_FALSE((*loaded)->execute());
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ((*loaded)->output(0).tensor->as<float>()[i], std::exp(kData[3 - i]));
}

TEST(Variant, ChannelsLastInputsAndResults) {
  ProgramCase m;
  const std::vector<uint8_t> last{0, 2, 3, 1};
  const int32_t x = m.tensor({1, 2, 1, 3}, 0, 0, DType::f32, last), y = m.tensor({1, 2, 1, 3}, 32, 0, DType::f32, last);
  m.call("aten::cumsum", "out", {x, m.integer(3), m.none(), y, y});
  auto loaded = m.load({x}, {y});
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  const float row_major[6] = {1, 2, 3, 10, 20, 30}, channels_last[6] = {1, 10, 2, 20, 3, 30}, wanted[6] = {1, 10, 3, 30, 6, 60};
  TensorView t = TensorView::of(row_major, {1, 2, 1, 3});
  for (const bool as_planned : {false, true}) {
    if (as_planned) {
      t.data = const_cast<float*>(channels_last);
      t.strides[0] = 6, t.strides[1] = 1, t.strides[2] = 6, t.strides[3] = 2;
    }
    ASSERT_FALSE((*loaded)->set_input(0, t));
    ASSERT_FALSE((*loaded)->execute());
    for (int i = 0; i < 6; ++i) EXPECT_EQ((*loaded)->output(0).tensor->as<float>()[i], wanted[i]) << i;
  }
}

TEST(Variant, StateThatIsReadBeforeItIsWrittenBeginsAsZeros) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), state = m.tensor({4}, 16), sum = m.tensor({4}, 32);
  m.call("aten::add", "out", {state, x, m.integer(1), sum, sum});
  m.call("aten::copy_", "", {state, sum, m.boolean(false), state});
  auto loaded = m.load({x}, {sum, sum});
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  for (const int times : {1, 2, 3, 1}) {
    if (times == 1) {
      ASSERT_FALSE((*loaded)->reset());
    }
    ASSERT_FALSE((*loaded)->set_input(0, four()));
    ASSERT_FALSE((*loaded)->execute());
    for (size_t o : {0, 1}) EXPECT_EQ((*loaded)->output(o).tensor->as<float>()[2], 3 * times);
  }
}

TEST(Variant, InputsThatTheProgramWasMadeFor) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), none = m.none(), n = m.integer(3), word = m.string("mean"), y = m.tensor({4}, 16);
  m.call("aten::relu", "out", {x, y, y});
  auto loaded = m.load({none, x, n, word}, {y, n, none});
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  ASSERT_EQ((*loaded)->input_count(), 2u);
  ASSERT_FALSE((*loaded)->set_input(0, four()));
  EXPECT_FALSE((*loaded)->set_input(1, Value::of(int64_t{3})));
  expect((*loaded)->set_input(1, Value::of(int64_t{4})), Code::bad_argument, "made for 3 (got 4)");
  ASSERT_FALSE((*loaded)->execute());
  EXPECT_EQ((*loaded)->output(1).integer, 3);
  EXPECT_EQ((*loaded)->output(2).kind, Value::Kind::none);
}

TEST(Variant, AResultThatTheFileGivesNoMemory) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, -1), y = m.tensor({4}, -1);
  m.call("aten::relu", "out", {x, y, y});
  expect(m.run({x}, {y}), Code::ok, "");
}

// --- what is wrong ---

TEST(HostileVariant, WrongCounts) {
  for (const int count : {0, 1, 2, 4}) {
    ProgramCase m;
    const int32_t x = m.tensor({4}, 0), y = m.tensor({4}, 16);
    m.call("aten::relu", "out", std::vector<int32_t>(static_cast<size_t>(count), count > 2 ? y : x));
    expect(m.run({x}, {y}), Code::bad_file, "arguments (expected 1, 1 results and what is returned)");
  }
}

TEST(HostileVariant, WhatIsReturnedIsNotTheResult) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({4}, 16);
  m.call("aten::relu", "out", {x, y, x});
  expect(m.run({x}, {y}), Code::bad_file, "returned is not the result");
}

TEST(HostileVariant, ListsThatAreTooShort) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({}, 16), at = m.tensor({}, 24, 0, DType::i64);
  m.call("aten::max", "dim_max", {x, m.integer(0), m.boolean(false), y, at, m.tensors({y})});
  expect(m.run({x}, {y}), Code::bad_file, "returned is not the result");

  ProgramCase pieces;
  const int32_t z = pieces.tensor({4}, 0), a = pieces.tensor({2}, 16);
  pieces.call("aten::split_copy", "Tensor_out", {z, pieces.integer(2), pieces.integer(0), pieces.tensors({a}), pieces.tensors({a})});
  expect(pieces.run({z}, {a}), Code::bad_file, "do not take all of");
}

TEST(HostileVariant, OneResultTwice) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({}, 16, 0, DType::i64);
  m.call("aten::max", "dim_max", {x, m.integer(0), m.boolean(false), y, y, m.tensors({y, y})});
  expect(m.run({x}, {y}), Code::bad_file, "are one");
}

TEST(HostileVariant, WrongKinds) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({4}, 16);
  m.call("aten::clamp", "out", {x, x, m.none(), y, y});
  expect(m.run({x}, {y}), Code::bad_file, "argument 1 is Tensor (expected Scalar?)");
  ProgramCase number;
  const int32_t z = number.tensor({4}, 0), n = number.integer(1);
  number.call("aten::relu", "out", {z, n, n});
  expect(number.run({z}, {z}), Code::bad_file, "result 0 is int (expected Tensor)");
  ProgramCase list;
  const int32_t w = list.tensor({4}, 0), v = list.tensor({}, 16, 0, DType::boolean);
  list.call("aten::any", "out", {w, list.none(), list.boolean(false), v, v});
  expect(list.run({w}, {v}), Code::bad_file, "argument 1 is None (expected int)");
}

TEST(HostileVariant, ReadBeforeItIsComputed) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), nothing = m.tensor({4}, -1), y = m.tensor({4}, 16);
  m.call("aten::mul", "out", {x, nothing, y, y});
  expect(m.run({x}, {y}), Code::bad_file, "read before it is computed");
}

TEST(HostileVariant, ResultsThatAreTooSmall) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({2}, 16);
  m.call("aten::relu", "out", {x, y, y});
  expect(m.run({x}, {y}), Code::bad_file, "result is f32[2]");
  ProgramCase grows;
  const int32_t z = grows.tensor({4}, 0), w = grows.tensor({2}, 16, 1);
  grows.call("aten::cat", "out", {grows.tensors({z, z}), grows.integer(0), w, w});
  expect(grows.run({z}, {w}), Code::bad_argument, "exceeds the planned");
}

TEST(HostileVariant, RowsBehindTheResult) {
  ProgramCase m;
  const int32_t x = m.tensor({4}, 0), y = m.tensor({2, 4}, 64, 1);
  m.call("executorch_prim::et_copy_index", "tensor", {y, x, m.integer(2)});
  expect(m.run({x}, {y}), Code::bad_argument, "exceeds the planned");
  ProgramCase negative;
  const int32_t z = negative.tensor({4}, 0), w = negative.tensor({2, 4}, 64, 1);
  negative.call("executorch_prim::et_copy_index", "tensor", {w, z, negative.integer(-1)});
  expect(negative.run({z}, {w}), Code::bad_argument, "index -1");
}

TEST(HostileVariant, BatchNormOfTooFewChannels) {
  ProgramCase m;
  const int32_t x = m.tensor({1, 4}, 0), few = m.tensor({2}, 16), y = m.tensor({1, 4}, 32), none = m.tensor({0}, 64),
      none2 = m.tensor({0}, 68);
  m.call("aten::_native_batch_norm_legit_no_training", "out",
         {x, few, few, few, few, m.real(0.1), m.real(1e-5), y, none, none2, m.tensors({y, none, none2})});
  expect(m.load({x}, {y}).error(), Code::bad_argument, "one number for each channel");
}

}  // namespace
}  // namespace portfire
