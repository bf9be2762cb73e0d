// Programs whose tensors lie in `.ptd` files.
#include <gtest/gtest.h>

#include "format/ptd_writer.h"
#include "portfire/portfire.h"
#include "runtime/method.h"
#include "runtime/methods_case.h"

namespace portfire {
namespace {

// y = x + w, and the method "weight", which gives w as it is; w is outside of the file.
std::string add_weight(const ProgramMaker::Tensor& weight = {.sizes = {2, 3}, .name = "layer.w", .external = true}) {
  ProgramMaker m;
  m.method("forward", {64});
  const int32_t x = m.tensor({.sizes = {2, 3}}), w = m.tensor(weight), y = m.tensor({.sizes = {2, 3}, .memory = 1}), one = m.integer(1);
  m.call("aten::add", "Tensor", {x, w, one, y});
  m.gives({x}, {y});
  m.method("weight", {});
  m.gives({}, {m.tensor(weight)});
  return m.bytes();
}

class Files {
 public:
  std::string program(const std::string& bytes) const { return put("model.pte", bytes); }
  std::string put(const char* name, const std::string& bytes) const {
    put_file(folder_.file(name), bytes);
    return folder_.file(name);
  }
  std::string data(const char* name, std::vector<NamedTensor> tensors) const {
    const Error e = write_ptd(folder_.file(name).c_str(), tensors);
    EXPECT_FALSE(e) << e.text();
    return folder_.file(name);
  }

 private:
  TestFolder folder_;
};

const float kWeights[6] = {10, 20, 30, 40, 50, 60}, kOnes[6] = {1, 1, 1, 1, 1, 1};
const NamedTensor kWeight{"layer.w", TensorView::of(kWeights, {2, 3})};

// The error of loading method `name`.
Error load_error(const std::string& path, const std::vector<std::string>& data, const char* name = "forward") {
  PF_ASSIGN(auto program, Program::open(path.c_str(), data));
  const auto method = Method::load(program, name, {});
  return method.ok() ? Error() : method.error();
}

void expect(const Error& e, Code code, const std::string& text) {
  EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.text();
  EXPECT_NE(std::strstr(e.text(), text.c_str()), nullptr) << e.text();
}

TEST(DataFiles, AreUsedInPlace) {
  const Files files;
  const std::string path = files.program(add_weight()), data = files.data("w.ptd", {{"other", TensorView::of(kOnes, {6})}, kWeight});
  auto m = Module::open(path.c_str(), {.threads = 1, .data = {data}});
  ASSERT_TRUE(m.ok()) << m.error().text();
  const auto y = m->forward({TensorView::of(kOnes, {2, 3})});
  ASSERT_TRUE(y.ok()) << y.error().text();
  for (int i = 0; i < 6; ++i) EXPECT_EQ((*y)[0].as<float>()[i], kWeights[i] + 1);
  const auto w = m->call("weight", {});
  ASSERT_TRUE(w.ok()) << w.error().text();
  EXPECT_EQ(std::memcmp((*w)[0].data, kWeights, sizeof kWeights), 0);
  EXPECT_EQ(m->arena_bytes(), 64u) << "weights are not copied";
}

TEST(DataFiles, SeveralFilesAreOneSpaceOfNames) {
  const Files files;
  const std::string path = files.program(add_weight());
  const std::string a = files.data("a.ptd", {{"other", TensorView::of(kOnes, {6})}});
  const std::string b = files.data("b.ptd", {kWeight}), c = files.data("c.ptd", {kWeight});
  expect(load_error(path, {a, b}), Code::ok, "");
  expect(load_error(path, {b, c}), Code::bad_argument, "\"layer.w\" is in " + b + " too");
}

TEST(DataFiles, WhatIsMissingIsNamed) {
  const Files files;
  const std::string path = files.program(add_weight()), a = files.data("a.ptd", {{"layer.v", TensorView::of(kOnes, {6})}});
  expect(load_error(path, {}), Code::bad_argument,
         "weight \"layer.w\", f32[2,3], is outside of the program (expected a data file, .ptd, got none)");
  expect(load_error(path, {a}), Code::bad_argument, "weight \"layer.w\", f32[2,3], is in no data file (expected it in " + a + ")");
  expect(load_error(path, {a + "x"}), Code::io, a + "x");
  expect(load_error(path, {path}), Code::bad_file, "not a .ptd file");
  EXPECT_FALSE(Module::open(path.c_str()).ok());
  EXPECT_TRUE(Program::open(path.c_str()).ok()) << "a program can be looked into without its data";
}

TEST(DataFiles, TypesMustMatch) {
  const Files files;
  const std::string path = files.program(add_weight());
  const double wide[6] = {};
  expect(load_error(path, {files.data("a.ptd", {{"layer.w", TensorView::of(wide, {2, 3})}})}), Code::bad_file,
         "expected f32[2,3], got f64[2,3]");
  expect(load_error(path, {files.data("b.ptd", {{"layer.w", TensorView::of(kOnes, {3, 2})}})}), Code::bad_file,
         "expected f32[2,3], got f32[3,2]");
  expect(load_error(path, {files.data("c.ptd", {{"layer.w", TensorView::of(kOnes, {6})}})}), Code::bad_file,
         "expected f32[2,3], got f32[6]");
  const std::string columns = files.put("columns.pte", add_weight({.sizes = {2, 3}, .name = "layer.w", .external = true, .order = {1, 0}}));
  expect(load_error(columns, {files.data("d.ptd", {kWeight})}), Code::bad_file, "another order of dimensions (expected 1,0, got 0,1)");
  const std::string nameless = files.put("nameless.pte", add_weight({.sizes = {2, 3}, .external = true}));
  expect(load_error(nameless, {}), Code::bad_file, "data in another file, without a name");
}

// State that begins as what a data file holds: copied, and again by reset.
TEST(DataFiles, StateBeginsAsTheyAre) {
  ProgramMaker m;
  m.method("forward", {64});
  const int32_t x = m.tensor({.sizes = {2, 3}}), one = m.integer(1);
  const int32_t sum = m.tensor({.sizes = {2, 3}, .memory = 1, .name = "sum", .external = true});
  m.call("aten::add", "Tensor", {sum, x, one, sum});
  m.gives({x}, {sum});
  const Files files;
  const std::string path = files.program(m.bytes()), data = files.data("w.ptd", {{"sum", kWeight.tensor}});
  auto module = Module::open(path.c_str(), {.threads = 1, .data = {data}});
  ASSERT_TRUE(module.ok()) << module.error().text();
  for (const float want : {11, 12, 13}) EXPECT_EQ(*(*module->forward({TensorView::of(kOnes, {2, 3})}))[0].as<float>(), want);
  ASSERT_FALSE(module->reset());
  EXPECT_EQ(*(*module->forward({TensorView::of(kOnes, {2, 3})}))[0].as<float>(), 11);
  expect(load_error(path, {}), Code::bad_argument, "weight \"sum\"");
}

TEST(DataFiles, NamedDataIsTheProgramsOrTheirs) {
  ProgramMaker m;
  m.method("forward", {});
  m.gives({}, {m.integer(1)});
  m.named_data("both", "of the program");
  const Files files;
  const char text[] = "of the file";
  const std::string path = files.program(m.bytes());
  const TensorView bytes = TensorView::of(reinterpret_cast<const uint8_t*>(text), {sizeof text - 1});
  const std::vector<std::string> data{files.data("w.ptd", {{"both", bytes}, {"file", bytes}})};
  const auto program = Program::open(path.c_str(), data);
  ASSERT_TRUE(program.ok()) << program.error().text();
  const auto found = [&](const char* key) {
    const auto span = (*program)->named_data(key);
    return span ? std::string(reinterpret_cast<const char*>(span->data()), span->size()) : "nothing";
  };
  EXPECT_EQ(found("both"), "of the program");
  EXPECT_EQ(found("file"), "of the file");
  EXPECT_EQ(found("neither"), "nothing");
}

}  // namespace
}  // namespace portfire
