// State that methods of other compilers' programs share, as ExecuTorch plans it: in buffer 2.
#include <functional>

#include <gtest/gtest.h>

#include "portfire/portfire.h"
#include "runtime/method.h"
#include "runtime/methods_case.h"

namespace portfire {
namespace {

using Tensor = ProgramMaker::Tensor;

void add_method(ProgramMaker& m, const Tensor& sum, std::vector<int64_t> buffers = {64, 64}) {
  m.method("add", std::move(buffers));
  const int32_t x = m.tensor({.sizes = {4}}), one = m.integer(1), s = m.tensor(sum);
  m.call("aten::add", "Tensor", {s, x, one, s});
  m.gives({x}, {s});
}

void get_method(ProgramMaker& m, const Tensor& sum, std::vector<int64_t> buffers = {64, 64}) {
  m.method("get", std::move(buffers));
  const int32_t s = m.tensor(sum), y = m.tensor({.sizes = {4}, .memory = 1});
  m.call("aten::neg", "", {s, y});
  m.gives({}, {y});
}

Module open(const std::string& program) {
  static std::vector<std::unique_ptr<AlignedBytes>> kept;
  kept.push_back(std::make_unique<AlignedBytes>(program));
  auto m = Module::from_bytes(*kept.back(), {.threads = 1});
  EXPECT_TRUE(m.ok()) << m.error().text();
  return *std::move(m);
}

const float kOnes[4] = {1, 1, 1, 1};
float add(Module& m) {
  const TensorView x[] = {TensorView::of(kOnes, {4})};
  auto y = m.call("add", x);
  EXPECT_TRUE(y.ok()) << y.error().text();
  return y.ok() ? (*y)[0].as<float>()[3] : -1;
}
float get(Module& m) {
  auto y = m.call("get", {});
  EXPECT_TRUE(y.ok()) << y.error().text();
  return y.ok() ? -(*y)[0].as<float>()[3] : -1;
}

TEST(SharedState, BeginsAsZerosAndIsOne) {
  ProgramMaker m;
  const Tensor sum{.sizes = {4}, .memory = 2, .offset = 16};
  add_method(m, sum);
  get_method(m, sum);
  Module module = open(m.bytes());
  EXPECT_EQ(get(module), 0);
  EXPECT_EQ(add(module), 1);
  EXPECT_EQ(add(module), 2);
  EXPECT_EQ(get(module), 2);
  EXPECT_EQ(module.arena_bytes(), 64u * 3) << "the shared buffer is there once";
  ASSERT_FALSE(module.reset());
  EXPECT_EQ(get(module), 0);
}

// A method that is loaded when the state has changed already does not put it back.
TEST(SharedState, HasABeginningOnce) {
  ProgramMaker m;
  const uint32_t ten = m.state({10, 10, 10, 10});
  add_method(m, {.sizes = {4}, .memory = 2, .state = ten});
  get_method(m, {.sizes = {4}, .memory = 2, .state = ten});
  Module module = open(m.bytes());
  EXPECT_EQ(add(module), 11);
  EXPECT_EQ(get(module), 11);
  ASSERT_FALSE(module.reset());
  EXPECT_EQ(get(module), 10);
}

// Beginnings that are the same bytes, or that only one method knows; views of other sizes.
TEST(SharedState, MethodsMayKnowItDifferently) {
  ProgramMaker m;
  const uint32_t ten = m.state({10, 10, 10, 10}), again = m.state({10, 10, 10, 10});
  m.method("view", {64, 64});
  m.gives({}, {m.tensor({.sizes = {2, 2}, .memory = 2, .state = again, .name = "sum"})});
  add_method(m, {.sizes = {4}, .memory = 2, .state = ten});
  get_method(m, {.sizes = {4}, .memory = 2});
  Module module = open(m.bytes());
  EXPECT_EQ(get(module), 10);
  EXPECT_EQ(add(module), 11);
  EXPECT_EQ((*module.call("view", {}))[0].as<float>()[3], 11);
}

// What does not look like one tensor is memory of each method's own.
TEST(SharedState, IsNotSharedWhereMethodsDisagree) {
  const auto second = [](const Tensor& other, std::vector<int64_t> buffers = {64, 64}) {
    ProgramMaker m;
    const uint32_t ten = m.state({10, 10, 10, 10}), five = m.state({5, 5, 5, 5});
    (void)ten;
    (void)five;
    add_method(m, {.sizes = {4}, .memory = 2, .offset = 16, .state = ten, .name = "sum"});
    get_method(m, other, std::move(buffers));
    Module module = open(m.bytes());
    EXPECT_EQ(add(module), 11);
    EXPECT_EQ(add(module), 12);
    return get(module);
  };
  EXPECT_EQ(second({.sizes = {4}, .memory = 2, .offset = 16, .name = "sum"}), 12) << "these agree";
  EXPECT_EQ(second({.sizes = {4}, .memory = 2, .offset = 16, .name = "other"}), 0) << "another name";
  EXPECT_EQ(second({.sizes = {4}, .memory = 2, .offset = 16, .state = 2}), 5) << "another beginning";
  EXPECT_EQ(second({.sizes = {4}, .memory = 2, .offset = 8}), 0) << "they overlap";
  EXPECT_EQ(second({.sizes = {4}, .memory = 2, .offset = 16}, {64, 96}), 0) << "another size of the buffer";
  EXPECT_EQ(second({.sizes = {4}, .memory = 1, .offset = 16}), 0) << "another buffer";
}

// A method that has only some of the state, and one that has none of it.
TEST(SharedState, NotEveryMethodHasIt) {
  ProgramMaker m;
  const Tensor sum{.sizes = {4}, .memory = 2, .offset = 16};
  add_method(m, sum);
  get_method(m, sum);
  m.method("seven", {});
  m.gives({}, {m.integer(7)});
  Module module = open(m.bytes());
  EXPECT_EQ(*(*module.call("seven", {}))[0].as<int64_t>(), 7);
  EXPECT_EQ(add(module), 1);
  EXPECT_EQ(get(module), 1);
  EXPECT_EQ(module.arena_bytes(), 64u * 3);
}

TEST(State, OfOneMethodIsPutBack) {
  ProgramMaker m;
  add_method(m, {.sizes = {4}, .memory = 3}, {64, 32, 128});
  Module module = open(m.bytes());
  EXPECT_EQ(add(module), 1);
  EXPECT_EQ(add(module), 2);
  ASSERT_FALSE(module.reset());
  EXPECT_EQ(add(module), 1) << "what has no beginning is zeros again";
  EXPECT_EQ(module.arena_bytes(), 224u) << "three arenas";
}

TEST(ConstantMethods, GiveWhatTheFileHolds) {
  ProgramMaker m;
  m.method("all", {});
  m.gives({}, {m.integer(-3), m.real(2.5), m.none(), m.boolean(true), m.string("hello")});
  Module module = open(m.bytes());
  const auto all = module.call("all", {});
  ASSERT_TRUE(all.ok()) << all.error().text();
  ASSERT_EQ(all->size(), 4u) << "None is left out";
  EXPECT_EQ(*(*all)[0].as<int64_t>(), -3);
  EXPECT_EQ(*(*all)[1].as<double>(), 2.5);
  EXPECT_EQ(*(*all)[2].as<bool>(), true);
  EXPECT_EQ((*all)[3].dtype, DType::u8);
  EXPECT_EQ(std::string((*all)[3].as<char>(), (*all)[3].bytes()), "hello");
}

TEST(Devices, OtherThanTheCpuAreRefused) {
  const auto error = [](const std::function<void(ProgramMaker&)>& make) {
    ProgramMaker m;
    make(m);
    const std::string file = m.bytes();
    const AlignedBytes bytes(file);
    const auto module = Module::from_bytes(bytes, {.threads = 1});
    EXPECT_FALSE(module.ok());
    return module.ok() ? Error() : module.error();
  };
  const Error buffer = error([](ProgramMaker& m) {
    m.method("forward", {64});
    m.gives({}, {m.tensor({.sizes = {4}, .memory = 1})}, 1);
  });
  EXPECT_EQ(buffer.code(), Code::unsupported);
  EXPECT_STREQ(buffer.text(), "buffer 1 lies on a device of type 1 (expected 0, the CPU)");
  const Error tensor = error([](ProgramMaker& m) {
    m.method("forward", {64});
    m.gives({}, {m.tensor({.sizes = {4}, .memory = 1, .device = 1})});
  });
  EXPECT_STREQ(tensor.text(), "value 0 lies on a device of type 1 (expected 0, the CPU)");
  const Error list = error([](ProgramMaker& m) {
    m.method("forward", {});
    m.gives({}, {m.list({})});
  });
  EXPECT_STREQ(list.text(), "output 0 is int[] (expected a tensor, number or string)");
}

}  // namespace
}  // namespace portfire
