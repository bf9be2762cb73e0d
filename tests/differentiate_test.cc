// Gradients against central differences, in f64: graphs as text, run as programs.
#include "autodiff/differentiate.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "compiler/emit/write_pte.h"
#include "compiler/ir/parse_text.h"
#include "compiler/ir/verify.h"
#include "runtime/method.h"

namespace portfire::autodiff {
namespace {

using Numbers = std::vector<double>;

ir::Graph parse(const std::string& body) {
  Result<ir::Graph> g = ir::parse_text("graph forward\n" + body + "end\n");
  if (!g.ok()) {
    ADD_FAILURE() << g.error().text();
    return {};
  }
  return *std::move(g);
}

// A graph as a program that takes and gives f64.
class Compiled {
 public:
  explicit Compiled(const ir::Graph& graph) {
    const Error valid = ir::verify(graph, ir::Stage::functional);
    EXPECT_TRUE(valid.ok()) << valid.text();
    Result<emit::Lowered> lowered = emit::lower(graph);
    EXPECT_TRUE(lowered.ok()) << lowered.error().text();
    emit::EmitProgram emitted;
    emitted.methods.resize(1);
    emitted.methods[0].program = *std::move(lowered);
    emitted.methods[0].memory = emit::plan_memory(emitted.methods[0].program);
    const Error written = emit::write_pte(emitted, [&](const void* data, size_t n) {
      bytes_.insert(bytes_.end(), static_cast<const std::byte*>(data), static_cast<const std::byte*>(data) + n);
      return Error();
    });
    EXPECT_TRUE(written.ok()) << written.text();
    auto program = Program::from_bytes(bytes_);
    EXPECT_TRUE(program.ok()) << program.error().text();
    auto method = Method::load(*program, "forward", {});
    EXPECT_TRUE(method.ok()) << method.error().text();
    method_ = *std::move(method);
  }

  std::vector<Numbers> operator()(const std::vector<Numbers>& inputs) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      TensorView t = *method_->input_type(i).tensor;
      t.data = const_cast<double*>(inputs[i].data());
      t.set_contiguous();
      const Error e = method_->set_input(i, t);
      EXPECT_TRUE(e.ok()) << e.text();
    }
    const Error e = method_->execute();
    EXPECT_TRUE(e.ok()) << e.text();
    std::vector<Numbers> out;
    for (size_t k = 0; k < method_->output_count(); ++k) {
      const TensorView& t = *method_->output(k).tensor;
      Numbers numbers;
      std::vector<int64_t> at(static_cast<size_t>(t.rank()));
      for (int64_t n = 0; n < t.numel(); ++n) {
        int64_t offset = 0, rest = n;
        for (int d = t.rank() - 1; d >= 0; rest /= t.size(d--)) offset += rest % t.size(d) * t.strides[d];
        numbers.push_back(t.as<double>()[offset]);
      }
      out.push_back(std::move(numbers));
    }
    return out;
  }

 private:
  std::vector<std::byte> bytes_;  // which the program shows
  std::unique_ptr<Method> method_;
};

size_t numel(const ir::Graph& g, ir::ValueId v) { return static_cast<size_t>(g.type(v).numel().at[0]); }

// All outputs with respect to all inputs, which are f64 and between `low` and `high`.
void expect_gradients(const std::string& body, double low = -1, double high = 1) {
  SCOPED_TRACE(body);
  const ir::Graph graph = parse(body);
  Problem p;
  std::mt19937 random(7);
  std::vector<Numbers> inputs;
  std::uniform_real_distribution<double> number(low, high);
  const auto fill = [&](size_t n) {
    Numbers list(n);
    for (double& x : list) x = number(random);
    return list;
  };
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    p.inputs.push_back(i);
    inputs.push_back(fill(numel(graph, graph.inputs[i].value)));
  }
  std::vector<Numbers> seeds;
  for (size_t k = 0; k < graph.outputs.size(); ++k) {
    p.outputs.push_back(k);
    seeds.push_back(fill(numel(graph, graph.outputs[k].value)));
  }
  Result<ir::Graph> product = vector_jacobian_product(graph, p);
  ASSERT_TRUE(product.ok()) << product.error().text();
  std::vector<Numbers> all = inputs;
  all.insert(all.end(), seeds.begin(), seeds.end());
  const std::vector<Numbers> answers = Compiled(*product)(all);
  ASSERT_EQ(answers.size(), seeds.size() + inputs.size());

  Compiled forward(graph);
  const auto value = [&] {
    const std::vector<Numbers> outs = forward(inputs);
    double sum = 0;
    for (size_t k = 0; k < outs.size(); ++k)
      for (size_t i = 0; i < outs[k].size(); ++i) sum += outs[k][i] * seeds[k][i];
    return sum;
  };
  const double step = 1e-6;
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t j = 0; j < inputs[i].size(); ++j) {
      const double x = inputs[i][j];
      inputs[i][j] = x + step;
      const double above = value();
      inputs[i][j] = x - step;
      const double below = value();
      inputs[i][j] = x;
      const double slope = (above - below) / (2 * step), given = answers[seeds.size() + i][j];
      EXPECT_NEAR(given, slope, 1e-6 * std::max(1.0, std::fabs(slope))) << "input " << i << ", element " << j;
    }
}

std::string unary(const std::string& call) {
  return "  input %0:x : f64[2,3]\n  %1:y : f64[2,3] = " + call + "\n  output %1:y\n";
}
std::string binary(const std::string& call, const std::string& other = "f64[2,3]") {
  return "  input %0:x : f64[2,3]\n  input %1:z : " + other + "\n  %2:y : f64[2,3] = " + call + "\n  output %2:y\n";
}

TEST(Differentiate, FunctionsOfOne) {
  for (const char* name : {"neg", "abs", "relu", "exp", "expm1", "exp2", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh", "erf", "erfc", "sigmoid",
                           "silu", "frac", "i0"})
    expect_gradients(unary(std::string("aten::") + name + "(%0:x)"));
  for (const char* name : {"reciprocal", "sqrt", "rsqrt", "log", "log2", "log10", "log1p", "asin", "acos", "atanh", "lgamma", "digamma", "erfinv"})
    expect_gradients(unary(std::string("aten::") + name + "(%0:x)"), 0.2, 0.8);
  expect_gradients(unary("aten::acosh(%0:x)"), 1.2, 3);
  for (const char* n : {"1", "2", "5"}) expect_gradients(unary(std::string("aten::polygamma(") + n + ", %0:x)"), 1.2, 3);
  expect_gradients(unary("aten::polygamma(1, %0:x)"), -2.7, -2.3);
  for (const char* name : {"gelu", "gelu_tanh", "square", "hardswish", "hardsigmoid"}) expect_gradients(unary(std::string("portfire::") + name + "(%0:x)"), -4, 4);
}

TEST(Differentiate, FunctionsOfTwo) {
  for (const char* call : {"aten::add.Tensor(%0:x, %1:z, alpha=2)", "aten::sub.Tensor(%0:x, %1:z, alpha=3)", "aten::mul.Tensor(%0:x, %1:z)", "aten::div.Tensor(%0:x, %1:z)",
                           "aten::pow.Tensor_Tensor(%0:x, %1:z)", "aten::atan2(%0:x, %1:z)", "aten::hypot(%0:x, %1:z)", "aten::maximum(%0:x, %1:z)",
                           "aten::minimum(%0:x, %1:z)", "aten::fmax(%0:x, %1:z)", "aten::fmod.Tensor(%0:x, %1:z)"})
    for (const char* other : {"f64[2,3]", "f64[3]", "f64[2,1]", "f64[]"}) expect_gradients(binary(call, other), 0.3, 2);
}

TEST(Differentiate, Products) {
  expect_gradients("  input %0:x : f64[2,3]\n  input %1:w : f64[3,4]\n  %2:y : f64[2,4] = aten::mm(%0:x, %1:w)\n  output %2:y\n");
  expect_gradients("  input %0:x : f64[2,2,3]\n  input %1:w : f64[2,3,4]\n  %2:y : f64[2,2,4] = aten::bmm(%0:x, %1:w)\n  output %2:y\n");
  expect_gradients("  input %0:b : f64[4]\n  input %1:x : f64[2,3]\n  input %2:w : f64[3,4]\n  %3:y : f64[2,4] = aten::addmm(%0:b, %1:x, %2:w, beta=2, alpha=3)\n  output %3:y\n");
  expect_gradients("  input %0:x : f64[2,2,3]\n  input %1:w : f64[4,3]\n  input %2:b : f64[4]\n  %3:y : f64[2,2,4] = aten::linear(%0:x, %1:w, %2:b)\n  output %3:y\n");
  expect_gradients("  input %0:x : f64[1,2,5,4]\n  input %1:w : f64[4,1,3,2]\n  input %2:b : f64[4]\n  %3:y : f64[1,4,3,5] = aten::convolution(%0:x, %1:w, %2:b, "
                   "stride=[2, 1], padding=[1, 1], dilation=[1, 1], transposed=False, output_padding=[0, 0], groups=2)\n  output %3:y\n");
  expect_gradients("  input %0:x : f64[1,2,3]\n  input %1:w : f64[2,2,2]\n  %2:y : f64[1,2,6] = aten::convolution(%0:x, %1:w, None, "
                   "stride=[1], padding=[0], dilation=[3], transposed=True, output_padding=[0], groups=1)\n  output %2:y\n");
  expect_gradients("  input %0:x : f64[1,2,3]\n  input %1:w : f64[2,2,2]\n  %2:y : f64[1,2,8] = aten::convolution(%0:x, %1:w, None, "
                   "stride=[1], padding=[0], dilation=[3], transposed=True, output_padding=[2], groups=1)\n  output %2:y\n");
}

TEST(Differentiate, Reductions) {
  for (const char* call : {"aten::sum.dim_IntList(%0:x, [1], keepdim=True)", "aten::mean.dim(%0:x, [1], keepdim=True)", "aten::amax(%0:x, dim=[1], keepdim=True)",
                           "aten::amin(%0:x, dim=[-1], keepdim=True)", "aten::var.correction(%0:x, [1], correction=0, keepdim=True)", "aten::prod.dim_int(%0:x, 1, keepdim=True)"})
    expect_gradients(std::string("  input %0:x : f64[2,3]\n  %1:y : f64[2,1] = ") + call + "\n  output %1:y\n");
  for (const char* call : {"aten::sum.dim_IntList(%0:x, [])", "aten::mean.dim(%0:x, None)", "aten::prod(%0:x)"})
    expect_gradients(std::string("  input %0:x : f64[2,3]\n  %1:y : f64[] = ") + call + "\n  output %1:y\n");
  for (const char* call : {"aten::cumsum(%0:x, 1)", "aten::_softmax(%0:x, 1, False)", "aten::_log_softmax(%0:x, -1, False)"}) expect_gradients(unary(call));
}

TEST(Differentiate, Moves) {
  for (const char* body : {"%1:y : f64[3,2]{1,3} = aten::permute(%0:x, [1, 0])", "%1:y : f64[6] = aten::view(%0:x, [6])", "%1:y : f64[2,1,3] = aten::unsqueeze(%0:x, 1)",
                           "%1:y : f64[2,2]{3,1} = aten::slice.Tensor(%0:x, 1, 1, 3, 1)", "%1:y : f64[3] = aten::select.int(%0:x, 0, 1)", "%1:y : f64[2,3] = aten::flip(%0:x, [1])",
                           "%1:y : f64[2,3] = aten::roll(%0:x, [1], [1])", "%1:y : f64[4,6] = aten::repeat(%0:x, [2, 2])", "%1:y : f64[3,5] = aten::constant_pad_nd(%0:x, [1, 1, 0, 1])",
                           "%1:y : f64[2,3] = aten::tril(%0:x)", "%1:y : f64[4,3] = aten::cat([%0:x, %0:x])"})
    expect_gradients(std::string("  input %0:x : f64[2,3]\n  ") + body + "\n  output %1:y\n");
}

// Places beyond the borders too; between pixels, where the slope does not jump.
TEST(Differentiate, Samples) {
  for (const char* aligned : {"True", "False"})
    for (int padding = 0; padding < 3; ++padding) {
      const std::string rest = ", " + std::to_string(padding) + ", " + aligned + ")\n  output %2:y\n";
      for (const char* mode : {"0", "1", "2"})
        expect_gradients(std::string("  input %0:x : f64[2,2,4,5]\n  input %1:grid : f64[2,3,3,2]\n  %2:y : f64[2,2,3,3] = aten::grid_sampler_2d(%0:x, %1:grid, ") + mode + rest, -1.6, 1.6);
      for (const char* mode : {"0", "1"})
        expect_gradients(std::string("  input %0:x : f64[1,2,3,4,3]\n  input %1:grid : f64[1,2,2,2,3]\n  %2:y : f64[1,2,2,2,2] = aten::grid_sampler_3d(%0:x, %1:grid, ") + mode + rest, -1.6, 1.6);
    }
}

TEST(Differentiate, Distances) {
  for (const char* p : {"0.0", "0.5", "1.0", "1.5", "2.0", "3.0", "inf"}) {
    expect_gradients(std::string("  input %0:x : f64[3,4]\n  input %1:z : f64[2,2,4]\n  %2:y : f64[2,3,2] = aten::_cdist_forward(%0:x, %1:z, ") + p + ", None)\n  output %2:y\n");
    expect_gradients(std::string("  input %0:x : f64[4,3]\n  %1:y : f64[6] = aten::_pdist_forward(%0:x, ") + p + ")\n  output %1:y\n");
  }
}

TEST(Differentiate, Scatters) {
  // PyTorch 2.13 gives self the gradient of the places that were written over, and 0 for the others.
  expect_gradients("  input %0:x : f64[4]\n  input %1:z : f64[2]\n  %2:y : f64[4] = aten::as_strided_scatter(%0:x, %1:z, [2], [1], 1)\n  output %2:y\n");
  expect_gradients("  input %0:x : f64[2,3]\n  input %1:z : f64[5]\n  %2:mask : bool[2,3] = aten::gt.Scalar(%0:x, 0)\n  %3:y : f64[2,3] = aten::masked_scatter(%0:x, %2:mask, %1:z)\n  output %3:y\n");
  for (const char* include : {"True", "False"})
    expect_gradients(std::string("  input %0:x : f64[3]\n  input %1:z : f64[4]\n  constant %2:i : i64[4] = [0, 2, 0, 0]\n  %3:y : f64[3] = aten::scatter_reduce.two(%0:x, 0, %2:i, %1:z, \"prod\", include_self=") + include + ")\n  output %3:y\n");
}

// As PyTorch, whatever is behind it.
TEST(Differentiate, StopsAtDetach) {
  const ir::Graph graph = parse("  input %0:x : f64[2]\n  %1:s : f64[2] = aten::detach(%0:x)\n  %2:y : f64[2] = aten::mul.Tensor(%0:x, %1:s)\n  output %2:y\n");
  Result<ir::Graph> product = vector_jacobian_product(graph, {{0}, {0}, {}});
  ASSERT_TRUE(product.ok()) << product.error().text();
  EXPECT_EQ(Compiled(*product)({{3, 4}, {1, 2}})[1], (Numbers{3, 8}));
}

TEST(Differentiate, Statistics) {
  expect_gradients("  input %0:x : f64[2,4]\n  input %1:w : f64[4]\n  %2:y : f64[2,4], %3:m : f64[2,1], %4:r : f64[2,1] = aten::native_layer_norm(%0:x, [4], %1:w, None, 1e-05)\n"
                   "  output %2:y\n  output %3:m\n  output %4:r\n");
  expect_gradients("  input %0:x : f64[2,4,3]\n  input %1:w : f64[4]\n  %2:y : f64[2,4,3], %3:m : f64[2,2], %4:r : f64[2,2] = aten::native_group_norm(%0:x, %1:w, None, 2, 4, 3, 2, 1e-05)\n"
                   "  output %2:y\n  output %3:m\n  output %4:r\n");
  expect_gradients("  input %0:x : f64[2,4]\n  %1:y : f64[2,4], %2:r : f64[2,1] = aten::_fused_rms_norm(%0:x, [4], None, 0.5)\n  output %1:y\n  output %2:r\n");
}

// A value used twice, one that does not matter, and an output that nothing changes.
TEST(Differentiate, SumsAndZeros) {
  expect_gradients("  input %0:x : f64[2]\n  input %1:z : f64[2]\n  %2:a : f64[2] = aten::mul.Tensor(%0:x, %0:x)\n  %3:b : f64[2] = aten::add.Tensor(%2:a, %0:x)\n"
                   "  %4:c : f64[2] = aten::floor(%1:z)\n  output %3:b\n  output %4:c\n");
}

TEST(Differentiate, NormsThroughTheirDecompositions) {
  expect_gradients("  input %0:x : f64[2,4]\n  input %1:w : f64[4]\n  input %2:b : f64[4]\n  %3:y : f64[2,4] = aten::layer_norm(%0:x, [4], %1:w, %2:b)\n  output %3:y\n");
}

// The branch that is taken counts; the other one is where the input is negative.
TEST(Differentiate, Choices) {
  const std::string body = R"(  input %0:x : f64[2,3]
  input %1:w : f64[3]
  %2:sum : f64[] = aten::sum.dim_IntList(%0:x, [])
  %3:positive : bool[] = aten::gt.Scalar(%2:sum, 0)
  %4:y : f64[2,3] = portfire::cond(
    %3:positive,
    graph then
      input %0:a : f64[2,3]
      input %1:b : f64[3]
      %2:product : f64[2,3] = aten::mul.Tensor(%0:a, %1:b)
      output %2:product
    end,
    graph else
      input %0:a : f64[2,3]
      input %1:b : f64[3]
      %2:tanh : f64[2,3] = aten::tanh(%0:a)
      output %2:tanh
    end,
    [%0:x, %1:w])
  output %4:y
)";
  expect_gradients(body, 0.1, 1);
  expect_gradients(body, -1, -0.1);
}

// Sums that are carried, a result of each step, and weights that all steps share.
TEST(Differentiate, Scans) {
  expect_gradients(R"(  input %0:h : f64[3]
  input %1:x : f64[4,3]
  input %2:w : f64[3]
  %3:last : f64[3], %4:all : f64[4,3] = portfire::scan(
    graph step
      input %0:h : f64[3]
      input %1:x : f64[3]
      input %2:w : f64[3]
      %3:kept : f64[3] = aten::mul.Tensor(%0:h, %2:w)
      %4:sum : f64[3] = aten::add.Tensor(%3:kept, %1:x)
      %5:next : f64[3] = aten::tanh(%4:sum)
      %6:square : f64[3] = aten::mul.Tensor(%5:next, %1:x)
      output %5:next
      output %6:square
    end,
    [%0:h],
    [%1:x],
    [%2:w])
  output %3:last
  output %4:all
)");
}

// Frozen inputs ask for nothing: no product is built for them.
TEST(Differentiate, BuildsNothingForWhatIsFrozen) {
  const ir::Graph graph = parse("  input %0:x : f64[2,3]\n  input %1:w : f64[3,4]\n  %2:y : f64[2,4] = aten::mm(%0:x, %1:w)\n  output %2:y\n");
  const auto products = [&](const Problem& p) {
    Result<Differentiated> d = differentiate(graph, p);
    EXPECT_TRUE(d.ok());
    size_t n = 0;
    for (const ir::Node& node : d->graph.nodes) n += node.op->name == "aten::mm";
    return n;
  };
  EXPECT_EQ(products({{0}, {0, 1}, {}}), 3u);
  EXPECT_EQ(products({{0}, {1}, {}}), 2u);
  EXPECT_EQ(products({{0}, {}, {}}), 1u);
}

TEST(Differentiate, RefusesByName) {
  const ir::Graph graph = parse("  input %0:x : f64[2,3]\n  %1:y : f64[4] = aten::histc(%0:x, bins=4)\n  output %1:y\n");
  const auto d = differentiate(graph, {{0}, {0}, {}});
  ASSERT_FALSE(d.ok());
  EXPECT_NE(std::string(d.error().text()).find("aten::histc: has no gradient"), std::string::npos) << d.error().text();
}

}  // namespace
}  // namespace portfire::autodiff
