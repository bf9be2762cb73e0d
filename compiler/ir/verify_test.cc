#include "compiler/ir/verify.h"

#include <functional>

#include "compiler/ir/parse_text.h"

namespace portfire::ir {
namespace {

constexpr const char* kGraph = R"(graph forward
  symbol s0 : 2..9 {9, 2, 3, 4, 5}
  input %0:x : f32[s0,3]
  input %1:p : bool[]
  state %2:cache : f32[2] = [0.0, 1.0]
  constant %3:w : f32[3] = [1.0, 2.0, 3.0]
  at model.py:41
  %4:mul : f32[s0,3] = aten::mul.Tensor(%0:x, %3:w)
  %5:size : int s0 = aten::sym_size.int(%4:mul, dim=0)
  %6:twice : int 2*s0 = executorch_prim::mul.Scalar(%5:size, 2)
  %7:t : f32[3,s0]{1,3} = aten::permute(%4:mul, dims=[1, 0])
  %8:next : f32[2] = aten::add.Scalar(%2:cache, 1.0)
  %9:chosen : f32[s0,3] = portfire::cond(
    %1:p,
    graph then
      input %0:a : f32[s0,3]
      %1:relu : f32[s0,3] = aten::relu(%0:a)
      output %1:relu
    end,
    graph else
      input %0:a : f32[s0,3]
      output %0:a
    end,
    [%4:mul])
  update %2:cache = %8:next
  output %7:t
end
)";

Graph good() {
  Result<Graph> g = parse_text(kGraph);
  EXPECT_TRUE(g.ok()) << g.error().text();
  return *std::move(g);
}

TEST(Verify, TakesAGoodGraph) {
  for (Stage stage : {Stage::imported, Stage::decomposed, Stage::functional}) {
    const Error e = verify(good(), stage);
    EXPECT_TRUE(e.ok()) << e.text();
  }
}

struct Broken {
  const char* what;
  std::function<void(Graph&)> change;
  const char* error;
};
class VerifyError : public testing::TestWithParam<Broken> {};

TEST_P(VerifyError, SaysNodeAndWhat) {
  Graph g = good();
  GetParam().change(g);
  EXPECT_STREQ(verify(g, Stage::functional).text(), GetParam().error);
}

constexpr ValueId mul = 4;

INSTANTIATE_TEST_SUITE_P(
    Verify, VerifyError,
    testing::Values(
        Broken{"order", [](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); },
               "aten::sym_size.int %5:size (model.py:41): argument self: %4:mul is used before it is defined"},
        Broken{"twice", [](Graph& g) { g.nodes.push_back(g.nodes[0]); }, "aten::mul.Tensor %4:mul (model.py:41): %4:mul is defined twice (now as a result)"},
        Broken{"no value", [](Graph& g) { g.nodes[0].args[1] = Ref{99}; },
               "aten::mul.Tensor %4:mul (model.py:41): argument other: %99 (of 10 values) is no value"},
        Broken{"count of arguments", [](Graph& g) { g.nodes[0].args.pop_back(); }, "aten::mul.Tensor %4:mul (model.py:41): 1 arguments (expected 2)"},
        Broken{"kind of argument", [](Graph& g) { g.nodes[0].args[1] = 2; },
               "aten::mul.Tensor %4:mul (model.py:41): argument other is an integer (expected Tensor)"},
        Broken{"None", [](Graph& g) { g.nodes[0].args[1] = nullptr; },
               "aten::mul.Tensor %4:mul (model.py:41): argument other is None (expected Tensor)"},
        Broken{"list", [](Graph& g) { g.nodes[3].args[1] = Arg::List{1, 0.5}; },
               "aten::permute %7:t (model.py:41): argument dims is a list (expected int[])"},
        Broken{"results", [](Graph& g) { g.nodes[0].outs.push_back(g.add_value({}, "more")); },
               "aten::mul.Tensor %4:mul (model.py:41): 2 results (expected 1)"},
        Broken{"sizes", [](Graph& g) { g.values[mul].type.sizes[1] = 4; },
               "aten::mul.Tensor %4:mul (model.py:41): result 0 is f32[{9, 2, 3, 4, 5},4] (expected f32[{9, 2, 3, 4, 5},3])"},
        Broken{"strides", [](Graph& g) { g.values[7].type.strides.clear(); },
               "aten::permute %7:t (model.py:41): result 0 is f32[3,{9, 2, 3, 4, 5}] (expected f32[3,{9, 2, 3, 4, 5}]{1,3})"},
        Broken{"number", [](Graph& g) { g.values[6].type.number.at[2] = 7; },
               "executorch_prim::mul.Scalar %6:twice (model.py:41): result is int {18, 4, 7, 8, 10}, which its operands under assignment 2 do not give"},
        Broken{"constant's bytes", [](Graph& g) { g.values[3].type.sizes[0] = 2; },
               "%3:w: constant of 12 bytes (expected 8 for f32[2])"},
        Broken{"no initial value", [](Graph& g) { g.values[2].constant = nullptr; }, "%2:cache: state without an initial value"},
        Broken{"update", [](Graph& g) { g.buffers[0].update = mul; }, "update of %2:cache is f32[{9, 2, 3, 4, 5},3] (expected f32[2])"},
        Broken{"output", [](Graph& g) { g.outputs[0].value = g.add_value({}, "nothing"); }, "output 0: %10:nothing is used before it is defined"},
        Broken{"origin", [](Graph& g) { g.nodes[0].origin = 7; }, "aten::mul.Tensor %4:mul: origin 7 of 2"},
        Broken{"mutation", [](Graph& g) { g.nodes.push_back({find_op_info("aten::copy_"), {Ref{0}, Ref{mul}, false}, {}, 0}); },
               "aten::copy_: mutation after functionalise"},
        Broken{"composite", [](Graph& g) { g.nodes.push_back({find_op_info("aten::dropout"), {Ref{0}, 0.5, false}, {}, 0}); },
               "aten::dropout: a composite operator after decompose"},
        Broken{"operands", [](Graph& g) { g.nodes[5].args[3] = Arg::List{}; },
               "portfire::cond %9:chosen (model.py:41): then takes 1 operands (0 are given)"},
        Broken{"inside a sub-graph",
               [](Graph& g) {
                 auto inner = std::make_shared<Graph>(**g.nodes[5].args[1].graph());
                 inner->values[1].type.dtype = DType::f64;
                 g.nodes[5].args[1] = inner;
               },
               "portfire::cond %9:chosen (model.py:41): then: aten::relu %1:relu: result 0 is f64[{9, 2, 3, 4, 5},3] "
               "(expected f32[{9, 2, 3, 4, 5},3])"}),
    [](const testing::TestParamInfo<Broken>& info) {
      std::string name;
      for (const char* c = info.param.what; *c; ++c) name += isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
      return name;
    });

}  // namespace
}  // namespace portfire::ir
