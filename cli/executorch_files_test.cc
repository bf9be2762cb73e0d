// Files of ExecuTorch's writers in tests/corpus (its make_executorch.py): data files, constant methods, bundles.
#include <filesystem>

#include <gtest/gtest.h>

#include "cli/commands.h"
#include "cli/npy.h"
#include "core/file_map.h"
#include "format/bundle_view.h"
#include "format/file_case.h"
#include "portfire/portfire.h"
#include "runtime/program.h"

namespace portfire::cli {
namespace {

const std::filesystem::path kCorpus = std::filesystem::path(PORTFIRE_SOURCE_DIR) / "tests/corpus";

TEST(ExecutorchFiles, WeightsInADataFile) {
  const std::string path = kCorpus / "external.pte", data = kCorpus / "external.ptd";
  auto m = Module::open(path.c_str(), {.threads = 1, .data = {data}});
  ASSERT_TRUE(m.ok()) << m.error().text();
  const auto out = m->forward({});
  ASSERT_TRUE(out.ok()) << out.error().text();
  ASSERT_EQ(out->size(), 2u);
  for (int i = 0; i < 6; ++i) EXPECT_EQ((*out)[0].as<float>()[i], i);
  for (int i = 0; i < 3; ++i) EXPECT_EQ((*out)[1].as<float>()[i], i - 1);
  const auto without = Module::open(path.c_str(), {.threads = 1});
  ASSERT_FALSE(without.ok());
  EXPECT_NE(std::string(without.error().text()).find("weight \"w\", f32[2,3], is outside of the program"),
            std::string::npos) << without.error().text();
}

TEST(ExecutorchFiles, ConstantMethods) {
  const std::string path = kCorpus / "external.pte", data = kCorpus / "external.ptd";
  auto m = Module::open(path.c_str(), {.threads = 1, .data = {data}});
  ASSERT_TRUE(m.ok()) << m.error().text();
  EXPECT_EQ(*(*m->call("width", {}))[0].as<int64_t>(), 3);
  EXPECT_EQ(*(*m->call("rate", {}))[0].as<double>(), 2.5);
  EXPECT_TRUE(*(*m->call("flag", {}))[0].as<bool>());
  EXPECT_EQ((*m->call("sizes", {})).size(), 3u);
  const auto about = m->call("about", {});
  ASSERT_TRUE(about.ok());
  EXPECT_EQ(std::string((*about)[0].as<char>(), (*about)[0].bytes()), "two weights");
  const auto table = m->call("table", {});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ((*table)[0].as<float>()[3], 1);
}

TEST(ExecutorchFiles, Bundle) {
  const auto file = FileMap::open((kCorpus / "linear.bpte").c_str());
  ASSERT_TRUE(file.ok());
  const auto bundle = BundleView::open(file->bytes());
  ASSERT_TRUE(bundle.ok()) << bundle.error().text();
  ASSERT_EQ(bundle->method_count(), 1u);
  EXPECT_EQ(bundle->method(0), "forward");
  ASSERT_EQ(bundle->set_count(0), 3u);
  TensorView t;
  ASSERT_EQ(bundle->input(0, 0, 0, &t).kind, Value::Kind::tensor);
  EXPECT_EQ(t.size(0), 2);
  EXPECT_EQ(t.size(1), 4);
  EXPECT_EQ(bundle->output_count(0, 1), 1u);
  EXPECT_EQ(bundle->output_count(0, 2), 0u);
  const auto program = Program::open((kCorpus / "linear.bpte").c_str());
  ASSERT_TRUE(program.ok()) << program.error().text();
  EXPECT_TRUE((*program)->view().plan("forward"));
}

// A bundle around a program of ExecuTorch's, with its weights as answers: those of forward, wrong ones, and calls that are wrong.
class VerifyBundle : public testing::Test {
 protected:
  struct Set {
    std::vector<std::vector<float>> answers;
    size_t inputs = 0;
  };
  int verify(const std::vector<Set>& sets, const char* method = "forward", const char* only = "", bool with_data = true) const {
    namespace fb = flatbuffers;
    const std::string program = read_file(kCorpus / "external.pte");
    fb::FlatBufferBuilder out;
    out.ForceVectorAlignment(program.size(), 1, 32);
    const auto inside = out.CreateVector(reinterpret_cast<const uint8_t*>(program.data()), program.size());
    std::vector<fb::Offset<bpte::TestSet>> list;
    for (const Set& s : sets) {
      std::vector<fb::Offset<bpte::Value>> inputs, outputs;
      for (size_t i = 0; i < s.inputs; ++i) inputs.push_back(bpte::CreateValue(out, bpte::AnyValue_Int, bpte::CreateInt(out, 1).Union()));
      for (const std::vector<float>& a : s.answers) {
        out.ForceVectorAlignment(a.size() * 4, 1, 16);
        const auto data = out.CreateVector(reinterpret_cast<const uint8_t*>(a.data()), a.size() * 4);
        std::vector<int32_t> sizes{static_cast<int32_t>(a.size())};
        if (a.size() == 6) sizes = {2, 3};
        outputs.push_back(bpte::CreateValue(out, bpte::AnyValue_Tensor, bpte::CreateTensor(out, 6, out.CreateVector(sizes), data).Union()));
      }
      list.push_back(bpte::CreateTestSet(out, out.CreateVector(inputs), out.CreateVector(outputs)));
    }
    const auto tests = bpte::CreateMethodTests(out, out.CreateString(method), out.CreateVector(list));
    bpte::FinishBundleBuffer(out, bpte::CreateBundle(out, 0, out.CreateVector(&tests, 1), inside));
    put_file(folder_.file("x.bpte"), {reinterpret_cast<const char*>(out.GetBufferPointer()), out.GetSize()});
    VerifyCommand c;
    c.model = folder_.file("x.bpte");
    c.method = only;
    if (with_data) c.data = {kCorpus / "external.ptd"};
    c.threads = 1;
    return cli::verify(c);
  }
  const std::vector<float> w_{0, 1, 2, 3, 4, 5}, v_{-1, 0, 1};

 private:
  TestFolder folder_;
};

TEST_F(VerifyBundle, ExitsWithWhatItFound) {
  EXPECT_EQ(verify({{{w_, v_}}, {{w_, v_}}}), 0);
  EXPECT_EQ(verify({{{w_, {-1, 0, 1.5}}}, {{w_, v_}}}), 1) << "a value differs";
  EXPECT_EQ(verify({{{w_, {-1, 0}}}}), 1) << "a shape differs";
  EXPECT_EQ(verify({{{}}}), 0) << "nothing to compare with";
  EXPECT_EQ(verify({{{w_, v_}}}, "forward", "forward"), 0);
  EXPECT_EQ(verify({{{w_, v_}}}, "forward", "width"), 2) << "no test sets of that method";
  EXPECT_EQ(verify({{{w_, v_}}}, "forward", "", false), 2) << "the data file was not named";
  EXPECT_EQ(verify({{{w_}}}), 3) << "too few answers";
  EXPECT_EQ(verify({{{w_, v_}, 1}}), 3) << "too many inputs";
  EXPECT_EQ(verify({{{w_, v_}}}, "backward"), 3) << "the program has no such method";
}

}  // namespace
}  // namespace portfire::cli
