#include "compiler/emit/xnnpack_writer.h"

#include <algorithm>
#include <cstring>

#include "compiler/ir/builder.h"
#include "core/float16.h"

namespace portfire::emit::xnnpack {

using ir::Arg;
using ir::Node;
using ir::ValueId;

namespace {

constexpr uint32_t kExternalInput = 1, kExternalOutput = 2;  // XNNPACK's flags

size_t count(const Sizes& dims) {
  size_t n = 1;
  for (uint32_t d : dims) n *= d;
  return n;
}

}  // namespace

uint32_t item(const Arg& list, size_t i, uint32_t if_empty) {
  const Arg::List* l = list.list();
  if (!l || l->empty()) return if_empty;
  return static_cast<uint32_t>(*(*l)[l->size() > i ? i : 0].integer());
}

Sizes permuted(const Sizes& s, const std::array<uint32_t, 4>& order) { return {s[order[0]], s[order[1]], s[order[2]], s[order[3]]}; }

std::vector<float> reordered(const std::vector<float>& from, const Sizes& dims, const std::array<uint32_t, 4>& order) {
  const size_t strides[4] = {size_t{dims[1]} * dims[2] * dims[3], size_t{dims[2]} * dims[3], dims[3], 1};
  std::vector<float> to;
  to.reserve(count(dims));
  for (size_t a = 0; a < dims[order[0]]; ++a)
    for (size_t b = 0; b < dims[order[1]]; ++b)
      for (size_t c = 0; c < dims[order[2]]; ++c)
        for (size_t d = 0; d < dims[order[3]]; ++d)
          to.push_back(from[a * strides[order[0]] + b * strides[order[1]] + c * strides[order[2]] + d * strides[order[3]]]);
  return to;
}

std::optional<Bounds> bounds_of(const Node& n) {
  const std::string_view op = n.op->name;
  if (op == "aten::relu") return Bounds{0, kInfinity};
  if (op != "aten::hardtanh" && op != "aten::clamp") return std::nullopt;
  Bounds b;
  if (!n.args[1].none()) b.low = static_cast<float>(number(n.args[1]));
  if (!n.args[2].none()) b.high = static_cast<float>(number(n.args[2]));
  return b;
}

Writer::Writer(const ir::Graph& g, NamedConstants& constants)
    : g_(g), constants_(constants), ids_(g.values.size(), {kNone, kNone}), external_(g.values.size(), kNone), uses_(g.values.size()) {
  uint32_t position = 0;
  constant_data_.push_back(xnn::CreateConstantData(out_, 0, 0, out_.CreateString("")));
  for (const ir::Input& i : g_.inputs) {
    ids_[i.value][row_major] = value(dtype(i.value), sizes(i.value), position++, kExternalInput);
    inputs_.push_back(ids_[i.value][row_major]);
  }
  for (const ir::Output& o : g_.outputs) external_[o.value] = position++;
  for (const Node& n : g_.nodes) for_each_ref(n, [&](ValueId v) { uses_[v].push_back(&n); });
}

std::vector<uint8_t> Writer::finish() {
  const auto buffer = xnn::CreateBuffer(out_, out_.CreateVector(std::vector<uint8_t>()));
  const std::vector<uint32_t> none;
  const auto arguments = static_cast<uint32_t>(g_.inputs.size() + g_.outputs.size());
  out_.Finish(xnn::CreateGraph(out_, out_.CreateString("0"), out_.CreateVector(nodes_), out_.CreateVector(values_), arguments,
                               out_.CreateVector(inputs_), out_.CreateVector(outputs_), out_.CreateVector(&buffer, 1),
                               out_.CreateVector(none), out_.CreateVector(constant_data_)),
              "XN01");
  return with_header();
}

Sizes Writer::sizes(ValueId v) const {
  Sizes s;
  for (const ir::Dim& d : g_.type(v).sizes) s.push_back(static_cast<uint32_t>(d.upper()));
  if (s.empty()) s.push_back(1);
  return s;
}

std::vector<float> Writer::numbers(ValueId v) const {
  const ir::Constant& c = *g_.values[v].constant;
  if (dtype(v) == DType::f32) {
    const auto* from = static_cast<const float*>(c.data);
    return {from, from + c.bytes / sizeof(float)};
  }
  const auto* from = static_cast<const uint16_t*>(c.data);
  std::vector<float> numbers;
  for (size_t k = 0; k < c.bytes / sizeof(uint16_t); ++k) numbers.push_back(f16_to_f32(from[k]));
  return numbers;
}

uint32_t Writer::value(DType dtype, const Sizes& dims, uint32_t external, uint32_t flags, uint32_t constant) {
  const auto id = static_cast<uint32_t>(values_.size());
  const auto rank = static_cast<uint32_t>(dims.size());
  const auto tensor = xnn::CreateTensorValue(out_, datatype(dtype), rank, out_.CreateVector(dims), constant, external, flags, id);
  values_.push_back(xnn::CreateValue(out_, xnn::ValueKind_TensorValue, tensor.Union()));
  if (flags == kExternalOutput) outputs_.push_back(id);
  return id;
}
uint32_t Writer::constant(DType dtype, const Sizes& dims, NamedConstants::Bytes bytes) {
  const uint64_t size = bytes.size;
  const auto key = out_.CreateString(constants_.add(std::move(bytes)));
  constant_data_.push_back(xnn::CreateConstantData(out_, UINT64_MAX, size, key));
  return value(dtype, dims, kNone, 0, static_cast<uint32_t>(constant_data_.size() - 1));
}
uint32_t Writer::constant(DType dtype, const Sizes& dims, const std::vector<float>& numbers) {
  if (dtype == DType::f32) {
    auto kept = std::make_shared<std::vector<float>>(numbers);
    return constant(dtype, dims, {kept->data(), kept->size() * sizeof(float), kept});
  }
  auto kept = std::make_shared<std::vector<uint16_t>>();
  for (float x : numbers) kept->push_back(f32_to_f16(x));
  return constant(dtype, dims, {kept->data(), kept->size() * sizeof(uint16_t), kept});
}

uint32_t Writer::id(ValueId v, Layout layout) {
  uint32_t& known = ids_[v][layout];
  if (known != kNone) return known;
  if (is_constant(v)) {
    const ir::Constant& c = *g_.values[v].constant;
    if (layout == row_major) return known = constant(dtype(v), sizes(v), {c.data, c.bytes, c.owner});
    Sizes dims = sizes(v);
    while (dims.size() < 4) dims.insert(dims.begin(), 1);
    return known = constant(dtype(v), permuted(dims, kToLast), reordered(numbers(v), dims, kToLast));
  }
  const uint32_t from = ids_[v][layout == row_major ? channels_last : row_major];
  if (from == kNone) throw ir::Refusal{Code::bad_file, "a delegate reads a value before it is there"};
  known = value(dtype(v), sizes(v, layout));
  const std::array<uint32_t, 4>& order = layout == row_major ? kToFirst : kToLast;
  transpose(from, known, {order.begin(), order.end()});
  return known;
}

uint32_t Writer::result(ValueId v, Layout layout) {
  uint32_t& known = ids_[v][layout];
  if (layout == row_major && external_[v] != kNone) return known = value(dtype(v), sizes(v), external_[v], kExternalOutput);
  return known = value(dtype(v), sizes(v, layout));
}
void Writer::leave(ValueId v) {
  if (external_[v] == kNone || ids_[v][row_major] != kNone) return;
  ids_[v][row_major] = value(dtype(v), sizes(v), external_[v], kExternalOutput);
  transpose(ids_[v][channels_last], ids_[v][row_major], {kToFirst.begin(), kToFirst.end()});
}

void Writer::transpose(uint32_t from, uint32_t to, const Sizes& order) {
  const auto rank = static_cast<uint32_t>(order.size());
  push(xnn::NodeKind_StaticTranspose, xnn::CreateStaticTranspose(out_, rank, out_.CreateVector(order), from, to));
}
void Writer::reshape(uint32_t from, uint32_t to, const Sizes& dims) {
  push(xnn::NodeKind_StaticReshape, xnn::CreateStaticReshape(out_, static_cast<uint32_t>(dims.size()), out_.CreateVector(dims), from, to));
}
void Writer::reshape_like(uint32_t from, uint32_t to, ValueId v) {
  Sizes dims = sizes(v);
  for (size_t d = 0; d < g_.type(v).sizes.size(); ++d)
    if (!g_.type(v).sizes[d].is_static()) dims[d] = 0;
  reshape(from, to, dims);
}

std::optional<Bounds> Writer::fused(ValueId* v) {
  if (external_[*v] != kNone || uses_[*v].size() != 1) return std::nullopt;
  const Node& next = *uses_[*v][0];
  const std::optional<Bounds> b = bounds_of(next);
  if (!b || b->low > b->high) return std::nullopt;
  done_.push_back(&next);
  *v = next.outs[0];
  return b;
}
bool Writer::is_done(const Node& n) const { return std::find(done_.begin(), done_.end(), &n) != done_.end(); }

std::vector<uint8_t> Writer::with_header() const {
  constexpr uint32_t kHeader = 30, kAlignment = 16;
  const auto padded = [](uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; };
  const auto at = static_cast<uint32_t>(padded(kHeader)), size = static_cast<uint32_t>(out_.GetSize());
  const auto constants = static_cast<uint32_t>(at + padded(size));
  std::vector<uint8_t> blob(constants, 0);
  const uint16_t length = kHeader;
  std::memcpy(blob.data() + 4, "XH00", 4);
  std::memcpy(blob.data() + 8, &length, 2);
  std::memcpy(blob.data() + 10, &at, 4);
  std::memcpy(blob.data() + 14, &size, 4);
  std::memcpy(blob.data() + 18, &constants, 4);  // no bytes follow: constants have names
  std::memcpy(blob.data() + at, out_.GetBufferPointer(), size);
  return blob;
}

}  // namespace portfire::emit::xnnpack
