#include "compiler/ir/text.h"

#include <cstring>

#include "compiler/ir/constant_text.h"
#include "compiler/ir/parse_text.h"

namespace portfire::ir {
namespace {

Graph parse(std::string_view text) {
  Result<Graph> g = parse_text(text);
  EXPECT_TRUE(g.ok()) << g.error().text();
  return g.ok() ? *std::move(g) : Graph();
}

std::string error_of(std::string_view text) {
  Result<Graph> g = parse_text(text);
  EXPECT_FALSE(g.ok());
  return g.ok() ? "" : g.error().text();
}

void expect_round_trip(const std::string& text) { EXPECT_EQ(to_text(parse(text)), text); }

std::shared_ptr<const Constant> constant(const std::vector<float>& values) {
  auto owner = std::make_shared<std::vector<float>>(values);
  auto c = std::make_shared<Constant>();
  c->data = owner->data();
  c->bytes = owner->size() * sizeof(float);
  c->owner = owner;
  return c;
}

constexpr const char* kEverything = R"(graph forward
  takes [1, {"type": null, "context": "a\\b"}]
  gives [1, {}]
  symbol s77 : 2..64 {64, 2, 40, 13, 17}
  symbol u0 : 0.. {99, 0, 3, 5, 8}
  input %0:x : f32[s77,3] "batch['ids']"
  input %1:n : int s77*
  state %2:cache : f32[2,2]{1,2} "m.cache" = [1.0, -0.0, inf, 1e-12]
  constant %3:scale : bf16[3] = [0.5, 1.0, nan]
  constant %4:tied : bf16[3,1] = %3
  constant %5:"odd name" : bool[] = 1
  constant %6 : c64[1] = [1.5, -2.0]
  constant %8:empty : i64[0,4] = []
  constant %17:runs : f32[7] = [1.0, 0.0 * 4, 2.0, 2.0]
  at model.py:41 | encoder.0 | y = a | b
  %7:cat : f32[2*s77+1,{5, 4, 3, 2, 1}]* = aten::cat([%0:x, %0:x], dim=-1)
  at
  %9:add : f32[s77,3] = aten::add.Tensor(%0:x, %0:x, alpha=2)
  at loss.py:7
  %10:scaled : f32[s77,3] = aten::add.Scalar(%9:add, 0.1)
  %11:sum : f64[1,3] = aten::sum.dim_IntList(%10:scaled, dim=[0], keepdim=True, dtype=f64)
  %12:size : int s77, %13:real : float {1.0, 0.5, nan, inf, -2.0}, %14 : float 0.5, %15:b : bool 1, %16 : none = aten::sym_size.int(%0:x, dim=0)
  portfire::check_range(value=%12:size, lower=2, upper=64, what="input \"x\"\n\x01")
  update %2:cache = %11:sum
  update %0:x = %10:scaled
  output %11:sum "output['a']"
  output None
  output 3 "n"
  output [1, 0.5, True]
end
)";

TEST(Text, ReadsBackWhatItWrites) {
  // `|` inside a field is escaped, and so is what an exporter may put into a line of code.
  std::string text = kEverything;
  text.replace(text.find("a | b"), 5, "a \\| b");
  expect_round_trip(text);
}

TEST(Text, KeepsWhatAGraphHolds) {
  const Graph g = parse(kEverything);
  EXPECT_EQ(g.input_structure, R"([1, {"type": null, "context": "a\b"}])");
  ASSERT_EQ(g.symbols.size(), 2u);
  EXPECT_EQ(g.symbols[0].upper, 64);
  EXPECT_EQ(g.symbols[1].upper, INT64_MAX);
  EXPECT_EQ(g.inputs[0].name, "batch['ids']");
  EXPECT_EQ(g.inputs[1].name, "n");
  EXPECT_TRUE(g.type(1).unbounded);
  EXPECT_EQ(g.type(2).strides, (std::vector<Dim>{1, 2}));
  EXPECT_EQ(g.buffers[0].name, "m.cache");
  EXPECT_EQ(g.buffers[0].update, 11u);
  EXPECT_EQ(g.values[3].constant, g.values[4].constant);
  EXPECT_EQ(g.values[5].name, "odd name");
  EXPECT_EQ(g.values[8].constant->bytes, 0u);
  EXPECT_EQ(g.type(7).sizes[0].at, (std::array<int64_t, kAssignments>{129, 5, 81, 27, 35}));
  EXPECT_EQ(g.type(7).sizes[1].at, (std::array<int64_t, kAssignments>{5, 4, 3, 2, 1}));
  EXPECT_EQ(g.origins[g.nodes[0].origin], (Origin{"model.py:41", "encoder.0", "y = a"}));
  EXPECT_EQ(g.nodes[1].origin, 0u);
  EXPECT_EQ(*g.nodes[1].args[2].integer(), 2);
  EXPECT_EQ(*g.nodes[2].args[2].integer(), 1) << "alpha's default";
  EXPECT_EQ(*g.nodes[3].args[3].integer(), static_cast<int64_t>(DType::f64));
  EXPECT_EQ(*g.nodes[5].args[3].string(), "input \"x\"\n\x01");
  ASSERT_EQ(g.input_mutations.size(), 1u);
  EXPECT_EQ(g.input_mutations[0].value, 10u);
  EXPECT_EQ(g.outputs[1].value, kNoValue);
  EXPECT_EQ(g.outputs[3].literal, Arg(Arg::List{1, 0.5, true}));
}

TEST(Text, SubGraphs) {
  expect_round_trip(R"(graph forward
  symbol s0 : 2..9 {9, 2, 3, 4, 5}
  input %0:p : bool[]
  input %1:x : f32[s0]
  %2:result : f32[s0] = portfire::cond(
    %0:p,
    graph true_graph_0
      input %0:a : f32[s0]
      at model.py:3
      %1:relu : f32[s0] = aten::relu(%0:a)
      output %1:relu
    end,
    graph "odd name"
      input %0:a : f32[s0]
      output %0:a
    end,
    [%1:x])
  output %2:result
end
)");
}

TEST(Text, ConstantsThatNumbersCannotSayAreBytes) {
  Graph g;
  const ValueId v = g.add_value(Type::tensor(DType::f32, {2}), "payload");
  uint32_t bits[2] = {0x7fc00001, 0x3f800000};
  float values[2];
  std::memcpy(values, bits, sizeof bits);
  g.values[v].constant = constant({values[0], values[1]});
  const std::string text = to_text(g);
  EXPECT_NE(text.find("= bytes \"0100c07f0000803f\""), std::string::npos) << text;
  expect_round_trip(text);
  EXPECT_EQ(std::memcmp(parse(text).values[v].constant->data, bits, sizeof bits), 0);
}

TEST(Text, LargeConstantsLieBeside) {
  Graph g;
  const ValueId a = g.add_value(Type::tensor(DType::f32, {20}), "a"), b = g.add_value(Type::tensor(DType::f32, {4, 5}), "b");
  g.values[a].constant = g.values[b].constant = constant(std::vector<float>(20, 1.5f));
  TextOptions options;
  options.place = [](const Constant&) { return 64; };
  const std::string text = to_text(g, options);
  EXPECT_NE(text.find("%0:a : f32[20] = @64"), std::string::npos) << text;
  EXPECT_NE(text.find("%1:b : f32[4,5] = %0"), std::string::npos) << text;
  auto file = std::make_shared<std::vector<std::byte>>(64 + 80);
  std::memcpy(file->data() + 64, g.values[a].constant->data, 80);
  Result<Graph> again = parse_text(text, {*file, file});
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(to_text(*again, options), text);
  EXPECT_EQ(again->values[a].constant, again->values[b].constant);
  file->resize(64 + 79);
  EXPECT_STREQ(parse_text(text, {*file, file}).error().text(),
               "line 2: constant at 64 reaches past the file of constants (143 bytes)");
  EXPECT_NE(to_text(g).find("%0:a : f32[20] = ..."), std::string::npos);
  EXPECT_EQ(error_of(to_text(g)), "line 2: this text leaves out the bytes of its constants");
}

struct Wrong {
  const char *line, *error;
};
class TextError : public testing::TestWithParam<Wrong> {};

TEST_P(TextError, SaysWhereAndWhat) {
  const std::string text = std::string("graph g\n  input %0:x : f32[2]\n  ") + GetParam().line + "\nend\n";
  EXPECT_EQ(error_of(text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Text, TextError,
    testing::Values(
        Wrong{"%1 : f32[2] = aten::relue(%0)", "line 3: unknown operator aten::relue"},
        Wrong{"%1 : f32[2] = aten::relu(%7)", "line 3: undefined value %7"},
        Wrong{"%1 : f32[2] = aten::relu(%1)", "line 3: undefined value %1"},
        Wrong{"%0 : f32[2] = aten::relu(%0)", "line 3: %0 is defined twice"},
        Wrong{"%1 : f32[2] = aten::relu(%0:y)", "line 3: expected %0:x, got %0:y"},
        Wrong{"%1 : f33[2] = aten::relu(%0)", "line 3: expected a dtype (f32, i64, bool, ...), got \"f33\""},
        Wrong{"%1 : f32[-2] = aten::relu(%0)", "line 3: a negative size"},
        Wrong{"%1 : f32[s1] = aten::relu(%0)", "line 3: unknown symbol s1"},
        Wrong{"%1 : f32[2]{1,2} = aten::relu(%0)", "line 3: expected 1 strides, got 2"},
        Wrong{"%1 : f32[{1,2}] = aten::relu(%0)", "line 3: expected \",\", got \"}\""},
        Wrong{"%1 : list = aten::relu(%0)", "line 3: expected a type (f32[2,3], int 4, bool 1, float 0.5), got \"list\""},
        Wrong{"%99999999 : f32[2] = aten::relu(%0)", "line 3: value number %99999999 is too large"},
        Wrong{"%1 : f32[2] = aten::relu()", "line 3: aten::relu: argument \"self\" is missing"},
        Wrong{"%1 : f32[2] = aten::relu(%0, %0)", "line 3: expected \")\" or the name of an argument of aten::relu, got %0"},
        Wrong{"%1 : f32[2] = aten::relu(%0, self=%0)", "line 3: aten::relu: argument \"self\" is given twice"},
        Wrong{"%1 : f32[2] = aten::relu(%0, other=2)", "line 3: expected \")\" or the name of an argument of aten::relu, got \"other\""},
        Wrong{"constant %1 : f32[2] = [1.0]", "line 3: expected 2 numbers for f32[2], got 1 or one that it cannot hold"},
        Wrong{"constant %1 : i8[2] = [1, 300]", "line 3: expected 2 numbers for i8[2], got 2 or one that it cannot hold"},
        Wrong{"constant %1 : f32[2] = [1.0 * 3]", "line 3: a number cannot stand 3 times here"},
        Wrong{"constant %1 : f32[1] = %0", "line 3: %0 is no constant"},
        Wrong{"constant %1 : f32[20] = @0", "line 3: constant at 0 reaches past the file of constants (0 bytes)"},
        Wrong{"update %0 = %3", "line 3: undefined value %3"},
        Wrong{"input %1:\"x : f32[2]", "line 3: a string does not end in its line (expected \")"},
        Wrong{"what is this",
              "line 3: expected a statement (takes, gives, symbol, input, state, constant, at, a node, update, output) or \"end\", got \"what\""}));

TEST(Text, EndsWhereTheGraphEnds) {
  EXPECT_EQ(error_of("graph g\n"), "line 2: expected a statement (takes, gives, symbol, input, state, constant, at, a node, update, output) "
                                   "or \"end\", got the end of the text");
  EXPECT_EQ(error_of("graph g\nend\nend\n"), "line 3: expected the end of the text, got \"end\"");
}

}  // namespace
}  // namespace portfire::ir
