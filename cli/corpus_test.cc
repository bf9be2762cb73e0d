// Compiles, runs and compares every case of tests/corpus, in one process and without PyTorch.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "cli/compare.h"
#include "cli/npy.h"
#include "compiler/driver/compile.h"
#include "portfire/module.h"
#include "runtime/method.h"

namespace portfire::cli {
namespace {

namespace fs = std::filesystem;

const fs::path kCorpus = fs::path(PORTFIRE_SOURCE_DIR) / "tests/corpus";
// Programs that ExecuTorch wrote (tests/torch/executorch_cases.py), portable ones and ones with XNNPACK's delegate.
const fs::path kExecutorch = kCorpus / "executorch";

struct Case {
  std::string name;
  int calls = 0;
  double tolerance = 0;
  fs::path folder = kCorpus;
};

std::vector<Case> cases(const fs::path& folder = kCorpus) {
  std::ifstream in(folder / "CASES.txt");
  std::vector<Case> list;
  for (Case c{.folder = folder}; in >> c.name >> c.calls >> c.tolerance;) list.push_back(c);
  return list;
}

std::vector<Array> arrays(const Case& c, int call, char letter) {
  std::vector<Array> list;
  for (;;) {
    const fs::path path = c.folder / (c.name + "." + std::to_string(call) + "." + letter + std::to_string(list.size()) + ".npy");
    if (!fs::exists(path)) return list;
    Result<Array> a = read_npy(path);
    if (!a.ok()) {
      ADD_FAILURE() << a.error().text();
      return list;
    }
    list.push_back(*std::move(a));
  }
}

// A number as the 0-d array that the answers have for it.
Array answer_of(const Value& v) {
  if (v.kind == Value::Kind::tensor) return convert(*v.tensor, v.tensor->dtype);
  Array a(DType::f64, Shape());
  *a.view.as<double>() = v.kind == Value::Kind::real      ? v.real
                         : v.kind == Value::Kind::boolean ? v.boolean
                                                          : static_cast<double>(v.integer);
  return a;
}

class Corpus : public testing::TestWithParam<Case> {};

void call_and_compare(Method& m, const Case& c, int call) {
  const std::vector<Array> expected = arrays(c, call, 'y');
  std::vector<Array> inputs = arrays(c, call, 'x');
  ASSERT_EQ(inputs.size(), m.input_count());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& type = m.input_type(i);
    if (type.kind == Value::Kind::tensor && type.tensor->dtype == DType::bf16) inputs[i] = convert(inputs[i].view, DType::bf16);
    const Error e = m.set_input(i, inputs[i].view);
    ASSERT_TRUE(e.ok()) << e.text();
  }
  const Error e = m.execute();
  ASSERT_TRUE(e.ok()) << e.text();
  std::vector<Array> answers;
  for (size_t i = 0; i < m.output_count(); ++i)
    if (m.output(i).kind != Value::Kind::none) answers.push_back(answer_of(m.output(i)));
  ASSERT_EQ(answers.size(), expected.size());
  for (size_t i = 0; i < answers.size(); ++i)
    EXPECT_TRUE(compare(answers[i].view, expected[i].view).within(c.tolerance)) << "call " << call << ", output " << i;
}

void run_calls(const Case& c, std::span<const std::byte> bytes) {
  const auto program = Program::from_bytes(bytes);
  ASSERT_TRUE(program.ok()) << program.error().text();
  auto method = Method::load(*program, "forward", {});
  ASSERT_TRUE(method.ok()) << method.error().text();
  for (int call = 0; call < c.calls; ++call) call_and_compare(**method, c, call);
}

void compile_and_run(const Case& c, const passes::PipelineOptions& options) {
  const auto archive = FileMap::open((c.folder / (c.name + ".pt2")).c_str());
  ASSERT_TRUE(archive.ok());
  const auto bytes = compile_bytes(archive->bytes(), options);
  ASSERT_TRUE(bytes.ok()) << bytes.error().text();
  run_calls(c, *bytes);
}

TEST_P(Corpus, AnswersAsPyTorch) { compile_and_run(GetParam(), {}); }

TEST_P(Corpus, AnswersNearlySoInBf16) {
  Case c = GetParam();
  c.tolerance = std::max(c.tolerance, 0.02);
  compile_and_run(c, {.precision = passes::Precision::bf16});
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class ExecutorchCorpus : public testing::TestWithParam<Case> {};

TEST_P(ExecutorchCorpus, RecompiledAnswersAsPyTorch) {
  const Case& c = GetParam();
  const auto file = FileMap::open((c.folder / (c.name + ".pte")).c_str());
  ASSERT_TRUE(file.ok());
  const auto bytes = recompile_bytes(file->bytes());
  ASSERT_TRUE(bytes.ok()) << bytes.error().text();
  run_calls(c, *bytes);
}

// What the runtime does alone, without a compiler: delegates it has not.
TEST_P(ExecutorchCorpus, AnswersAsItIs) {
  const Case& c = GetParam();
  if (!c.name.starts_with("portable-")) GTEST_SKIP() << "has a delegate";
  const auto file = FileMap::open((c.folder / (c.name + ".pte")).c_str());
  ASSERT_TRUE(file.ok());
  run_calls(c, file->bytes());
}

INSTANTIATE_TEST_SUITE_P(All, ExecutorchCorpus, testing::ValuesIn(cases(kExecutorch)), test_name);

INSTANTIATE_TEST_SUITE_P(All, Corpus, testing::ValuesIn(cases()), [](const auto& info) { return info.param.name; });

TEST(Corpus, IsThere) {
  EXPECT_GE(cases().size(), 20u);
  EXPECT_GE(cases(kExecutorch).size(), 31u);
}

// Numbers, strings, lists and tensors that methods give as constants.
TEST(ExecutorchCorpusMethods, RecompiledGiveWhatTheyGave) {
  const auto file = FileMap::open((kCorpus / "external.pte").c_str());
  ASSERT_TRUE(file.ok());
  const std::string data = (kCorpus / "external.ptd").string();
  const auto bytes = recompile_bytes(file->bytes(), {data});
  ASSERT_TRUE(bytes.ok()) << bytes.error().text();
  auto before = Module::from_bytes(file->bytes(), {.data = {data}}), after = Module::from_bytes(*bytes, {});
  ASSERT_TRUE(before.ok()) << before.error().text();
  ASSERT_TRUE(after.ok()) << after.error().text();
  ASSERT_EQ(after->method_count(), before->method_count());
  for (size_t m = 0; m < before->method_count(); ++m) {
    const std::string_view name = before->method_name(m);
    const auto expected = before->call(name, {}), got = after->call(name, {});
    ASSERT_TRUE(expected.ok()) << expected.error().text();
    ASSERT_TRUE(got.ok()) << got.error().text();
    ASSERT_EQ(got->size(), expected->size()) << name;
    for (size_t i = 0; i < got->size(); ++i) {
      const TensorView &x = (*expected)[i], &y = (*got)[i];
      EXPECT_STREQ(TypeText(y).c_str(), TypeText(x).c_str()) << name;
      EXPECT_EQ(std::memcmp(y.data, x.data, x.bytes()), 0) << name;
    }
    EXPECT_EQ(after->outputs(name)->size(), before->outputs(name)->size());
  }
  EXPECT_EQ(after->outputs("about")->front().kind, TensorInfo::Kind::string);
}

// Two archives become two methods of one program, the weights they share stored once.
TEST(Corpus, TwoMethodsOfOneProgram) {
  const fs::path out = fs::temp_directory_path() / ("portfire_methods." + std::to_string(getpid()) + ".pte");
  CompileOptions options;
  options.output = out;
  options.methods = {{"encode", kCorpus / "methods_encode.pt2"}, {"decode", kCorpus / "methods_decode.pt2"}};
  const Error e = compile(options);
  ASSERT_TRUE(e.ok()) << e.text();
  const auto program = Program::open(out.c_str());
  fs::remove(out);
  ASSERT_TRUE(program.ok()) << program.error().text();
  for (const char* name : {"encode", "decode"}) {
    auto method = Method::load(*program, name, {});
    ASSERT_TRUE(method.ok()) << method.error().text();
    call_and_compare(**method, {std::string("methods_") + name, 1, 1e-3}, 0);
  }
}

}  // namespace
}  // namespace portfire::cli
