#include "compiler/import/xnnpack.h"

#include <cmath>

#include "compiler/import/xnnpack_graph.h"

namespace portfire::import {

using ir::Arg;
using ir::Int;
using ir::Refusal;

std::vector<ir::Tensor> import_xnnpack(ir::Builder& build, std::span<const std::byte> blob, const NamedBytes& named,
                                       const std::vector<ir::Tensor>& inputs, std::shared_ptr<const void> owner) {
  const Result<XnnpackView> view = XnnpackView::open(blob);
  if (!view.ok()) throw Refusal{Code::bad_file, std::string("XNNPACK delegate: ") + view.error().text()};
  return XnnpackImporter(build, *view, named, std::move(owner)).run(inputs);
}

std::vector<ir::Tensor> XnnpackImporter::run(const std::vector<Tensor>& inputs) {
  std::string where = "arguments";
  try {
    take_inputs(inputs);
    const auto* nodes = view_.root().nodes();
    for (uint32_t i = 0; nodes && i < nodes->size(); ++i) {
      where = "node " + std::to_string(i) + " (" + xnn::EnumNameNodeKind(nodes->Get(i)->kind_type()) + ")";
      node(*nodes->Get(i));
    }
    where = "results";
    return give_outputs(inputs.size());
  } catch (Refusal& r) {
    r.text = "XNNPACK delegate, " + where + ": " + r.text;
    throw;
  }
}

void XnnpackImporter::node(const xnn::Node& n) {
  if (unary(n) || binary(n) || movement(n) || product(n) || window(n)) return;
  refuse("nodes of this kind are not supported");
}

// --- what many nodes share ---

XnnpackImporter::Bounds XnnpackImporter::bounds(const xnn::Node& n) const {
  Bounds b{-INFINITY, INFINITY};
  if (const xnn::OutputMinMax* m = n.output_min_max()) b = {m->output_min(), m->output_max()};
  if (!(b.low <= b.high)) reject("results between " + std::to_string(b.low) + " and " + std::to_string(b.high));
  return b;
}

ir::Tensor XnnpackImporter::clamped(Tensor t, Bounds b) {
  const bool low = std::isfinite(b.low), high = std::isfinite(b.high);
  if (!low && !high) return t;
  if (b.low == 0 && !high) return b_("aten::relu", t);
  const Arg least = low ? Arg(static_cast<double>(b.low)) : Arg(), most = high ? Arg(static_cast<double>(b.high)) : Arg();
  return b_("aten::clamp", t, least, most);
}

void XnnpackImporter::expect_flags(uint32_t flags, uint32_t known) const {
  if (flags & ~known) refuse("flags " + std::to_string(flags) + " are not supported");
}

// --- one operand, element by element ---

bool XnnpackImporter::unary(const xnn::Node& n) {
  if (const auto* leaky = n.kind_as_LeakyRelu()) {
    const Order order = order_of(leaky->input_id());
    result(leaky->output_id(), b_("aten::leaky_relu", real(leaky->input_id(), order), static_cast<double>(leaky->negative_slope())), order);
    return true;
  }
  if (const auto* elu = n.kind_as_Elu()) {
    const Order order = order_of(elu->input_id());
    result(elu->output_id(), b_("aten::elu", real(elu->input_id(), order), static_cast<double>(elu->alpha())), order);
    return true;
  }
  const auto same = [&](const xnn::Unary* u, auto make) {
    const Order order = order_of(u->input_id());
    result(u->output_id(), make(real(u->input_id(), order)), order);
    return true;
  };
  const auto is = [&](const xnn::Unary* u, const char* op) { return same(u, [&](Tensor t) { return b_(op, t); }); };
  const auto* u = static_cast<const xnn::Unary*>(n.kind());
  switch (n.kind_type()) {
    case xnn::NodeKind_Sigmoid: return is(u, "aten::sigmoid");
    case xnn::NodeKind_Floor: return is(u, "aten::floor");
    case xnn::NodeKind_SquareRoot: return is(u, "aten::sqrt");
    case xnn::NodeKind_Ceiling: return is(u, "aten::ceil");
    case xnn::NodeKind_Hardswish: return is(u, "aten::hardswish");
    case xnn::NodeKind_Negate: return is(u, "aten::neg");
    case xnn::NodeKind_Square: return is(u, "aten::square");
    case xnn::NodeKind_Abs: return is(u, "aten::abs");
    case xnn::NodeKind_ReciprocalSquareRoot: return is(u, "aten::rsqrt");
    case xnn::NodeKind_Log: return is(u, "aten::log");
    case xnn::NodeKind_Gelu: return is(u, "aten::gelu");
    case xnn::NodeKind_Tanh: return is(u, "aten::tanh");
    case xnn::NodeKind_Exp: return is(u, "aten::exp");
    case xnn::NodeKind_Sin: return is(u, "aten::sin");
    case xnn::NodeKind_Cos: return is(u, "aten::cos");
    case xnn::NodeKind_Clamp:
      if (same_integers(u->input_id(), u->output_id())) {
        const auto [low, high] = integer_bounds(bounds(n), affine(u->output_id()));
        const Order order = order_of(u->input_id());
        result(u->output_id(), b_("aten::clamp", raw(u->input_id(), order), low, high), order);
        return true;
      }
      return same(u, [&](Tensor t) { return clamped(t, bounds(n)); });
    case xnn::NodeKind_Softmax: {
      if (rank(u->input_id()) < 1) reject(text_of(u->input_id()) + ", has no last dimension");
      const Order order = order_of(u->input_id());
      result(u->output_id(), b_("aten::_softmax", real(u->input_id(), order), base_dim(order, rank(u->input_id()) - 1), false), order);
      return true;
    }
    case xnn::NodeKind_Convert: convert(u->input_id(), u->output_id()); return true;
    case xnn::NodeKind_Copy: {
      const Order order = order_of(u->input_id());
      const bool moves = same_integers(u->input_id(), u->output_id()) || !is_qs8(u->input_id());
      result(u->output_id(), b_("aten::clone", moves ? raw(u->input_id(), order) : real(u->input_id(), order)), order);
      return true;
    }
    default: return false;
  }
}

// --- two operands, element by element ---

bool XnnpackImporter::binary(const xnn::Node& n) {
  const char* op;
  switch (n.kind_type()) {
    case xnn::NodeKind_Add: op = "aten::add.Tensor"; break;
    case xnn::NodeKind_Subtract: op = "aten::sub.Tensor"; break;
    case xnn::NodeKind_Multiply: op = "aten::mul.Tensor"; break;
    case xnn::NodeKind_Divide: op = "aten::div.Tensor"; break;
    case xnn::NodeKind_Minimum: op = "aten::minimum"; break;
    case xnn::NodeKind_Maximum: op = "aten::maximum"; break;
    case xnn::NodeKind_PRelu: op = "aten::_prelu_kernel"; break;
    default: return false;
  }
  const auto& both = *static_cast<const xnn::Binary*>(n.kind());
  if (quantized_binary(both, n.kind_type(), bounds(n))) return true;
  // The layout is that of the operand which has one of its own and decides on the rank.
  const uint32_t a = both.input1_id(), b = both.input2_id();
  const int most = std::max(rank(a), rank(b));
  Order order;
  for (uint32_t id : {a, b})
    if (rank(id) == most && order.empty() && !is_constant(id)) order = order_of(id);
  result(both.output_id(), clamped(b_(op, broadcast(a, order), broadcast(b, order)), bounds(n)), order);
  return true;
}

// --- what only moves numbers ---

bool XnnpackImporter::movement(const xnn::Node& n) {
  if (const auto* t = n.kind_as_StaticTranspose()) {
    const Order order = order_of(t->input_id());
    if (static_cast<int>(t->num_dims()) != rank(t->input_id())) reject(text_of(t->input_id()) + ", in " + std::to_string(t->num_dims()) + " dimensions");
    Order out;
    for (uint32_t d : *t->perm()) out.push_back(base_dim(order, d));
    const bool moves = same_integers(t->input_id(), t->output_id()) || !is_qs8(t->input_id());
    result(t->output_id(), moves ? raw(t->input_id(), order) : real(t->input_id(), order), out);
    return true;
  }
  if (const auto* r = n.kind_as_StaticReshape()) {
    std::vector<Int> sizes;
    bool inferred = false;
    for (uint32_t d = 0; d < r->num_dims(); ++d) {
      const uint32_t size = r->new_shape()->Get(d);
      if (size == 0 && inferred) reject("two sizes to be found from the others");
      inferred |= size == 0;
      sizes.push_back(size == 0 ? int64_t{-1} : int64_t{size});
    }
    const bool moves = same_integers(r->input_id(), r->output_id()) || !is_qs8(r->input_id());
    result(r->output_id(), b_.reshape(moves ? raw(r->input_id()) : real(r->input_id()), sizes));
    return true;
  }
  if (const auto* s = n.kind_as_StaticSlice()) return slice(*s), true;
  if (const auto* p = n.kind_as_StaticConstantPad()) return pad(*p), true;
  switch (n.kind_type()) {
    case xnn::NodeKind_Concatenate2: case xnn::NodeKind_Concatenate3: case xnn::NodeKind_Concatenate4: case xnn::NodeKind_Concatenate5:
      concatenate(n);
      return true;
    default: return false;
  }
}

void XnnpackImporter::slice(const xnn::StaticSlice& n) {
  const uint32_t in = n.input_id();
  if (static_cast<int>(n.num_dims()) != rank(in)) reject(text_of(in) + ", in " + std::to_string(n.num_dims()) + " dimensions");
  const Order order = order_of(in);
  const bool moves = same_integers(in, n.output_id()) || !is_qs8(in);
  Tensor t = moves ? raw(in, order) : real(in, order);
  for (uint32_t d = 0; d < n.num_dims(); ++d) {
    const int64_t offset = n.offsets()->Get(d), size = n.sizes()->Get(d), upper = view_.value(in).dims()->Get(d), dim = base_dim(order, d);
    // All of a dimension, however long it is when the program runs.
    if (offset == 0 && (size == 0 || size == upper)) continue;
    const Int now = b_.size(t, dim);
    if (size == 0 || (now.known() && offset + size > now.fixed))
      reject(std::to_string(size) + " from " + std::to_string(offset) + " on of dimension " + std::to_string(d) + " of " + to_string(t.type()));
    t = b_("aten::slice.Tensor", t, dim, offset, offset + size);
  }
  result(n.output_id(), t, order);
}

void XnnpackImporter::pad(const xnn::StaticConstantPad& n) {
  const uint32_t in = n.input_id();
  const Order order = order_of(in);
  const int dims = rank(in);
  std::vector<int64_t> amounts(static_cast<size_t>(2 * dims));  // from the last dimension of the base to the first, before and behind
  for (uint32_t d = 0; d < static_cast<uint32_t>(dims); ++d) {
    const auto at = static_cast<size_t>(2 * (dims - 1 - base_dim(order, d)));
    amounts[at] = n.pre_paddings()->Get(d);
    amounts[at + 1] = n.post_paddings()->Get(d);
  }
  // As ATen's callers write it: without the dimensions before the first that is padded.
  while (amounts.size() > 2 && amounts[amounts.size() - 1] == 0 && amounts[amounts.size() - 2] == 0) amounts.resize(amounts.size() - 2);
  if (same_integers(in, n.output_id())) {
    const float value = n.padding_value();
    const auto [low, high] = integer_bounds({value, value}, affine(in));
    result(n.output_id(), b_("aten::constant_pad_nd", raw(in, order), amounts, low), order);
    return;
  }
  result(n.output_id(), b_("aten::constant_pad_nd", real(in, order), amounts, static_cast<double>(n.padding_value())), order);
}

void XnnpackImporter::concatenate(const xnn::Node& n) {
  const auto& c = *static_cast<const xnn::Concatenate*>(n.kind());
  const XnnpackOperands operands = *operands_of(n);
  const std::span<const uint32_t> inputs(operands.inputs.data(), operands.input_count);
  Order order;
  bool moves = true;
  for (uint32_t id : inputs) {
    if (order.empty() && !is_constant(id)) order = order_of(id);
    moves &= same_integers(id, c.output_id());
  }
  const int dims = rank(inputs[0]);
  const auto axis = static_cast<int32_t>(c.axis());  // older files may count from the back
  const int64_t dim = axis < 0 ? axis + dims : axis;
  if (dim < 0 || dim >= dims) reject("dimension " + std::to_string(axis) + " of " + text_of(inputs[0]));
  std::vector<Tensor> parts;
  for (uint32_t id : inputs) parts.push_back(moves ? raw(id, order) : real(id, order));
  result(c.output_id(), b_("aten::cat", parts, base_dim(order, dim)), order);
}

// --- products ---

bool XnnpackImporter::product(const xnn::Node& n) {
  if (const auto* f = n.kind_as_FullyConnected()) return fully_connected(*f, bounds(n)), true;
  if (const auto* a = n.kind_as_Attention()) return attention(*a), true;
  if (const auto* m = n.kind_as_BatchMatrixMultiply()) {
    expect_flags(m->flags(), 3);
    const auto turned = [&](Tensor t, bool yes) {
      if (t.rank() < 2) reject(to_string(t.type()) + " in a product of matrices");
      if (!yes) return t;
      Order dims;
      for (int d = 0; d < t.rank(); ++d) dims.push_back(d);
      std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
      return b_.permute(t, dims);
    };
    const bool half = datatype(m->input1_id()) == xnn::Datatype_f16 && datatype(m->input2_id()) == xnn::Datatype_f16;
    const Tensor a = half ? real(m->input1_id()) : wide(m->input1_id()), b = half ? real(m->input2_id()) : wide(m->input2_id());
    result(m->output_id(), clamped(b_("aten::matmul", turned(a, m->flags() & 2), turned(b, m->flags() & 1)), bounds(n)));
    return true;
  }
  return false;
}

void XnnpackImporter::fully_connected(const xnn::FullyConnected& n, Bounds bounds) {
  expect_flags(n.flags(), 1 | 4 | 8);
  if (rank(n.filter_id()) != 2) reject("filter " + text_of(n.filter_id()) + " (expected rank 2)");
  if (datatype(n.input1_id()) == xnn::Datatype_qds8) return fully_connected_qd8(n, bounds);
  if (is_qs8(n.input1_id()) && n.filter_id() != n.input1_id() && (is_qs8(n.filter_id()) || datatype(n.filter_id()) == xnn::Datatype_qcs8))
    return fully_connected_qs8(n, bounds);
  // In f16 where all of it is, as PyTorch has it.
  bool half = datatype(n.input1_id()) == xnn::Datatype_f16 && datatype(n.filter_id()) == xnn::Datatype_f16;
  half &= n.bias_id() == kNoXnnpackId || datatype(n.bias_id()) == xnn::Datatype_f16;
  const auto operand = [&](uint32_t id) { return half ? real(id) : wide(id); };
  Tensor x = operand(n.input1_id()), w = operand(n.filter_id());
  if (n.flags() & 1) w = b_.permute(w, {1, 0});
  const Arg bias = n.bias_id() == kNoXnnpackId ? Arg() : Arg(operand(n.bias_id()));
  result(n.output_id(), clamped(b_("aten::linear", x, w, bias), bounds));
}

void XnnpackImporter::attention(const xnn::Attention& n) {
  expect_flags(n.flags(), 0);
  Tensor q = wide(n.query_id());
  const Tensor k = wide(n.key_id()), v = wide(n.value_id()), mask = wide(n.mask_id()), scale = wide(n.scale_id());
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4) reject("attention of " + to_string(q.type()) + " (expected rank 4)");
  // A scale for each number of a head. As a rule they are one.
  double factor = 1;
  const ir::Constant* c = b_.graph().values[scale.id].constant.get();
  const auto* scales = c ? static_cast<const float*>(c->data) : nullptr;
  bool one = scales && c->bytes >= sizeof(float);
  for (size_t i = 0; one && i < c->bytes / sizeof(float); ++i) one = scales[i] == scales[0];
  if (one)
    factor = scales[0];
  else
    q = b_("aten::mul.Tensor", q, scale);
  result(n.output_id(), b_("aten::scaled_dot_product_attention", q, k, v, mask, 0.0, false, factor));
}

}  // namespace portfire::import
