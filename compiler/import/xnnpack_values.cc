// Values: inputs, outputs, constants, and the order of their dimensions.
#include <algorithm>
#include <cstring>

#include "compiler/import/xnnpack_graph.h"

namespace portfire::import {

using ir::Dim;
using ir::Type;

namespace {

Order composed(const Order& outer, const Order& inner) {
  Order out;
  for (int64_t d : outer) out.push_back(inner[static_cast<size_t>(d)]);
  return out;
}

Order inverse(const Order& order) {
  Order out(order.size());
  for (size_t i = 0; i < order.size(); ++i) out[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  return out;
}

Order identity(int rank) {
  Order out;
  for (int d = 0; d < rank; ++d) out.push_back(d);
  return out;
}

std::string text(const Order& order) {
  std::string s = "[";
  for (size_t i = 0; i < order.size(); ++i) s += (i ? "," : "") + std::to_string(order[i]);
  return s + "]";
}

}  // namespace

std::string XnnpackImporter::text_of(uint32_t id) const {
  const xnn::TensorValue& v = view_.value(id);
  std::string s = "value " + std::to_string(id) + ", " + xnn::EnumNameDatatype(v.datatype()) + "[";
  for (uint32_t d = 0; d < v.num_dims(); ++d) s += (d ? "," : "") + std::to_string(v.dims()->Get(d));
  return s + "]";
}

// Bytes of the blob's constant `index`, wherever they lie.
std::span<const std::byte> XnnpackImporter::bytes_of(uint32_t index) const {
  const XnnpackView::Data data = view_.data(index);
  if (data.key.empty()) return data.bytes;
  const std::span<const std::byte> bytes = named_ ? named_(data.key) : std::span<const std::byte>();
  if (bytes.size() < data.size)
    reject("constant " + std::to_string(index) + ": " + (bytes.empty() ? "no data" : std::to_string(bytes.size()) + " bytes") + " of name \"" +
           std::string(data.key) + "\" (expected " + std::to_string(data.size) + ")");
  return bytes.first(data.size);
}

ir::Tensor XnnpackImporter::constant_of(const Type& type, std::span<const std::byte> bytes) const {
  const auto size = static_cast<size_t>(type.upper_bytes());
  if (bytes.size() < size) reject("a constant of " + std::to_string(bytes.size()) + " bytes (expected " + to_string(type) + ")");
  auto c = std::make_shared<ir::Constant>();
  c->data = bytes.data();
  c->bytes = size;
  c->owner = owner_;
  if (reinterpret_cast<uintptr_t>(bytes.data()) % 16 != 0) {
    auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    c->data = copy->data();
    c->owner = copy;
  }
  const ir::ValueId id = b_.graph().add_value(type, "constant");
  b_.graph().values[id].constant = std::move(c);
  return {&b_, id};
}

ir::Tensor XnnpackImporter::constant(uint32_t id) {
  const xnn::TensorValue& v = view_.value(id);
  std::vector<Dim> sizes;
  for (uint32_t d = 0; d < v.num_dims(); ++d) sizes.push_back(static_cast<int64_t>(v.dims()->Get(d)));
  DType dtype;
  switch (v.datatype()) {
    case xnn::Datatype_f32: dtype = DType::f32; break;
    case xnn::Datatype_f16: dtype = DType::f16; break;
    case xnn::Datatype_bf16: dtype = DType::bf16; break;
    case xnn::Datatype_qs8: case xnn::Datatype_qcs8: dtype = DType::i8; break;
    case xnn::Datatype_qs32: case xnn::Datatype_qcs32: case xnn::Datatype_s32: dtype = DType::i32; break;
    case xnn::Datatype_qcs4: case xnn::Datatype_qbs4:
      dtype = DType::u8;
      if (sizes.empty()) refuse(text_of(id) + ": no dimension to pack");
      sizes.back() = (sizes.back().at[0] + 1) / 2;
      break;
    default: refuse(text_of(id) + ": constants of this datatype are not supported");
  }
  return constant_of(Type::tensor(dtype, std::move(sizes)), bytes_of(v.constant_buffer_idx()));
}

XnnpackImporter::Value& XnnpackImporter::use(uint32_t id) {
  Value& v = values_[id];
  if (!v.base) {
    if (!is_constant(id)) reject(text_of(id) + ", is used before it is computed");
    v.base = constant(id);
  }
  return v;
}

// Constants are permuted here: passes look for them where they pack weights.
ir::Tensor XnnpackImporter::permuted(Tensor t, const Order& dims) {
  if (dims == identity(t.rank())) return t;
  const Type type = t.type();
  const ir::Constant* from = b_.graph().values[t.id].constant.get();
  if (!from) return b_.permute(t, dims);
  std::vector<int64_t> sizes, steps;
  for (int64_t d : dims) {
    sizes.push_back(type.sizes[static_cast<size_t>(d)].at[0]);
    int64_t step = 1;
    for (size_t inner = static_cast<size_t>(d) + 1; inner < type.sizes.size(); ++inner) step *= type.sizes[inner].at[0];
    steps.push_back(step);
  }
  const size_t item = byte_size(type.dtype);
  std::vector<std::byte> to(from->bytes);
  std::vector<int64_t> at(dims.size());
  const auto* source = static_cast<const std::byte*>(from->data);
  int64_t offset = 0;
  for (size_t n = 0; n * item < to.size(); ++n) {
    std::memcpy(to.data() + n * item, source + static_cast<size_t>(offset) * item, item);
    for (size_t d = dims.size(); d-- > 0;) {
      offset += steps[d];
      if (++at[d] < sizes[d]) break;
      offset -= steps[d] * sizes[d];
      at[d] = 0;
    }
  }
  return b_.constant(type.dtype, sizes, to.data());
}

ir::Tensor XnnpackImporter::raw(uint32_t id, const Order& order) {
  const Value v = use(id);
  if (v.order == order) return v.base;
  const int rank = v.base.rank();
  if (!order.empty() && static_cast<int>(order.size()) != rank)
    refuse(text_of(id) + ": rank " + std::to_string(rank) + " (expected " + std::to_string(order.size()) + ")");
  const auto key = std::pair(id, order);
  if (const auto it = permuted_.find(key); it != permuted_.end()) return it->second;
  const Order have = v.order.empty() ? identity(rank) : v.order;
  const Order dims = order.empty() ? have : composed(inverse(order), have);
  return permuted_[key] = permuted(v.base, dims);
}

ir::Tensor XnnpackImporter::real(uint32_t id, const Order& order) {
  switch (datatype(id)) {
    case xnn::Datatype_f32: case xnn::Datatype_f16: case xnn::Datatype_bf16: return raw(id, order);
    case xnn::Datatype_qs8: return dequantize(raw(id, order), affine(id));
    default: refuse(text_of(id) + ": this node does not take its datatype");
  }
}

ir::Tensor XnnpackImporter::broadcast(uint32_t id, const Order& order) {
  const int n = use(id).base.rank();
  if (n == static_cast<int>(order.size()) || order.empty()) return real(id, order);
  if (n > static_cast<int>(order.size())) refuse(text_of(id) + ": more dimensions than the other operand");
  Tensor t = real(id);
  std::vector<ir::Int> sizes(order.size() - static_cast<size_t>(n), 1);
  for (ir::Int s : b_.sizes(t)) sizes.push_back(s);
  return permuted(b_.reshape(t, sizes), inverse(order));
}

void XnnpackImporter::define(uint32_t id, Tensor base, const Order& order) {
  if (values_[id].base || is_constant(id)) reject(text_of(id) + ", is computed twice or a constant");
  if (base.rank() != rank(id)) reject(text_of(id) + ", gets " + to_string(base.type()));
  if (!order.empty() && static_cast<int>(order.size()) != base.rank()) reject(text_of(id) + ": dimensions " + text(order));
  values_[id] = {base, order == identity(base.rank()) ? Order() : order};
}

void XnnpackImporter::result(uint32_t id, Tensor base, const Order& order) {
  const xnn::Datatype to = datatype(id);
  if (is_floating(base.dtype())) {
    if (to == xnn::Datatype_f32) base = b_.cast(base, DType::f32);
    else if (to == xnn::Datatype_f16) base = b_.cast(base, DType::f16);
    else if (to == xnn::Datatype_bf16) base = b_.cast(base, DType::bf16);
    else if (to == xnn::Datatype_qs8) base = quantize(base, affine(id));
    else refuse(text_of(id) + ": results of this datatype are not supported");
  } else if (base.dtype() == DType::i8 && to != xnn::Datatype_qs8) {
    reject(text_of(id) + ", gets " + to_string(base.type()));
  }
  define(id, base, order);
}

void XnnpackImporter::take_inputs(const std::vector<Tensor>& inputs) {
  const auto* ids = view_.root().input_ids();
  for (uint32_t i = 0; ids && i < ids->size(); ++i) {
    const uint32_t id = ids->Get(i), place = view_.value(id).external_id();
    if (place >= inputs.size())
      reject(text_of(id) + ", is argument " + std::to_string(place) + " of a call with " + std::to_string(inputs.size()) + " inputs");
    Tensor t = inputs[place];
    if (!t) reject("input " + std::to_string(place) + " is no tensor (expected " + text_of(id) + ")");
    const xnn::Datatype want = datatype(id);
    const bool fits = want == xnn::Datatype_qs8 ? t.dtype() == DType::i8
                      : want == xnn::Datatype_s32 ? t.dtype() == DType::i32
                                                  : is_floating(t.dtype()) && want != xnn::Datatype_qds8;
    if (!fits) reject("input " + std::to_string(place) + " is " + to_string(t.type()) + " (expected " + text_of(id) + ")");
    if (want == xnn::Datatype_f32) t = b_.cast(t, DType::f32);
    if (want == xnn::Datatype_f16) t = b_.cast(t, DType::f16);
    // XNNPACK has no tensors without dimensions.
    if (t.rank() == 0 && rank(id) == 1) t = b_.reshape(t, {1});
    if (t.rank() != rank(id)) reject("input " + std::to_string(place) + " is " + to_string(t.type()) + " (expected " + text_of(id) + ")");
    define(id, t, {});
  }
}

std::vector<ir::Tensor> XnnpackImporter::give_outputs(size_t inputs) {
  std::vector<std::pair<uint32_t, uint32_t>> places;  // among the arguments, and what stands there
  const auto* ids = view_.root().output_ids();
  for (uint32_t i = 0; ids && i < ids->size(); ++i) places.emplace_back(view_.value(ids->Get(i)).external_id(), ids->Get(i));
  std::sort(places.begin(), places.end());
  std::vector<Tensor> out;
  for (const auto& [place, id] : places) {
    if (place != inputs + out.size())
      reject(text_of(id) + ", is argument " + std::to_string(place) + " (expected " + std::to_string(inputs + out.size()) + ", the next output)");
    if (datatype(id) == xnn::Datatype_qds8) refuse(text_of(id) + ": outputs that are quantized dynamically are not supported");
    out.push_back(raw(id));
  }
  return out;
}

}  // namespace portfire::import
