// The public API, on programs compiled from text.
#include "portfire/portfire.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/driver/compile.h"

namespace portfire {
namespace {

// A folder of its own with the program of `graphs`, a file for each method.
class Compiled {
 public:
  explicit Compiled(const std::vector<std::string>& graphs) {
    char folder[] = "/tmp/portfire-XXXXXX";
    folder_ = mkdtemp(folder);
    CompileOptions options;
    options.output = path();
    for (size_t i = 0; i < graphs.size(); ++i) {
      const std::string file = folder_ + "/" + std::to_string(i) + ".txt";
      std::ofstream(file) << graphs[i];
      options.methods.emplace_back("", file);
    }
    const Error e = compile(options);
    EXPECT_TRUE(e.ok()) << e.text();
  }
  ~Compiled() { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/program.pte"; }
  Module open(int threads = 1) const {
    auto m = Module::open(path().c_str(), {threads});
    EXPECT_TRUE(m.ok()) << m.error().text();
    return *std::move(m);
  }

 private:
  std::string folder_;
};

const char kAffine[] = R"(graph forward
  input %0:x : f32[2,3] "batch['x']"
  constant %1:w : f32[3] = [1.0, 10.0, 100.0]
  %2:y : f32[2,3] = aten::mul.Tensor(%0:x, %1:w)
  %3:total : f32[2] = aten::sum.dim_IntList(%2:y, dim=[1], keepdim=False)
  output %3:total
end
)";
const char kCounter[] = R"(graph count
  input %0:x : i64[]
  state %1:sum : i64[] = 5
  %2:next : i64[] = aten::add.Tensor(%1:sum, %0:x)
  update %1:sum = %2:next
  output %2:next
end
)";
const char kDynamic[] = R"(graph forward
  symbol s0 : 2..64 {64, 2, 40, 13, 17}
  input %0:x : f32[s0,2]
  %1:size : int s0 = aten::sym_size.int(%0:x, dim=0)
  %2:twice : int 2*s0 = executorch_prim::mul.Scalar(%1:size, 2)
  %3:flat : f32[2*s0] = aten::view(%0:x, size=[%2:twice])
  output %3:flat
  output %2:twice
end
)";

TEST(Module, Answers) {
  const Compiled program({kAffine});
  Module m = program.open();
  const float x[] = {1, 2, 3, 4, 5, 6};
  auto out = m.forward({TensorView::of(x, {2, 3})});
  ASSERT_TRUE(out.ok()) << out.error().text();
  ASSERT_EQ(out->size(), 1u);
  EXPECT_EQ((*out)[0].dtype, DType::f32);
  ASSERT_EQ((*out)[0].numel(), 2);
  EXPECT_EQ((*out)[0].as<float>()[0], 321);
  EXPECT_EQ((*out)[0].as<float>()[1], 654);
}

TEST(Module, SaysWhatItTakes) {
  const Compiled program({kAffine});
  Module m = program.open();
  auto inputs = m.inputs();
  ASSERT_TRUE(inputs.ok());
  ASSERT_EQ(inputs->size(), 1u);
  EXPECT_EQ((*inputs)[0].name, "batch['x']");
  EXPECT_EQ((*inputs)[0].dtype, DType::f32);
  EXPECT_FALSE((*inputs)[0].dynamic);
  EXPECT_EQ(m.method_count(), 1u);
  EXPECT_EQ(m.method_name(0), "forward");
  EXPECT_GT(m.arena_bytes(), 0u);
}

TEST(Module, RefusesWrongInputs) {
  const Compiled program({kAffine});
  Module m = program.open();
  const float x[6] = {};
  const double wide[6] = {};
  auto text = [](const auto& result) { return std::string(result.error().text()); };
  auto refused = m.forward({TensorView::of(x, {3, 2})});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::bad_argument);
  EXPECT_NE(text(refused).find("expected f32[2,3], got f32[3,2]"), std::string::npos) << text(refused);
  refused = m.forward({TensorView::of(wide, {2, 3})});
  EXPECT_NE(text(refused).find("got f64[2,3]"), std::string::npos) << text(refused);
  refused = m.forward({});
  EXPECT_NE(text(refused).find("expected 1, got 0"), std::string::npos) << text(refused);
  TensorView columns = TensorView::of(x, {2, 3});
  columns.strides[0] = 1;
  columns.strides[1] = 2;
  refused = m.forward({columns});
  EXPECT_NE(text(refused).find("strides"), std::string::npos) << text(refused);
  refused = m.call("train", {});
  EXPECT_NE(text(refused).find("no method \"train\""), std::string::npos) << text(refused);
  EXPECT_TRUE(m.forward({TensorView::of(x, {2, 3})}).ok()) << "a refused call leaves the module usable";
}

TEST(Module, KeepsStateUntilReset) {
  const Compiled program({kAffine, kCounter});
  Module m = program.open(), other = program.open();
  const int64_t two = 2;
  const TensorView input[] = {TensorView::of(&two, {})};
  for (const int64_t want : {7, 9, 11}) {
    auto out = m.call("count", input);
    ASSERT_TRUE(out.ok()) << out.error().text();
    EXPECT_EQ(*(*out)[0].as<int64_t>(), want);
  }
  EXPECT_EQ(*(*other.call("count", input))[0].as<int64_t>(), 7) << "modules share no state";
  ASSERT_TRUE(m.reset().ok());
  EXPECT_EQ(*(*m.call("count", input))[0].as<int64_t>(), 7);
}

TEST(Module, SizesChangeWithinTheirBounds) {
  const Compiled program({kDynamic});
  Module m = program.open(2);
  std::vector<float> x(130, 1);
  for (const int64_t n : {2, 64, 3, 64, 2}) {
    auto out = m.forward({TensorView::of(x.data(), {n, 2})});
    ASSERT_TRUE(out.ok()) << out.error().text();
    ASSERT_EQ(out->size(), 2u);
    EXPECT_EQ((*out)[0].numel(), 2 * n);
    EXPECT_EQ((*out)[1].rank(), 0) << "a number is a tensor of rank 0";
    EXPECT_EQ(*(*out)[1].as<int64_t>(), 2 * n);
  }
  EXPECT_EQ(m.forward({TensorView::of(x.data(), {65, 2})}).error().code(), Code::bad_argument);
}

TEST(Module, MovesAndReportsMissingFiles) {
  const Compiled program({kAffine});
  Module a = program.open();
  Module b = std::move(a);
  const float x[6] = {1};
  EXPECT_TRUE(b.forward({TensorView::of(x, {2, 3})}).ok());
  auto missing = Module::open((program.path() + ".not").c_str());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Code::io);
  EXPECT_EQ(Module::open(program.path().c_str(), {-1}).error().code(), Code::bad_argument);
}

}  // namespace
}  // namespace portfire
