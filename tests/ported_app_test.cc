// A small app as it was written for ExecuTorch's Module, with `executorch::` renamed (docs/porting_from_executorch.md), on a program
// with several methods, state, weights in a `.ptd` and constant methods.
#include "portfire/executorch_names.h"

#include <gtest/gtest.h>

#include "format/ptd_writer.h"
#include "runtime/methods_case.h"

namespace {

using portfire::aten::ScalarType;
using portfire::aten::Tensor;
using portfire::extension::from_blob;
using portfire::extension::make_tensor_ptr;
using portfire::extension::Module;
using portfire::extension::TensorPtr;
using portfire::runtime::Error;
using portfire::runtime::EValue;
using portfire::runtime::Result;

// --- the app: scores rows of features and keeps their sum ---

class Scorer {
 public:
  Scorer(const std::string& model, const std::string& weights) : module_(model, weights, Module::LoadMode::Mmap) {}

  Error open() {
    if (const Error error = module_.load(); error != Error::Ok) return error;
    const Result<EValue> width = module_.get("width");
    if (!width.ok()) return width.error();
    width_ = width->toInt();
    return module_.load_method("forward");
  }

  Result<std::vector<float>> score(std::vector<float>& features) {
    auto tensor = from_blob(features.data(), {1, static_cast<portfire::aten::SizesType>(features.size())});
    const auto result = module_.forward(tensor);
    if (!result.ok()) return result.error();
    const Tensor scores = result->at(0).toTensor();
    const float* data = scores.const_data_ptr<float>();
    return std::vector<float>(data, data + scores.numel());
  }

  Result<float> total(float weight) {
    if (const Error error = module_.set_input("total", EValue(make_tensor_ptr({weight})), 0); error != Error::Ok) return error;
    const auto result = module_.execute("total");
    if (!result.ok()) return result.error();
    return module_.get_output("total")->toTensor().const_data_ptr<float>()[0];
  }

  int64_t width() const { return width_; }
  Module& module() { return module_; }

 private:
  Module module_;
  int64_t width_ = 0;
};

// --- what it runs on ---

class PortedApp : public testing::Test {
 protected:
  // forward(x): y = x + bias, sum += y.  total(w): sum * w.  width(): 3.
  PortedApp() {
    portfire::ProgramMaker m;
    const portfire::ProgramMaker::Tensor sum{.sizes = {1, 3}, .memory = 2};
    m.method("forward", {64, 64});
    const int32_t x = m.tensor({.sizes = {1, 3}}), bias = m.tensor({.sizes = {3}, .name = "bias", .external = true}), one = m.integer(1);
    const int32_t y = m.tensor({.sizes = {1, 3}, .memory = 1}), s = m.tensor(sum);
    m.call("aten::add", "Tensor", {x, bias, one, y});
    m.call("aten::add", "Tensor", {s, y, one, s});
    m.gives({x}, {y});
    m.method("total", {64, 64});
    const int32_t w = m.tensor({.sizes = {1}}), t = m.tensor(sum), z = m.tensor({.sizes = {1, 3}, .memory = 1});
    m.call("aten::mul", "Tensor", {t, w, z});
    m.gives({w}, {z});
    m.method("width", {});
    m.gives({}, {m.integer(3)});
    m.method("about", {});
    m.gives({}, {m.string("scores"), m.real(0.5), m.boolean(true)});
    portfire::put_file(folder_.file("model.pte"), m.bytes());
    const float values[3] = {10, 20, 30};
    const portfire::NamedTensor named{"bias", portfire::TensorView::of(values, {3})};
    const portfire::Error e = portfire::write_ptd(folder_.file("weights.ptd").c_str(), {&named, 1});
    EXPECT_FALSE(e) << e.text();
  }
  std::string model() const { return folder_.file("model.pte"); }
  std::string weights() const { return folder_.file("weights.ptd"); }

 private:
  portfire::TestFolder folder_;
};

TEST_F(PortedApp, Runs) {
  Scorer app(model(), weights());
  EXPECT_FALSE(app.module().is_loaded());
  const Error error = app.open();
  ASSERT_EQ(error, Error::Ok) << error.text();
  EXPECT_TRUE(app.module().is_loaded());
  EXPECT_TRUE(app.module().is_method_loaded("forward"));
  EXPECT_FALSE(app.module().is_method_loaded("total"));
  EXPECT_EQ(app.width(), 3);
  std::vector<float> features{1, 2, 3};
  const auto scores = app.score(features);
  ASSERT_TRUE(scores.ok()) << scores.error().text();
  EXPECT_EQ(*scores, (std::vector<float>{11, 22, 33}));
  (void)app.score(features).ok();
  EXPECT_EQ(app.total(2).get(), 44) << "methods share the sum";
}

TEST_F(PortedApp, UnloadsMethods) {
  Module module(model(), weights());
  float data[3] = {1, 2, 3};
  const TensorPtr x = portfire::extension::for_blob(data, {1, 3}).dynamism(portfire::extension::TensorShapeDynamism::STATIC);
  ASSERT_TRUE(module.forward(x).ok());
  EXPECT_TRUE(module.unload_forward());
  EXPECT_FALSE(module.is_method_loaded("forward"));
  EXPECT_FALSE(module.unload_forward());
  EXPECT_FALSE(module.unload_method("backward"));
  const auto total = module.get("total", make_tensor_ptr({1.0f}));
  ASSERT_TRUE(total.ok()) << total.error().text();
  EXPECT_EQ(total->toTensor().const_data_ptr<float>()[0], 11) << "what methods share stays";
  EXPECT_TRUE(module.forward(x).ok()) << "and it loads again";
}

// The compiler is linked with these tests, as with an app that links portfire::compiler.
TEST(PortedAppWithCompiler, OpensDelegatesOfXnnpack) {
  Module module(PORTFIRE_SOURCE_DIR "/tests/corpus/executorch/xnnpack-dynamic-convolution_and_pool.pte");
  const auto meta = module.method_meta("forward");
  ASSERT_TRUE(meta.ok()) << meta.error().text();
  std::vector<EValue> inputs;
  for (size_t i = 0; i < meta->num_inputs(); ++i) {
    const auto sizes = meta->input_tensor_meta(i)->sizes();
    inputs.emplace_back(portfire::extension::ones({sizes.begin(), sizes.end()}));
  }
  const auto result = module.forward(inputs);
  EXPECT_TRUE(result.ok()) << result.error().text();
}

TEST_F(PortedApp, SaysWhatAMethodTakes) {
  Module module(model(), std::vector<std::string>{weights()});
  EXPECT_EQ(module.num_methods().get(), 4u);
  EXPECT_EQ(module.method_names().get(), (std::unordered_set<std::string>{"forward", "total", "width", "about"}));
  const auto meta = module.method_meta("forward");
  ASSERT_TRUE(meta.ok()) << meta.error().text();
  EXPECT_STREQ(meta->name(), "forward");
  ASSERT_EQ(meta->num_inputs(), 1u);
  ASSERT_EQ(meta->num_outputs(), 1u);
  EXPECT_EQ(meta->input_tag(0).get(), portfire::runtime::Tag::Tensor);
  const auto input = meta->input_tensor_meta(0);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(std::vector<int>(input->sizes().begin(), input->sizes().end()), (std::vector<int>{1, 3}));
  EXPECT_EQ(input->scalar_type(), ScalarType::Float);
  EXPECT_EQ(input->nbytes(), 12u);
  EXPECT_FALSE(meta->input_tensor_meta(1).ok());
  EXPECT_EQ(module.method_meta("width")->output_tag(0).get(), portfire::runtime::Tag::Int);
  EXPECT_FALSE(module.method_meta("width")->output_tensor_meta(0).ok());
  EXPECT_EQ(module.method_meta("backward").error(), Error::InvalidArgument);
}

TEST_F(PortedApp, OutputsOfEachKind) {
  Module module(model(), weights());
  const auto about = module.execute("about");
  ASSERT_TRUE(about.ok()) << about.error().text();
  ASSERT_EQ(about->size(), 3u);
  EXPECT_EQ(about->at(0).toString(), "scores");
  EXPECT_EQ(about->at(1).toDouble(), 0.5);
  EXPECT_TRUE(about->at(2).toBool());
  EXPECT_TRUE(module.get_output("about", 2)->isBool());
  EXPECT_FALSE(module.get_output("about", 3).ok());
}

TEST_F(PortedApp, OutputsWhereTheCallerWantsThem) {
  Module module(model(), weights());
  float mine[3] = {};
  const TensorPtr place = from_blob(mine, {1, 3});
  ASSERT_EQ(module.set_output(place), Error::Ok);
  const TensorPtr x = portfire::extension::ones({1, 3});
  const auto result = module.forward(x);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(mine[2], 31);
  EXPECT_EQ(result->at(0).toTensor().const_data_ptr(), mine);
  ASSERT_EQ(module.set_output(portfire::extension::zeros({1, 2})), Error::Ok);
  EXPECT_EQ(module.forward(x).error(), Error::InvalidArgument) << "too small";
  ASSERT_EQ(module.set_output(portfire::extension::zeros({1, 3}, ScalarType::Int)), Error::Ok);
  EXPECT_EQ(module.forward(x).error(), Error::InvalidArgument) << "of another type";
}

TEST_F(PortedApp, ErrorsSayWhatIsWrong) {
  Module none(model() + ".not");
  EXPECT_EQ(none.load(), Error::AccessFailed);
  EXPECT_EQ(none.forward().error(), Error::AccessFailed);
  Module without(model());
  const Error missing = without.load_forward();
  EXPECT_EQ(missing, Error::InvalidArgument);
  EXPECT_NE(std::string(missing.text()).find("weight \"bias\""), std::string::npos) << missing.text();
  Module module(model(), weights());
  EXPECT_EQ(module.forward().error(), Error::InvalidArgument) << "its input is not set";
  EXPECT_EQ(module.set_input(portfire::extension::ones({1, 3}), 1), Error::InvalidArgument);
  EXPECT_EQ(module.set_inputs({}), Error::InvalidArgument);
  const auto wrong = module.forward(portfire::extension::ones({3, 1}));
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(std::string(wrong.error().text()).find("expected f32[1,3], got f32[3,1]"), std::string::npos) << wrong.error().text();
  switch (wrong.error()) {
    case Error::InvalidArgument: break;
    default: FAIL();
  }
  EXPECT_TRUE(module.forward({portfire::extension::ones({1, 3})}).ok()) << "and it is usable still";
}

}  // namespace
