// Trainer on programs compiled from text.
#include "portfire/trainer.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "compiler/driver/compile.h"
#include "format/file_case.h"
#include "training/program.h"

namespace portfire {
namespace {

constexpr const char* kModel = R"(after import

graph forward
  input %9:x : f32[4,4]
  state %0:a.weight : f32[4,4] parameter = [0.1, 0.2, -0.4, -0.3, -0.1, 0.1, 0.0, 0.4, -0.04, 0.1, -0.2, -0.1, -0.4, 0.2, 0.3, 0.1]
  state %1:a.bias : f32[4] parameter = [0.2, 0.3, -0.3, -0.2]
  state %2:n.weight : f32[4] parameter = [1.0 * 4]
  state %3:n.bias : f32[4] parameter = [0.0 * 4]
  state %4:b.weight : f32[3,4] parameter = [0.2, 0.4, -0.1, 0.4, -0.1, 0.05, 0.5, -0.5, -0.3, -0.1, 0.2, 0.4]
  state %5:b.bias : f32[3] parameter = [-0.3, -0.2, -0.3]
  state %6:n.running_mean : f32[4] = [0.0 * 4]
  state %7:n.running_var : f32[4] = [1.0 * 4]
  state %8:n.num_batches_tracked : i64[] = 0
  %10:linear : f32[4,4] = aten::linear(%9:x, %0:a.weight, bias=%1:a.bias)
  %11:add : i64[] = aten::add.Tensor(%8:n.num_batches_tracked, 1)
  %12:add_ : i64[] = aten::copy_(%8:n.num_batches_tracked, %11:add)
  %13:batch_norm : f32[4,4] = aten::batch_norm(%10:linear, %2:n.weight, %3:n.bias, %6:n.running_mean, %7:n.running_var, training=True, momentum=0.1, eps=1e-05, cudnn_enabled=False)
  %14:relu : f32[4,4] = aten::relu(%13:batch_norm)
  %15:dropout : f32[4,4] = aten::dropout(%14:relu, p=0.25, train=True)
  at model.py:7
  %16:linear_1 : f32[4,3] = aten::linear(%15:dropout, %4:b.weight, bias=%5:b.bias)
  output %16:linear_1 "output"
end
)";

Error compile_text(const std::string& text, const std::string& output, const training::Options& options) {
  std::ofstream(output + ".txt") << text;
  CompileOptions o;
  o.methods = {{"", output + ".txt"}};
  o.output = output;
  o.passes.verify = true;
  o.expand = [&](ir::Dump dump, const passes::PipelineOptions& passes) { return training::methods(std::move(dump.graph), options, passes); };
  return compile(o);
}

training::Options adamw() {
  training::Options o;
  o.optimizer = training::Optimizer::adamw;
  return o;
}

class TrainerTest : public testing::Test {
 protected:
  Trainer open(const training::Options& options = adamw(), const Trainer::Options& how = {.threads = 1}, const std::string& text = kModel) {
    const Error e = compile_text(text, folder_.file("m.pte"), options);
    EXPECT_TRUE(e.ok()) << e.text();
    return *Trainer::open(folder_.file("m.pte").c_str(), how);
  }
  static TensorView x(int k = 0) {
    static float data[3][16];
    for (int i = 0; i < 16; ++i) data[k][i] = std::sin(static_cast<float>(i * (k + 2)));
    return TensorView::of(data[k], {4, 4});
  }
  TensorView y() const { return TensorView::of(classes_, {4}); }
  std::vector<std::byte> bytes_of(const Trainer& t) const {
    std::vector<std::byte> all;
    for (size_t i = 0; i < t.state_count(); ++i) {
      const TensorView v = t.state(i).tensor;
      all.insert(all.end(), v.as<std::byte>(), v.as<std::byte>() + v.bytes());
    }
    return all;
  }
  void steps(Trainer& t, int count, int first = 0) {
    for (int i = first; i < first + count; ++i) {
      const auto a = t.step({x(i % 3), y()}, 0.01f);
      ASSERT_TRUE(a.ok()) << a.error().text();
    }
  }

  TestFolder folder_;
  int64_t classes_[4] = {0, 1, 2, 1};
};

TEST_F(TrainerTest, Learns) {
  Trainer t = open();
  const double before = t.evaluate({x(), y()})->loss;
  const std::vector<std::byte> state = bytes_of(t);
  EXPECT_EQ(bytes_of(t), state);  // evaluate changes nothing
  steps(t, 60);
  EXPECT_LT(t.evaluate({x(), y()})->loss, before);
  EXPECT_EQ(t.steps(), 60u);
  EXPECT_EQ(*t.parameter("n.num_batches_tracked")->as<int64_t>(), 60);
  EXPECT_NE(*t.parameter("n.running_mean")->as<float>(), 0);
  ASSERT_EQ(t.inputs().size(), 2u);
  EXPECT_EQ(t.inputs()[1].name, "target");
  EXPECT_EQ(t.inputs()[1].dtype, DType::i64);
}

TEST_F(TrainerTest, GoesOnBitForBit) {
  Trainer a = open();
  steps(a, 5);
  a.cursor = {1, 2, 3};
  ASSERT_TRUE(a.save(folder_.file("c.ptd").c_str()).ok());
  steps(a, 5, 5);
  Trainer b = *Trainer::open(folder_.file("m.pte").c_str(), {.threads = 1, .seed = 9});
  const Error e = b.resume(folder_.file("c.ptd").c_str());
  ASSERT_TRUE(e.ok()) << e.text();
  EXPECT_EQ(b.cursor.position, 2u);
  EXPECT_EQ(b.cursor.seed, 3u);
  steps(b, 5, 5);
  EXPECT_EQ(bytes_of(a), bytes_of(b));
}

TEST_F(TrainerTest, DrawsTheSameAtAnyNumberOfThreads) {
  Trainer a = open(adamw(), {.threads = 1, .seed = 4}), b = open(adamw(), {.threads = 2, .seed = 4}), c = open(adamw(), {.threads = 1, .seed = 5});
  steps(a, 4);
  steps(b, 4);
  steps(c, 4);
  EXPECT_EQ(bytes_of(a), bytes_of(b));
  EXPECT_NE(bytes_of(a), bytes_of(c));
}

TEST_F(TrainerTest, ErrorsChangeNothing) {
  Trainer t = open();
  steps(t, 2);
  const std::vector<std::byte> before = bytes_of(t);
  classes_[2] = 3;
  auto a = t.step({x(), y()}, 0.01f);
  ASSERT_FALSE(a.ok());
  EXPECT_EQ(a.error().code(), Code::bad_argument);
  EXPECT_NE(std::string(a.error().text()).find("target has class 3 (expected 0 to 2)"), std::string::npos) << a.error().text();
  EXPECT_EQ(bytes_of(t), before);

  classes_[2] = 2;
  float bad[16] = {};
  bad[3] = NAN;
  a = t.step({TensorView::of(bad, {4, 4}), y()}, 0.01f);
  ASSERT_FALSE(a.ok());
  EXPECT_NE(std::string(a.error().text()).find("step 3: "), std::string::npos) << a.error().text();
  EXPECT_NE(std::string(a.error().text()).find("input 0 \"x\""), std::string::npos) << a.error().text();
  EXPECT_EQ(bytes_of(t), before);

  t.parameter("b.weight")->as<float>()[5] = INFINITY;
  a = t.step({x(), y()}, 0.01f);
  ASSERT_FALSE(a.ok());
  EXPECT_TRUE(std::strstr(a.error().text(), "model.py:7") || std::strstr(a.error().text(), "b.weight")) << a.error().text();

  a = t.step({x()}, 0.01f);
  ASSERT_FALSE(a.ok());
  float wrong[4] = {};
  a = t.step({x(), TensorView::of(wrong, {4})}, 0.01f);
  ASSERT_FALSE(a.ok());
  EXPECT_NE(std::string(a.error().text()).find("target"), std::string::npos) << a.error().text();
}

TEST_F(TrainerTest, RefusesOtherCheckpoints) {
  Trainer t = open();
  steps(t, 1);
  ASSERT_TRUE(t.save(folder_.file("c.ptd").c_str()).ok());
  training::Options sgd;
  Trainer other = open(sgd);
  const std::vector<std::byte> before = bytes_of(other);
  Error e = other.resume(folder_.file("c.ptd").c_str());
  EXPECT_EQ(e.code(), Code::bad_argument) << e.text();
  EXPECT_NE(std::string(e.text()).find("another program"), std::string::npos) << e.text();
  ASSERT_TRUE(other.save(folder_.file("d.ptd").c_str()).ok());
  e = open().resume(folder_.file("d.ptd").c_str());
  EXPECT_NE(std::string(e.text()).find("another program"), std::string::npos) << e.text();
  {
    std::fstream damaged(folder_.file("d.ptd"), std::ios::in | std::ios::out | std::ios::binary | std::ios::ate);
    const auto at = static_cast<std::streamoff>(damaged.tellg()) / 2;
    damaged.seekp(at);
    damaged.put('\x5a');
  }
  EXPECT_FALSE(other.resume(folder_.file("d.ptd").c_str()).ok());
  EXPECT_EQ(bytes_of(other), before);
}

TEST_F(TrainerTest, HasHyperparameters) {
  training::Options o = adamw();
  o.groups = {{"*.bias", {{"weight_decay", 0}, {"lr_scale", 2}}}};
  o.clip = true;
  Trainer t = open(o);
  EXPECT_EQ(*t.hyperparameter("beta2"), 0.999);
  EXPECT_EQ(*t.hyperparameter("weight_decay"), 0.01);
  EXPECT_EQ(*t.hyperparameter("weight_decay[*.bias]"), 0);
  EXPECT_EQ(*t.hyperparameter("clip_norm"), 1);
  EXPECT_FALSE(t.hyperparameter("momentum").ok());
  ASSERT_TRUE(t.set_hyperparameter("weight_decay", 1000).ok());
  const float weight = t.parameter("b.weight")->as<float>()[0], bias = t.parameter("b.bias")->as<float>()[0];
  steps(t, 1);
  EXPECT_NEAR(t.parameter("b.weight")->as<float>()[0], weight * (1 - 10), 0.05);
  EXPECT_NEAR(t.parameter("b.bias")->as<float>()[0], bias, 0.03);
}

TEST_F(TrainerTest, LeavesFrozenWeightsAlone) {
  training::Options o = adamw();
  o.trainable = {"b.*"};
  Trainer t = open(o);
  EXPECT_TRUE(t.parameter("b.weight").ok());
  EXPECT_FALSE(t.parameter("a.weight").ok());  // a constant
  for (size_t i = 0; i < t.state_count(); ++i) EXPECT_EQ(t.state(i).name.find("/a."), std::string_view::npos);
  steps(t, 3);

  training::Options lora = adamw();
  lora.lora.globs = {"*.weight"};
  lora.lora.rank = 2;
  Trainer l = open(lora);
  const auto a = l.parameter("a.lora_A.weight"), b = l.parameter("a.lora_B.weight");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->shape.sizes[0], 2);
  EXPECT_EQ(b->shape.sizes[1], 2);
  EXPECT_EQ(b->as<float>()[0], 0);
  steps(l, 3);
  EXPECT_NE(b->as<float>()[0], 0);
}

TEST_F(TrainerTest, AccumulatesTheMeanOfGradients) {
  training::Options whole, parts;
  parts.accumulate = 3;
  Trainer a = open(whole), b = open(parts);
  // The same batch thrice is that batch once: without dropout's draws that would hold to the bit.
  std::string text = kModel;
  const std::string on = "p=0.25, train=True";
  text.replace(text.find(on), on.size(), "p=0.25, train=False");
  a = open(whole, {.threads = 1}, text);
  b = open(parts, {.threads = 1}, text);
  ASSERT_TRUE(a.step({x(), y()}, 0.1f).ok());
  for (int i = 0; i < 3; ++i) {
    if (i < 2) {
      ASSERT_TRUE(b.step({x(), y()}, 0.1f).ok());
      EXPECT_EQ(b.steps(), 0u);
    } else {
      ASSERT_TRUE(b.step({x(), y()}, 0.1f).ok());
    }
  }
  EXPECT_EQ(b.steps(), 1u);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(a.parameter("b.weight")->as<float>()[i], b.parameter("b.weight")->as<float>()[i], 1e-6);
}

TEST_F(TrainerTest, NamesWhatDoesNotFit) {
  const auto refused = [&](training::Options o) {
    const Error e = compile_text(kModel, folder_.file("r.pte"), o);
    EXPECT_FALSE(e.ok());
    return std::string(e.text());
  };
  training::Options o;
  o.trainable = {"nothing.*"};
  EXPECT_NE(refused(o).find("--trainable nothing.* matches no parameter"), std::string::npos) << refused(o);
  o = {};
  o.lora.globs = {"*.bias"};
  EXPECT_NE(refused(o).find("--lora *.bias"), std::string::npos) << refused(o);
  o = {};
  o.hyperparameters = {{"beta1", 0.5}};
  EXPECT_NE(refused(o).find("hyper-parameter \"beta1\""), std::string::npos) << refused(o);
  o = {};
  o.memory_limit = 100;
  EXPECT_NE(refused(o).find("at the least"), std::string::npos) << refused(o);
  o = {};
  o.output = 3;
  EXPECT_NE(refused(o).find("output 3"), std::string::npos) << refused(o);
}

}  // namespace
}  // namespace portfire
