#include "compiler/import/new_weights.h"

#include <gtest/gtest.h>

#include "format/file_case.h"
#include "format/ptd_writer.h"
#include "format/safetensors.h"

namespace portfire::import {
namespace {

bool says(const Error& e, std::string_view what) { return std::string_view(e.text()).find(what) != std::string_view::npos; }

// A graph of constants alone; names of one list share theirs.
ir::Graph graph_of(const std::vector<std::vector<std::string>>& tensors) {
  ir::Graph g;
  for (const auto& names : tensors) {
    auto bytes = std::make_shared<std::vector<std::byte>>(24);
    auto c = std::make_shared<ir::Constant>();
    c->data = bytes->data();
    c->bytes = bytes->size();
    c->owner = bytes;
    for (const std::string& name : names) g.values[g.add_value(ir::Type::tensor(DType::f32, {2, 3}), name)].constant = c;
  }
  return g;
}

class NewWeightsTest : public testing::Test {
 protected:
  NewWeights open(std::span<const NamedTensor> tensors) {
    EXPECT_FALSE(write_checkpoint(path_.c_str(), tensors, {}));
    Result<NewWeights> w = NewWeights::open(path_);
    EXPECT_TRUE(w.ok()) << w.error().text();
    return *std::move(w);
  }
  static bool holds(const ir::ValueInfo& v, const TensorView& t) { return v.constant->bytes == t.bytes() && std::memcmp(v.constant->data, t.data, t.bytes()) == 0; }

  TestFolder folder_;
  std::string path_ = folder_.file("w.ptd");
};

TEST_F(NewWeightsTest, TakeThePlaceOfThoseOfTheirNames) {
  ir::Graph g = graph_of({{"a"}, {"b"}, {"c"}});
  const auto kept = g.values[1].constant;
  OwnedTensors tensors;
  const TensorView c = tensors.add("c", DType::f32, {2, 3}), a = tensors.add("a", DType::f32, {2, 3});
  tensors.add("portfire.moment.a", DType::f32, {7});
  NewWeights w = open(tensors.all());
  ASSERT_FALSE(w.replace(g));
  EXPECT_FALSE(w.check_used());
  EXPECT_EQ(w.used(), 2u);
  EXPECT_TRUE(holds(g.values[0], a));
  EXPECT_EQ(g.values[1].constant, kept);
  EXPECT_TRUE(holds(g.values[2], c));
}

TEST_F(NewWeightsTest, TwoMethodsShareThem) {
  ir::Graph g = graph_of({{"a"}, {"b"}}), h = graph_of({{"b"}, {"c"}});
  OwnedTensors tensors;
  for (const char* name : {"a", "b", "c"}) tensors.add(name, DType::f32, {2, 3});
  NewWeights w = open(tensors.all());
  ASSERT_FALSE(w.replace(g));
  EXPECT_TRUE(says(w.check_used(), "w.ptd: tensor \"c\" is not in the model"));
  ASSERT_FALSE(w.replace(h));
  EXPECT_FALSE(w.check_used());
  EXPECT_EQ(g.values[1].constant, h.values[0].constant);
}

TEST_F(NewWeightsTest, TiedNamesStayTied) {
  OwnedTensors one;
  const TensorView b = one.add("b", DType::f32, {2, 3});
  ir::Graph g = graph_of({{"a", "b", "c"}});
  ASSERT_FALSE(open(one.all()).replace(g));
  EXPECT_TRUE(holds(g.values[0], b));
  EXPECT_EQ(g.values[0].constant, g.values[1].constant);
  EXPECT_EQ(g.values[2].constant, g.values[1].constant);
  // Equal bytes under both names are one constant again; others are not.
  const NamedTensor equal[] = {{"a", b}, {"b", b}};
  g = graph_of({{"a", "b"}});
  ASSERT_FALSE(open(equal).replace(g));
  EXPECT_EQ(g.values[0].constant, g.values[1].constant);
  OwnedTensors two;
  const TensorView a = two.add("a", DType::f32, {2, 3}), other = two.add("b", DType::f32, {2, 3});
  g = graph_of({{"a", "b"}});
  ASSERT_FALSE(open(two.all()).replace(g));
  EXPECT_TRUE(holds(g.values[0], a));
  EXPECT_TRUE(holds(g.values[1], other));
}

TEST_F(NewWeightsTest, RefusesOtherTypes) {
  auto refused = [&](DType dtype, std::initializer_list<int64_t> sizes, const char* text) {
    ir::Graph g = graph_of({{"a"}});
    OwnedTensors tensors;
    tensors.add("a", dtype, sizes);
    const Error e = open(tensors.all()).replace(g);
    EXPECT_EQ(e.code(), Code::bad_argument);
    EXPECT_TRUE(says(e, text)) << e.text();
  };
  refused(DType::f64, {2, 3}, "tensor \"a\" is f64[2,3] (expected f32[2,3])");
  refused(DType::f32, {3, 2}, "tensor \"a\" is f32[3,2] (expected f32[2,3])");
  refused(DType::f32, {6}, "tensor \"a\" is f32[6] (expected f32[2,3])");
}

TEST_F(NewWeightsTest, OfEveryFormat) {
  OwnedTensors tensors;
  const TensorView a = tensors.add("a", DType::f32, {2, 3});
  for (const bool ptd : {true, false}) {
    ASSERT_FALSE(ptd ? write_ptd(path_.c_str(), tensors.all()) : write_safetensors(path_.c_str(), tensors.all()));
    Result<NewWeights> w = NewWeights::open(path_);
    ASSERT_TRUE(w.ok()) << w.error().text();
    ir::Graph g = graph_of({{"a"}});
    ASSERT_FALSE(w->replace(g));
    EXPECT_TRUE(holds(g.values[0], a));
  }
  put_file(path_, "no tensors at all");
  EXPECT_TRUE(says(NewWeights::open(path_).error(), "w.ptd: unknown format"));
}

}  // namespace
}  // namespace portfire::import
