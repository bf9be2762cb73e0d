// The hook sees what runs, in order; what instructions say of themselves is what the file says.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/driver/compile.h"
#include "core/file_map.h"
#include "runtime/method.h"

namespace portfire {
namespace {

struct Seen {
  std::vector<std::pair<size_t, bool>> calls;
  static void note(void* self, size_t instruction, bool done) { static_cast<Seen*>(self)->calls.emplace_back(instruction, done); }
};

std::unique_ptr<Method> load(const std::string& name, std::vector<std::byte>* bytes, const Method::Options& options) {
  const auto archive = FileMap::open((std::string(PORTFIRE_SOURCE_DIR) + "/tests/corpus/" + name + ".pt2").c_str());
  auto compiled = compile_bytes(archive->bytes());
  bytes->assign(compiled->begin(), compiled->end());
  auto method = Method::load(*Program::from_bytes(*bytes), "forward", options);
  return *std::move(method);
}

TEST(Hook, SeesEachInstructionBeforeAndAfter) {
  std::vector<std::byte> bytes;
  Seen seen;
  Method::Options options;
  options.hook = {&Seen::note, &seen};
  const auto m = load("mlp_gelu", &bytes, options);
  const Value& type = m->input_type(0);
  std::vector<float> x(static_cast<size_t>(type.tensor->numel()), 0.5f);
  ASSERT_TRUE(m->set_input(0, TensorView::of(x.data(), type.tensor->dtype, type.tensor->shape.dims())).ok());
  ASSERT_TRUE(seen.calls.empty());
  for (int run = 0; run < 2; ++run) {
    seen.calls.clear();
    ASSERT_TRUE(m->execute().ok());
    ASSERT_EQ(seen.calls.size(), 2 * m->instruction_count());
    for (size_t i = 0; i < seen.calls.size(); ++i) EXPECT_EQ(seen.calls[i], std::pair(i / 2, i % 2 == 1));
  }
}

TEST(Hook, InstructionsDescribeThemselves) {
  std::vector<std::byte> bytes;
  const auto m = load("mlp_gelu", &bytes, {});
  ASSERT_GT(m->instruction_count(), 0u);
  const Method::InstructionInfo first = m->instruction(0);
  EXPECT_EQ(first.op, "portfire::packed_linear");
  EXPECT_EQ(first.by, Method::RunBy::kernel);
  ASSERT_EQ(first.outs.size(), 1u);
  ASSERT_EQ(first.args[0]->kind, Value::Kind::tensor);
  EXPECT_TRUE(first.file.ends_with(".py")) << first.file;
  EXPECT_GT(first.line, 0);
}

// Of a loop each turn is seen, jumps included.
TEST(Hook, SeesEachTurnOfALoop) {
  std::vector<std::byte> bytes;
  Seen seen;
  Method::Options options;
  options.hook = {&Seen::note, &seen};
  const auto m = load("loop", &bytes, options);
  std::vector<std::vector<float>> data;
  for (size_t i = 0; i < m->input_count(); ++i) {
    const TensorView& t = *m->input_type(i).tensor;
    data.emplace_back(static_cast<size_t>(t.numel()) * 2, 0.0f);
    ASSERT_TRUE(m->set_input(i, TensorView::of(data.back().data(), t.dtype, t.shape.dims())).ok());
  }
  ASSERT_TRUE(m->execute().ok());
  size_t jumps = 0, open = 0;
  for (const auto& [i, done] : seen.calls) {
    jumps += done && m->instruction(i).op == "jump";
    done ? --open : ++open;
    EXPECT_LE(open, 1u);
  }
  EXPECT_EQ(open, 0u);
  EXPECT_GE(jumps, 1u);
}

}  // namespace
}  // namespace portfire
