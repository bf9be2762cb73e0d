#include "compiler/emit/xnnpack_blob.h"

#include <algorithm>
#include <map>

#include "compiler/emit/xnnpack_writer.h"
#include "compiler/ir/builder.h"

namespace portfire::emit {

using ir::Arg;
using ir::Node;
using ir::ValueId;

namespace xnnpack {
namespace {

constexpr uint32_t kTransposeWeights = 1;  // XNNPACK's flag
// Where a dimension of a row-major tensor stands in one with channels last.
constexpr std::array<uint32_t, 4> kPlace{0, 3, 1, 2};

// --- element by element ---

xnn::NodeKind binary_kind(std::string_view op) {
  if (op.starts_with("aten::add.")) return xnn::NodeKind_Add;
  if (op.starts_with("aten::sub.") || op == "aten::rsub.Scalar") return xnn::NodeKind_Subtract;
  if (op.starts_with("aten::mul.")) return xnn::NodeKind_Multiply;
  if (op.starts_with("aten::div.")) return xnn::NodeKind_Divide;
  if (op == "aten::prelu") return xnn::NodeKind_PRelu;
  return op == "aten::maximum" ? xnn::NodeKind_Maximum : op == "aten::minimum" ? xnn::NodeKind_Minimum : xnn::NodeKind_NONE;
}
xnn::NodeKind unary_kind(std::string_view op) {
  static const std::map<std::string_view, xnn::NodeKind> all = {
      {"aten::abs", xnn::NodeKind_Abs},           {"aten::ceil", xnn::NodeKind_Ceiling},
      {"aten::cos", xnn::NodeKind_Cos},           {"aten::exp", xnn::NodeKind_Exp},
      {"aten::floor", xnn::NodeKind_Floor},       {"aten::gelu", xnn::NodeKind_Gelu},
      {"aten::hardswish", xnn::NodeKind_Hardswish}, {"aten::log", xnn::NodeKind_Log},
      {"aten::neg", xnn::NodeKind_Negate},        {"aten::pow.Tensor_Scalar", xnn::NodeKind_Square},
      {"aten::rsqrt", xnn::NodeKind_ReciprocalSquareRoot}, {"aten::sigmoid", xnn::NodeKind_Sigmoid},
      {"aten::sin", xnn::NodeKind_Sin},           {"aten::sqrt", xnn::NodeKind_SquareRoot},
      {"aten::tanh", xnn::NodeKind_Tanh}};
  const auto it = all.find(op);
  return it == all.end() ? xnn::NodeKind_NONE : it->second;
}

template <class F>
void unary_of(Writer& w, const Node& n, F write) {
  const Layout layout = w.layout_of(operand(n, 0));
  const uint32_t from = w.id(operand(n, 0), layout);
  write(from, w.result(n.outs[0], layout));
  w.leave(n.outs[0]);
}

// Channels-last where an operand is, and all others can be so.
Layout layout_of(const Writer& w, const Node& n) {
  if (w.rank(n.outs[0]) != 4) return row_major;
  bool any = false, all = true;
  for (size_t k : {0u, 1u}) {
    if (!n.args[k].ref()) continue;
    const ValueId v = operand(n, k);
    any = any || w.is_last(v);
    all = all && (w.rank(v) == 4 || w.is_constant(v));
  }
  return (any && all) || n.op->name == "aten::prelu" ? channels_last : row_major;  // slopes are of the last dimension
}
void binary(Writer& w, const Node& n, xnn::NodeKind kind) {
  const Layout layout = layout_of(w, n);
  const auto side = [&](size_t k) {
    const DType type = w.dtype(n.outs[0]);
    return n.args[k].ref() ? w.id(operand(n, k), layout) : w.constant(type, {1}, {static_cast<float>(number(n.args[k]))});
  };
  const size_t first = n.op->name == "aten::rsub.Scalar";  // the second argument minus the first
  const uint32_t a = side(first), b = side(1 - first);
  ValueId v = n.outs[0];
  const bool can_fuse = kind != xnn::NodeKind_Maximum && kind != xnn::NodeKind_Minimum && kind != xnn::NodeKind_PRelu;
  const std::optional<Bounds> bounds = can_fuse ? w.fused(&v) : std::nullopt;
  w.push(kind, xnn::CreateBinary(w.out(), a, b, w.result(v, layout)), bounds);
  w.leave(v);
}

// --- products ---

// Weights are [out, in], or [in, out] by the flag.
void fully_connected(Writer& w, const Node& n, ValueId x, ValueId weights, uint32_t bias, uint32_t flags) {
  const uint32_t from = w.id(x), filter = w.id(weights);
  ValueId v = n.outs[0];
  const std::optional<Bounds> bounds = w.fused(&v);
  w.push(xnn::NodeKind_FullyConnected, xnn::CreateFullyConnected(w.out(), from, filter, bias, w.result(v), flags), bounds);
}
void batch_product(Writer& w, const Node& n) {
  const uint32_t a = w.id(operand(n, 0)), b = w.id(operand(n, 1));
  w.push(xnn::NodeKind_BatchMatrixMultiply, xnn::CreateBinary(w.out(), a, b, w.result(n.outs[0])));
}

// --- what moves data ---

void permute(Writer& w, const Node& n) {
  Sizes order;
  const int rank = w.rank(n.outs[0]);
  for (const Arg& a : *n.args[1].list()) order.push_back(static_cast<uint32_t>(*a.integer() < 0 ? *a.integer() + rank : *a.integer()));
  const uint32_t from = w.id(operand(n, 0));
  const uint32_t to = w.result(n.outs[0]);
  w.transpose(from, to, order);
}
void reshape(Writer& w, const Node& n) {
  const uint32_t from = w.id(operand(n, 0));
  w.reshape_like(from, w.result(n.outs[0]), n.outs[0]);
}

// Along one dimension it is in either layout.
uint32_t place(int64_t dim, int rank, Layout layout) {
  const auto d = static_cast<uint32_t>(dim < 0 ? dim + rank : dim);
  return layout == channels_last ? kPlace[d] : d;
}
void concatenate(Writer& w, const Node& n) {
  const Arg::List& parts = *n.args[0].list();
  bool all_last = true;
  for (const Arg& a : parts) all_last = all_last && w.is_last(a.ref()->id);
  const Layout layout = all_last ? channels_last : row_major;
  uint32_t ids[5] = {kNone, kNone, kNone, kNone, kNone};
  for (size_t k = 0; k < parts.size(); ++k) ids[k] = w.id(parts[k].ref()->id, layout);
  const uint32_t axis = place(*n.args[1].integer(), w.rank(n.outs[0]), layout);
  constexpr xnn::NodeKind kinds[] = {xnn::NodeKind_Concatenate2, xnn::NodeKind_Concatenate3, xnn::NodeKind_Concatenate4,
                                     xnn::NodeKind_Concatenate5};
  const uint32_t to = w.result(n.outs[0], layout);
  w.push(kinds[parts.size() - 2], xnn::CreateConcatenate(w.out(), axis, ids[0], ids[1], ids[2], ids[3], to, 0, ids[4]));
  w.leave(n.outs[0]);
}
void slice(Writer& w, const Node& n) {
  const ValueId x = operand(n, 0);
  const Layout layout = w.layout_of(x);
  const int rank = w.rank(x);
  const int64_t dim = *n.args[1].integer() < 0 ? *n.args[1].integer() + rank : *n.args[1].integer();
  const int64_t size = w.graph().type(x).sizes[static_cast<size_t>(dim)].at[0];
  int64_t start = n.args[2].integer() ? *n.args[2].integer() : 0;
  start = std::clamp<int64_t>(start < 0 ? start + size : start, 0, size);
  Sizes offsets(static_cast<size_t>(rank), 0);
  offsets[place(dim, rank, layout)] = static_cast<uint32_t>(start);
  const Sizes lengths = w.sizes(n.outs[0], layout);
  const uint32_t from = w.id(x, layout), to = w.result(n.outs[0], layout);
  auto& out = w.out();
  w.push(xnn::NodeKind_StaticSlice,
         xnn::CreateStaticSlice(out, static_cast<uint32_t>(rank), out.CreateVector(offsets), out.CreateVector(lengths), from, to));
  w.leave(n.outs[0]);
}
void select(Writer& w, const Node& n) {
  const ValueId x = operand(n, 0);
  const int rank = w.rank(x);
  Sizes offsets(static_cast<size_t>(rank), 0), lengths = w.sizes(x);
  const uint32_t dim = place(*n.args[1].integer(), rank, row_major);
  const int64_t index = *n.args[2].integer();
  offsets[dim] = static_cast<uint32_t>(index < 0 ? index + lengths[dim] : index);
  lengths[dim] = 1;
  const uint32_t from = w.id(x), kept = w.value(w.dtype(x), lengths);
  auto& out = w.out();
  w.push(xnn::NodeKind_StaticSlice,
         xnn::CreateStaticSlice(out, static_cast<uint32_t>(rank), out.CreateVector(offsets), out.CreateVector(lengths), from, kept));
  w.reshape_like(kept, w.result(n.outs[0]), n.outs[0]);
}
void pad(Writer& w, const Node& n) {
  const ValueId x = operand(n, 0);
  const Layout layout = w.layout_of(x);
  const int rank = w.rank(x);
  Sizes before(static_cast<size_t>(rank), 0), after(static_cast<size_t>(rank), 0);
  const Arg::List& pads = *n.args[1].list();
  for (size_t k = 0; k + 1 < pads.size(); k += 2) {
    const uint32_t at = place(rank - 1 - static_cast<int64_t>(k / 2), rank, layout);
    before[at] = static_cast<uint32_t>(*pads[k].integer());
    after[at] = static_cast<uint32_t>(*pads[k + 1].integer());
  }
  const uint32_t from = w.id(x, layout), to = w.result(n.outs[0], layout);
  const auto value = static_cast<float>(number(n.args[2]));
  auto& out = w.out();
  w.push(xnn::NodeKind_StaticConstantPad,
         xnn::CreateStaticConstantPad(out, out.CreateVector(before), out.CreateVector(after), value, from, to));
  w.leave(n.outs[0]);
}

void node(Writer& w, const Node& n) {
  if (w.is_done(n)) return;
  const std::string_view op = n.op->name;
  auto& out = w.out();
  const auto first = [&] { return static_cast<float>(number(n.args[1])); };
  if (const auto kind = binary_kind(op); kind != xnn::NodeKind_NONE)
    binary(w, n, kind);
  else if (const auto unary = unary_kind(op); unary != xnn::NodeKind_NONE)
    unary_of(w, n, [&](uint32_t from, uint32_t to) { w.push(unary, xnn::CreateUnary(out, from, to)); });
  else if (const auto bounds = bounds_of(n))
    unary_of(w, n, [&](uint32_t from, uint32_t to) { w.push(xnn::NodeKind_Clamp, xnn::CreateUnary(out, from, to), *bounds); });
  else if (op == "aten::elu")
    unary_of(w, n, [&](uint32_t from, uint32_t to) { w.push(xnn::NodeKind_Elu, xnn::CreateElu(out, first(), from, to)); });
  else if (op == "aten::leaky_relu")
    unary_of(w, n, [&](uint32_t from, uint32_t to) { w.push(xnn::NodeKind_LeakyRelu, xnn::CreateLeakyRelu(out, first(), from, to)); });
  else if (op == "aten::reciprocal") {
    const uint32_t one = w.constant(w.dtype(n.outs[0]), {1}, {1});
    unary_of(w, n, [&](uint32_t from, uint32_t to) { w.push(xnn::NodeKind_Divide, xnn::CreateBinary(out, one, from, to)); });
  } else if (op == "aten::_softmax") {
    const uint32_t from = w.id(operand(n, 0));
    w.push(xnn::NodeKind_Softmax, xnn::CreateUnary(out, from, w.result(n.outs[0])));
  } else if (op == "aten::addmm")
    fully_connected(w, n, operand(n, 1), operand(n, 2), w.id(operand(n, 0)), kTransposeWeights);
  else if (op == "aten::linear")
    fully_connected(w, n, operand(n, 0), operand(n, 1), n.args[2].none() ? kNone : w.id(operand(n, 2)), 0);
  else if (op == "aten::mm" && w.is_constant(operand(n, 1)))
    fully_connected(w, n, operand(n, 0), operand(n, 1), kNone, kTransposeWeights);
  else if (op == "aten::mm" || op == "aten::bmm" || op == "aten::matmul")
    batch_product(w, n);
  else if (op == "aten::convolution")
    convolution(w, n);
  else if (op == "aten::max_pool2d_with_indices" || op == "aten::avg_pool2d")
    pool(w, n, op == "aten::avg_pool2d");
  else if (op == "aten::mean.dim" || op == "aten::_adaptive_avg_pool2d")
    mean(w, n);
  else if (op == "aten::upsample_bilinear2d.vec")
    resize(w, n);
  else if (op == "aten::permute_copy")
    permute(w, n);
  else if (op == "aten::cat")
    concatenate(w, n);
  else if (op == "aten::slice_copy.Tensor")
    slice(w, n);
  else if (op == "aten::select_copy.int")
    select(w, n);
  else if (op == "aten::constant_pad_nd")
    pad(w, n);
  else if (op == "aten::view_copy" || op.starts_with("aten::unsqueeze_copy") || op.starts_with("aten::squeeze_copy"))
    reshape(w, n);
  else
    throw ir::Refusal{Code::failed, std::string(op) + " in an XNNPACK delegate"};
}

}  // namespace
}  // namespace xnnpack

std::vector<uint8_t> xnnpack_blob(const ir::Graph& body, NamedConstants& constants) {
  xnnpack::Writer w(body, constants);
  for (const Node& n : body.nodes) xnnpack::node(w, n);
  return w.finish();
}

}  // namespace portfire::emit
