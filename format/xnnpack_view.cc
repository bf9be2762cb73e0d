#include "format/xnnpack_view.h"

#include <cmath>
#include <cstring>

#include "format/reading.h"

namespace portfire {
namespace {

constexpr size_t kHeaderBytes = 30;
// The most that a value may hold: far beyond any memory, and products of sizes stay in range.
constexpr uint64_t kMaxElements = uint64_t{1} << 46;

std::span<const uint32_t> list(const flatbuffers::Vector<uint32_t>* v) {
  return v ? std::span<const uint32_t>(v->data(), v->size()) : std::span<const uint32_t>();
}

bool is_scale(float scale) { return std::isfinite(scale) && scale > 0; }

const char* kind_name(const xnn::Node& node) { return xnn::EnumNameNodeKind(node.kind_type()); }

}  // namespace

Result<XnnpackView> XnnpackView::open(std::span<const std::byte> blob) {
  XnnpackView view;
  view.blob_ = blob;
  std::span<const std::byte> flatbuffer;
  PF_TRY(view.read_header(&flatbuffer));
  if (reinterpret_cast<uintptr_t>(flatbuffer.data()) % 8 != 0)
    return Error::make(Code::bad_argument, "the graph lies at an odd address (expected 8-byte alignment)");
  if (flatbuffer.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) return bad("a graph of %zu bytes", flatbuffer.size());
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(flatbuffer.data()), flatbuffer.size(), /*max_depth=*/16,
                                 /*max_tables=*/10'000'000);
  if (!verifier.VerifyBuffer<xnn::Graph>(nullptr)) return bad("damaged flatbuffer");
  view.root_ = flatbuffers::GetRoot<xnn::Graph>(flatbuffer.data());
  PF_TRY(view.verify());
  return view;
}

Error XnnpackView::read_header(std::span<const std::byte>* flatbuffer) {
  const size_t size = blob_.size();
  if (size < 8) return bad("%zu bytes are too few for an XNNPACK graph", size);
  *flatbuffer = blob_;
  if (std::memcmp(blob_.data() + 4, "XH00", 4) == 0) {
    const uint32_t length = size >= kHeaderBytes ? load<uint16_t>(blob_, 8) : 0;
    if (length < kHeaderBytes) return bad("header of %u bytes (expected %zu or more)", length, kHeaderBytes);
    const uint32_t offset = load<uint32_t>(blob_, 10), bytes = load<uint32_t>(blob_, 14), constants = load<uint32_t>(blob_, 18);
    const uint64_t constant_bytes = load<uint64_t>(blob_, 22);
    if (offset < kHeaderBytes || offset > size || bytes > size - offset || bytes < 8)
      return bad("truncated: a graph of %u bytes at %u, the blob has %zu", bytes, offset, size);
    if (constants > size || constant_bytes > size - constants)
      return bad("truncated: constants of %llu bytes at %u, the blob has %zu", static_cast<unsigned long long>(constant_bytes), constants, size);
    *flatbuffer = blob_.subspan(offset, bytes);
    constant_data_ = blob_.subspan(constants, constant_bytes);
  }
  const std::byte* id = flatbuffer->data() + 4;
  if (std::memcmp(id, "XN01", 4) != 0 && std::memcmp(id, "XN00", 4) != 0) return bad("not an XNNPACK graph (expected XN01 or XN00)");
  return {};
}

const xnn::TensorValue& XnnpackView::value(uint32_t id) const {
  const xnn::Value* v = root_->values()->Get(id);
  return v->kind_type() == xnn::ValueKind_TensorValue ? *v->kind_as_TensorValue() : *v->kind_as_QuantizedValue()->tensor();
}

const xnn::QuantizedValue* XnnpackView::quantization(uint32_t id) const { return root_->values()->Get(id)->kind_as_QuantizedValue(); }

uint32_t XnnpackView::constants() const { return count(root_->constant_data()) ? count(root_->constant_data()) : count(root_->constant_buffer()); }

XnnpackView::Data XnnpackView::data(uint32_t index) const {
  if (count(root_->constant_data()) == 0) {
    const auto* storage = root_->constant_buffer()->Get(index)->storage();
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(storage ? storage->data() : nullptr), count(storage));
    return {bytes, {}, bytes.size()};
  }
  const xnn::ConstantData& c = *root_->constant_data()->Get(index);
  if (c.offset() == UINT64_MAX) return {{}, c.named_key()->string_view(), c.size()};
  return {constant_data_.subspan(c.offset(), c.size()), {}, c.size()};
}

std::optional<uint64_t> xnnpack_bytes(xnn::Datatype datatype, std::span<const uint32_t> dims) {
  uint64_t bits;
  switch (datatype) {
    case xnn::Datatype_f32: case xnn::Datatype_qs32: case xnn::Datatype_qcs32: case xnn::Datatype_s32: case xnn::Datatype_pf32: bits = 32; break;
    case xnn::Datatype_f16: case xnn::Datatype_bf16: bits = 16; break;
    case xnn::Datatype_qs8: case xnn::Datatype_qu8: case xnn::Datatype_qcs8: case xnn::Datatype_qds8: case xnn::Datatype_qps8: bits = 8; break;
    case xnn::Datatype_qcs4: case xnn::Datatype_qbs4: bits = 4; break;
    default: return std::nullopt;
  }
  uint64_t n = 1;
  bool empty = false;
  for (size_t d = 0; d < dims.size(); ++d) {
    // Rows of half bytes begin at whole ones.
    const uint64_t size = bits == 4 && d + 1 == dims.size() ? uint64_t{dims[d]} + dims[d] % 2 : dims[d];
    empty |= size == 0;
    if (size != 0 && n > kMaxElements / size) return std::nullopt;
    n *= size == 0 ? 1 : size;
  }
  return empty ? 0 : (n * bits + 7) / 8;
}

Error XnnpackView::verify() const {
  if (count(root_->constant_data()) && count(root_->constant_buffer())) return bad("constants in two places");
  for (uint32_t i = 0; i < count(root_->constant_data()); ++i) {
    const xnn::ConstantData& c = *root_->constant_data()->Get(i);
    if (i == 0) continue;  // nobody's
    if (c.offset() == UINT64_MAX ? count(c.named_key()) == 0 : c.offset() > constant_data_.size() || c.size() > constant_data_.size() - c.offset())
      return bad("constant %u of %llu bytes at %llu is neither named nor in the blob's data (%zu bytes)", i,
                 static_cast<unsigned long long>(c.size()), static_cast<unsigned long long>(c.offset()), constant_data_.size());
  }
  for (uint32_t id = 0; id < values(); ++id)
    if (const Error e = verify_value(id)) return bad("value %u: %s", id, e.text());
  for (uint32_t i = 0; i < count(root_->nodes()); ++i)
    if (const Error e = verify_node(*root_->nodes()->Get(i))) return bad("node %u (%s): %s", i, kind_name(*root_->nodes()->Get(i)), e.text());
  return verify_externals();
}

Error XnnpackView::verify_value(uint32_t id) const {
  const xnn::Value* v = root_->values()->Get(id);
  const xnn::QuantizedValue* q = v->kind_as_QuantizedValue();
  const xnn::TensorValue* t = q ? q->tensor() : v->kind_as_TensorValue();
  if (!t) return bad("kind %u is not supported", static_cast<unsigned>(v->kind_type()));
  if (t->id_out() != id) return bad("its id is %u (expected its position)", t->id_out());
  const auto dims = list(t->dims());
  if (t->num_dims() != dims.size() || dims.size() > kMaxXnnpackRank)
    return bad("%zu sizes for rank %u (at most %u are supported)", dims.size(), t->num_dims(), kMaxXnnpackRank);
  const auto bytes = xnnpack_bytes(t->datatype(), dims);
  if (!bytes) return bad("datatype %d or its sizes are not supported", t->datatype());
  if (const uint32_t index = t->constant_buffer_idx()) {
    if (index >= constants()) return bad("constant %u of %u", index, constants());
    if (data(index).size < *bytes)
      return bad("constant %u has %llu bytes (expected %llu)", index, static_cast<unsigned long long>(data(index).size),
                 static_cast<unsigned long long>(*bytes));
  }
  const bool quantized = t->datatype() != xnn::Datatype_f32 && t->datatype() != xnn::Datatype_f16 && t->datatype() != xnn::Datatype_bf16 &&
                         t->datatype() != xnn::Datatype_s32 && t->datatype() != xnn::Datatype_pf32;
  if (quantized != (q != nullptr)) return bad("datatype %s %s quantization", xnn::EnumNameDatatype(t->datatype()), q ? "with" : "without");
  return q ? verify_quantization(*q) : Error();
}

Error XnnpackView::verify_scales(uint32_t inline_scales, uint32_t index, uint32_t num_scales, uint64_t expected, size_t scale_bytes) const {
  const uint64_t found = inline_scales ? inline_scales : num_scales;
  if (found != expected)
    return bad("%llu scales (expected %llu)", static_cast<unsigned long long>(found), static_cast<unsigned long long>(expected));
  if (inline_scales) return {};
  if (index == 0 || index >= constants()) return bad("scales in constant %u of %u", index, constants());
  if (data(index).size < expected * scale_bytes)
    return bad("constant %u has %llu bytes (expected %llu scales)", index, static_cast<unsigned long long>(data(index).size),
               static_cast<unsigned long long>(expected));
  return {};
}

Error XnnpackView::verify_quantization(const xnn::QuantizedValue& q) const {
  const xnn::TensorValue& t = *q.tensor();
  const auto dims = list(t.dims());
  const xnn::Datatype datatype = t.datatype();
  const char* name = xnn::EnumNameDatatype(datatype);
  if (const xnn::PerTensor* p = q.quantization_as_PerTensor()) {
    if (datatype != xnn::Datatype_qs8 && datatype != xnn::Datatype_qu8 && datatype != xnn::Datatype_qs32) return bad("one scale for %s", name);
    const int32_t zero = p->zero_point();
    const bool fits = datatype == xnn::Datatype_qs8 ? zero >= -128 && zero <= 127 : datatype == xnn::Datatype_qu8 ? zero >= 0 && zero <= 255 : zero == 0;
    if (!is_scale(p->scale()) || !fits) return bad("scale %g and zero point %d for %s", static_cast<double>(p->scale()), zero, name);
    return {};
  }
  if (const xnn::PerChannel* p = q.quantization_as_PerChannel()) {
    if (datatype != xnn::Datatype_qcs8 && datatype != xnn::Datatype_qcs32 && datatype != xnn::Datatype_qcs4) return bad("scales of channels for %s", name);
    if (p->channel_dim() < 0 || static_cast<size_t>(p->channel_dim()) >= dims.size())
      return bad("channel dimension %d of rank %zu", p->channel_dim(), dims.size());
    return verify_scales(count(p->scale()), p->scale_buffer_idx(), p->num_scales(), dims[static_cast<size_t>(p->channel_dim())], 4);
  }
  if (const xnn::PerTokenDynamic* p = q.quantization_as_PerTokenDynamic()) {
    if (datatype != xnn::Datatype_qds8 && datatype != xnn::Datatype_qps8) return bad("dynamic scales for %s", name);
    if (t.constant_buffer_idx()) return bad("a constant of dynamic scales");
    if (p->num_nonbatch_dims() < 1 || static_cast<size_t>(p->num_nonbatch_dims()) > dims.size())
      return bad("scales over %d dimensions of rank %zu", p->num_nonbatch_dims(), dims.size());
    return {};
  }
  if (const xnn::PerChannelGroup* p = q.quantization_as_PerChannelGroup()) {
    if (datatype != xnn::Datatype_qbs4) return bad("scales of groups for %s", name);
    if (dims.size() != 2 || p->channel_dim() != 0) return bad("groups along dimension %d of rank %zu (expected 0 of 2)", p->channel_dim(), dims.size());
    if (p->group_size() < 1 || dims[1] % static_cast<uint32_t>(p->group_size()) != 0) return bad("groups of %d in rows of %u", p->group_size(), dims[1]);
    const uint32_t inline_scales = count(p->scale_bf16()) ? count(p->scale_bf16()) : count(p->scale());
    return verify_scales(inline_scales, p->scale_buffer_idx(), p->num_scales(), uint64_t{dims[0]} * (dims[1] / static_cast<uint32_t>(p->group_size())), 2);
  }
  return bad("quantization of kind %u is not supported", static_cast<unsigned>(q.quantization_type()));
}

Error XnnpackView::verify_node(const xnn::Node& node) const {
  const auto operands = operands_of(node);
  if (!operands) return bad("kind %u is not supported", static_cast<unsigned>(node.kind_type()));
  for (uint8_t i = 0; i < operands->input_count; ++i)
    if (const uint32_t id = operands->inputs[i]; id >= values() && (id != kNoXnnpackId || i < operands->required))
      return bad("operand %u is value %u of %u", i, id, values());
  for (uint8_t i = 0; i < operands->output_count; ++i)
    if (operands->outputs[i] >= values()) return bad("result %u is value %u of %u", i, operands->outputs[i], values());
  auto sized = [&](const flatbuffers::Vector<uint32_t>* v, uint64_t expected, const char* what) -> Error {
    if (count(v) != expected || expected > kMaxXnnpackRank) return bad("%u %s (expected %llu)", count(v), what, static_cast<unsigned long long>(expected));
    return {};
  };
  if (const auto* n = node.kind_as_StaticTranspose()) {
    PF_TRY(sized(n->perm(), n->num_dims(), "dimensions in a permutation"));
    uint32_t seen = 0;
    for (uint32_t d : list(n->perm())) {
      if (d >= n->num_dims() || (seen & (1u << d))) return bad("its dimensions are no permutation");
      seen |= 1u << d;
    }
  }
  if (const auto* n = node.kind_as_StaticReshape()) PF_TRY(sized(n->new_shape(), n->num_dims(), "new sizes"));
  if (const auto* n = node.kind_as_StaticSlice()) {
    PF_TRY(sized(n->offsets(), n->num_dims(), "offsets"));
    PF_TRY(sized(n->sizes(), n->num_dims(), "sizes"));
  }
  if (const auto* n = node.kind_as_StaticConstantPad()) {
    const uint32_t rank = value(n->input_id()).num_dims();
    PF_TRY(sized(n->pre_paddings(), rank, "paddings in front"));
    PF_TRY(sized(n->post_paddings(), rank, "paddings behind"));
  }
  return {};
}

Error XnnpackView::verify_externals() const {
  for (const auto* ids : {root_->input_ids(), root_->output_ids()})
    for (uint32_t i = 0; i < count(ids); ++i) {
      const uint32_t id = ids->Get(i);
      if (id >= values()) return bad("an argument is value %u of %u", id, values());
      if (value(id).external_id() == kNoXnnpackId) return bad("value %u is an argument without a place among them", id);
    }
  return {};
}

std::optional<XnnpackOperands> operands_of(const xnn::Node& node) {
  if (!node.kind()) return std::nullopt;
  auto of = [](std::initializer_list<uint32_t> inputs, size_t required, std::initializer_list<uint32_t> outputs) {
    XnnpackOperands o;
    for (uint32_t id : inputs) o.inputs[o.input_count++] = id;
    for (uint32_t id : outputs) o.outputs[o.output_count++] = id;
    o.required = static_cast<uint8_t>(required);
    return o;
  };
  auto unary = [&](const auto* n) { return of({n->input_id()}, 1, {n->output_id()}); };
  auto binary = [&](const auto* n) { return of({n->input1_id(), n->input2_id()}, 2, {n->output_id()}); };
  auto filtered = [&](const auto* n) { return of({n->input1_id(), n->filter_id(), n->bias_id()}, 2, {n->output_id()}); };
  switch (node.kind_type()) {
    case xnn::NodeKind_Softmax: case xnn::NodeKind_Sigmoid: case xnn::NodeKind_Clamp: case xnn::NodeKind_Floor: case xnn::NodeKind_Convert:
    case xnn::NodeKind_GlobalAvgPooling2d: case xnn::NodeKind_SquareRoot: case xnn::NodeKind_Ceiling: case xnn::NodeKind_Hardswish:
    case xnn::NodeKind_Negate: case xnn::NodeKind_Square: case xnn::NodeKind_Abs: case xnn::NodeKind_ReciprocalSquareRoot:
    case xnn::NodeKind_Log: case xnn::NodeKind_Gelu: case xnn::NodeKind_Tanh: case xnn::NodeKind_Exp: case xnn::NodeKind_Sin:
    case xnn::NodeKind_Copy: case xnn::NodeKind_Cos:
      return unary(static_cast<const xnn::Unary*>(node.kind()));
    case xnn::NodeKind_Add: case xnn::NodeKind_Divide: case xnn::NodeKind_Minimum: case xnn::NodeKind_Multiply: case xnn::NodeKind_Subtract:
    case xnn::NodeKind_Maximum: case xnn::NodeKind_PRelu: case xnn::NodeKind_BatchMatrixMultiply:
      return binary(static_cast<const xnn::Binary*>(node.kind()));
    case xnn::NodeKind_Conv2d: case xnn::NodeKind_DepthwiseConv2d: case xnn::NodeKind_ConvTranspose2d:
      return filtered(static_cast<const xnn::Convolution*>(node.kind()));
    case xnn::NodeKind_FullyConnected: return filtered(node.kind_as_FullyConnected());
    case xnn::NodeKind_AvgPooling2d: case xnn::NodeKind_MaxPooling2d: return unary(static_cast<const xnn::Pooling2d*>(node.kind()));
    case xnn::NodeKind_StaticTranspose: return unary(node.kind_as_StaticTranspose());
    case xnn::NodeKind_StaticResizeBilinear2d: return unary(node.kind_as_StaticResizeBilinear2d());
    case xnn::NodeKind_StaticConstantPad: return unary(node.kind_as_StaticConstantPad());
    case xnn::NodeKind_StaticReshape: return unary(node.kind_as_StaticReshape());
    case xnn::NodeKind_StaticSlice: return unary(node.kind_as_StaticSlice());
    case xnn::NodeKind_LeakyRelu: return unary(node.kind_as_LeakyRelu());
    case xnn::NodeKind_Elu: return unary(node.kind_as_Elu());
    case xnn::NodeKind_ArgMaxPooling2d: {
      const auto* n = node.kind_as_ArgMaxPooling2d();
      return of({n->input_id()}, 1, {n->output_value_id(), n->output_index_id()});
    }
    case xnn::NodeKind_Concatenate2: case xnn::NodeKind_Concatenate3: case xnn::NodeKind_Concatenate4: case xnn::NodeKind_Concatenate5: {
      const auto* n = static_cast<const xnn::Concatenate*>(node.kind());
      XnnpackOperands o = of({n->input1_id(), n->input2_id(), n->input3_id(), n->input4_id(), n->input5_id()}, 0, {n->output_id()});
      o.input_count = o.required = node.kind_type() == xnn::NodeKind_Concatenate2   ? 2
                                   : node.kind_type() == xnn::NodeKind_Concatenate3 ? 3
                                   : node.kind_type() == xnn::NodeKind_Concatenate4 ? 4
                                                                                    : 5;
      return o;
    }
    case xnn::NodeKind_Attention: {
      const auto* n = node.kind_as_Attention();
      return of({n->query_id(), n->key_id(), n->value_id(), n->scale_id(), n->mask_id()}, 5, {n->output_id()});
    }
    case xnn::NodeKind_NONE: break;
  }
  return std::nullopt;
}

}  // namespace portfire
