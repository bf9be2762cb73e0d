// ExecuTorch's runtime has no strided views and no numbers in place of tensors: views become copies, all results dense, and each operator
// one that its portable library has. Nothing is decomposed any more: that is done before.
#include <map>

#include "compiler/ir/infer.h"
#include "compiler/ir/portable.h"
#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/portable_forms.h"
#include "compiler/passes/rewrite.h"
#include "ops/sym.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::Tensor;
using ir::Type;

using Args = std::vector<Arg>;

// `op` stays as it is, even where the compiler would take it apart. Composites get the type that the node had.
Args keep(Builder& b, std::string_view op, Args args) {
  const ir::OpInfo& info = *ir::find_op_info(op);
  std::vector<Type> types;
  if (info.op && info.op->infer) {
    Result<std::vector<Type>> inferred = ir::infer(b.graph(), info, args);
    if (!inferred.ok()) throw ir::Refusal{inferred.error().code(), std::string(op) + ": " + inferred.error().text()};
    types = *std::move(inferred);
  } else {
    types = {*b.hint};
    types[0].strides.clear();
  }
  for (const Type& t : types) {
    if (is_complex(t.dtype)) b.refuse(std::string(op) + " of " + name_of(t.dtype) + " has no form in ExecuTorch's portable operators");
    if (t.unbounded) b.refuse(std::string(op) + " gives a tensor without a bound (expected sizes that are bounded, for ExecuTorch)");
  }
  // There statistics are of the type that the values have.
  if (op.starts_with("aten::native_") && types.size() > 1 && types[1].dtype != types[0].dtype)
    b.refuse(std::string(op) + " of " + name_of(types[0].dtype) + " has no form in ExecuTorch's portable operators (expected f32)");
  Args results;
  for (ir::ValueId v : b.append(info, std::move(args), std::move(types))) results.push_back(Ref{v});
  return results;
}

// `permute` of a weight, done here: a view of it would have cost nothing.
Args permuted(Builder& b, const Args& args) {
  const ir::Graph& g = b.graph();
  if (!constant_of(g, args[0].ref()->id)) return keep(b, "aten::permute_copy", args);
  const ir::OpInfo& op = *ir::find_op_info("aten::permute_copy");
  const ir::CallArgs call(g, op, args, 0, /*with_data=*/true);
  Result<std::vector<Type>> types = ir::infer(g, op, args);
  if (!types.ok()) throw ir::Refusal{types.error().code(), types.error().text()};
  std::vector<std::byte> bytes(static_cast<size_t>((*types)[0].upper_bytes()));
  TensorView out = ir::view_of((*types)[0], 0);
  out.data = bytes.data();
  if (const Error e = op.op->reference(call.args(), {&out, 1})) throw ir::Refusal{e.code(), e.text()};
  std::vector<int64_t> sizes;
  for (const ir::Dim& d : (*types)[0].sizes) sizes.push_back(d.at[0]);
  return {b.constant((*types)[0].dtype, sizes, bytes.data())};
}

// A view's sizes: one that is not known may be left to be found, which needs no arithmetic.
Args viewed(Builder& b, const Args& a) {
  Arg::List sizes;
  int unknown = 0;
  int64_t others = 1;
  for (const ir::Dim& d : b.hint->sizes) {
    unknown += !d.is_static();
    if (d.is_static()) others *= d.at[0];
    sizes.push_back(d.is_static() ? d.at[0] : -1);
  }
  return keep(b, "aten::view_copy", {a[0], unknown <= 1 && others > 0 ? Arg(std::move(sizes)) : a[1]});
}

// A number as a tensor without dimensions, of the type that the result has.
Arg wrapped(Builder& b, const Arg& number) {
  if (number.ref()) return b.scalar_tensor(number, b.hint->dtype);
  const DType to = is_floating(b.hint->dtype) ? DType::f64 : DType::i64;
  const Arg& a = number;
  const double real = a.real() ? *a.real() : a.integer() ? static_cast<double>(*a.integer()) : a.boolean() && *a.boolean();
  const int64_t whole = a.integer() ? *a.integer() : a.boolean() ? *a.boolean() : static_cast<int64_t>(real);
  if (b.hint->dtype == DType::f32) {
    const auto single = static_cast<float>(real);
    return b.constant(DType::f32, {}, &single);
  }
  if (to == DType::f64 && b.hint->dtype == DType::f64) return b.constant(to, {}, &real);
  if (b.hint->dtype == DType::i64) return b.constant(to, {}, &whole);
  return b.scalar_tensor(a, b.hint->dtype);
}

// Upsampling is told its sizes, or its factors: arguments `k` and the next.
bool by_factors(const Args& a, size_t k) { return a[k].real() && a[k + 1].real(); }
Arg factors(const Args& a, size_t k) { return by_factors(a, k) ? Arg(Arg::List{a[k], a[k + 1]}) : Arg(); }

using Form = Args (*)(Builder&, const Args&);

const std::map<std::string_view, Form>& forms() {
  static const std::map<std::string_view, Form> all = {
      // Views.
      {"aten::view", viewed},
      {"aten::expand", [](Builder& b, const Args& a) { return keep(b, "aten::expand_copy", a); }},
      {"aten::permute", permuted},
      {"aten::slice.Tensor", [](Builder& b, const Args& a) { return keep(b, "aten::slice_copy.Tensor", a); }},
      {"aten::select.int", [](Builder& b, const Args& a) { return keep(b, "aten::select_copy.int", a); }},
      {"aten::squeeze.dim", [](Builder& b, const Args& a) { return keep(b, "aten::squeeze_copy.dim", a); }},
      {"aten::squeeze.dims", [](Builder& b, const Args& a) { return keep(b, "aten::squeeze_copy.dims", a); }},
      {"aten::unsqueeze", [](Builder& b, const Args& a) { return keep(b, "aten::unsqueeze_copy", a); }},
      {"aten::diagonal", [](Builder& b, const Args& a) { return keep(b, "aten::diagonal_copy", a); }},
      {"aten::unfold", [](Builder& b, const Args& a) { return keep(b, "aten::unfold_copy", a); }},
      {"aten::as_strided", [](Builder& b, const Args& a) { return keep(b, "aten::as_strided_copy", a); }},
      // Nothing writes to what is read: a copy is as good as its source.
      {"aten::clone", [](Builder&, const Args& a) { return Args{a[0]}; }},
      {"aten::alias", [](Builder&, const Args& a) { return Args{a[0]}; }},
      {"aten::detach", [](Builder&, const Args& a) { return Args{a[0]}; }},
      {"portfire::again", [](Builder&, const Args& a) { return Args{a[0]}; }},
      // With numbers.
      {"portfire::maximum.Scalar", [](Builder& b, const Args& a) { return keep(b, "aten::clamp", {a[0], a[1], nullptr}); }},
      {"portfire::minimum.Scalar", [](Builder& b, const Args& a) { return keep(b, "aten::clamp", {a[0], nullptr, a[1]}); }},
      {"portfire::clamp", [](Builder& b, const Args& a) { return keep(b, "aten::hardtanh", a); }},
      {"portfire::sub.Scalar_Tensor", [](Builder& b, const Args& a) { return keep(b, "aten::rsub.Scalar", {a[1], a[0], 1}); }},
      {"portfire::div.Scalar_Tensor", [](Builder& b, const Args& a) { return keep(b, "aten::div.Tensor", {wrapped(b, a[0]), a[1]}); }},
      {"portfire::div_floor.Scalar", [](Builder& b, const Args& a) { return keep(b, "aten::div.Scalar_mode", {a[0], a[1], "floor"}); }},
      {"portfire::div_trunc.Scalar", [](Builder& b, const Args& a) { return keep(b, "aten::div.Scalar_mode", {a[0], a[1], "trunc"}); }},
      {"aten::where.ScalarSelf", [](Builder& b, const Args& a) { return keep(b, "aten::where.self", {a[0], wrapped(b, a[1]), a[2]}); }},
      {"aten::where.ScalarOther", [](Builder& b, const Args& a) { return keep(b, "aten::where.self", {a[0], a[1], wrapped(b, a[2])}); }},
      {"aten::where.Scalar", [](Builder& b, const Args& a) { return keep(b, "aten::where.self", {a[0], wrapped(b, a[1]), wrapped(b, a[2])}); }},
      // By other names.
      {"portfire::div_floor", [](Builder& b, const Args& a) { return keep(b, "aten::div.Tensor_mode", {a[0], a[1], "floor"}); }},
      {"portfire::div_trunc", [](Builder& b, const Args& a) { return keep(b, "aten::div.Tensor_mode", {a[0], a[1], "trunc"}); }},
      {"portfire::gelu", [](Builder& b, const Args& a) { return keep(b, "aten::gelu", {a[0], "none"}); }},
      {"portfire::gelu_tanh", [](Builder& b, const Args& a) { return keep(b, "aten::gelu", {a[0], "tanh"}); }},
      {"aten::upsample_bilinear2d",
       [](Builder& b, const Args& a) { return keep(b, "aten::upsample_bilinear2d.vec", {a[0], by_factors(a, 3) ? Arg() : a[1], a[2], factors(a, 3)}); }},
      {"aten::upsample_nearest2d",
       [](Builder& b, const Args& a) { return keep(b, "aten::upsample_nearest2d.vec", {a[0], by_factors(a, 2) ? Arg() : a[1], factors(a, 2)}); }},
      {"portfire::bitwise_not", [](Builder& b, const Args& a) { return keep(b, "aten::bitwise_not", a); }},
      {"portfire::square", [](Builder& b, const Args& a) { return keep(b, "aten::mul.Tensor", {a[0], a[0]}); }},
      {"portfire::leaky_relu.Scalar", [](Builder& b, const Args& a) { return keep(b, "aten::leaky_relu", a); }},
  };
  return all;
}

// Kernels there divide by sizes: what has no elements is made without them.
bool is_empty(const Node& n, const Type& type) { return n.outs.size() == 1 && type.is_tensor() && type.is_static() && type.numel() == ir::Dim(0); }
Arg sizes_of(const Type& type) {
  Arg::List sizes;
  for (const ir::Dim& d : type.sizes) sizes.push_back(d.at[0]);
  return sizes;
}

// What sub-graphs take and what control flow gives, without strides.
void make_dense(Graph* graph) {
  for (Node& n : graph->nodes) {
    if (!is_control_flow(n)) continue;
    for (ir::ValueId v : n.outs) graph->values[v].type.strides.clear();
    for (Arg& a : n.args)
      if (const auto* inner = a.graph()) {
        auto copy = std::make_shared<Graph>(**inner);
        for (const ir::Input& i : copy->inputs) copy->values[i.value].type.strides.clear();
        make_dense(copy.get());
        a = std::move(copy);
      }
  }
}

}  // namespace

bool has_portable_form(std::string_view op) { return forms().count(op) > 0; }

Result<Graph> to_portable(Graph graph) {
  for (const ir::Input& i : graph.inputs) {
    const Type& t = graph.type(i.value);
    if (!t.is_tensor())
      return Error::make(Code::unsupported, "input %s is a number (expected a tensor: ExecuTorch's runtime takes no other number than the exported one)", i.name.c_str());
    if (!t.is_contiguous() || t.unbounded)
      return Error::make(Code::unsupported, "input %s is %s%s (expected a row-major tensor of bounded sizes for ExecuTorch)", i.name.c_str(),
                         to_string(t).c_str(), t.unbounded ? " without a bound" : "");
  }
  make_dense(&graph);
  PF_ASSIGN(Graph out, rewrite(graph, [](Builder& b, const Node& n, Args& args) -> std::optional<Args> {
    if (is_control_flow(n)) return std::nullopt;
    if (is_empty(n, *b.hint)) return Args(n.outs.size(), keep(b, "aten::full", {sizes_of(*b.hint), 0, b.hint->dtype, nullptr, nullptr, nullptr})[0]);
    if (const auto it = forms().find(n.op->name); it != forms().end()) return it->second(b, args);
    if (ops::sym::is_sym_op(n.op->name)) return std::nullopt;
    return keep(b, n.op->name, args);
  }));
  return eliminate_dead(std::move(out));
}

}  // namespace portfire::passes
