// Windows (convolutions, pooling, resizing) want [n, h, w, c]: each value of rank 4 exists in either layout, or in both where both are
// asked for, with a transposition between them. What goes in and out of the delegate is row-major.
#include "compiler/emit/xnnpack_blob.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "compiler/ir/builder.h"
#include "xnnpack_generated.h"

namespace portfire::emit {
namespace {

namespace fb = flatbuffers;
using ir::Arg;
using ir::Node;
using ir::Type;
using ir::ValueId;

constexpr uint32_t kNone = UINT32_MAX;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
// XNNPACK's flags.
constexpr uint32_t kTransposeWeights = 1, kAlignCorners = 8, kKeepDims = 0x40;
constexpr uint32_t kExternalInput = 1, kExternalOutput = 2;

enum Layout : size_t { row_major, channels_last };
constexpr std::array<uint32_t, 4> kToLast{0, 2, 3, 1}, kToFirst{0, 3, 1, 2};
// Where a dimension of a row-major tensor stands in one with channels last.
constexpr std::array<uint32_t, 4> kPlace{0, 3, 1, 2};

struct Bounds {
  float low = -kInfinity, high = kInfinity;
};

class Writer {
 public:
  Writer(const ir::Graph& g, NamedConstants& constants) : g_(g), constants_(constants), ids_(g.values.size(), {kNone, kNone}), external_(g.values.size(), kNone) {}

  std::vector<uint8_t> run() {
    uint32_t position = 0;
    constant_data_.push_back(xnn::CreateConstantData(out_, 0, 0, out_.CreateString("")));
    for (const ir::Input& i : g_.inputs) {
      ids_[i.value][row_major] = value(sizes(i.value), position++, kExternalInput);
      inputs_.push_back(ids_[i.value][row_major]);
    }
    for (const ir::Output& o : g_.outputs) external_[o.value] = position++;
    note_uses();
    for (const Node& n : g_.nodes) node(n);
    const auto buffer = xnn::CreateBuffer(out_, out_.CreateVector(std::vector<uint8_t>()));
    const std::vector<uint32_t> none;
    out_.Finish(xnn::CreateGraph(out_, out_.CreateString("0"), out_.CreateVector(nodes_), out_.CreateVector(values_), position, out_.CreateVector(inputs_),
                                 out_.CreateVector(outputs_), out_.CreateVector(&buffer, 1), out_.CreateVector(none), out_.CreateVector(constant_data_)),
                "XN01");
    return with_header();
  }

 private:
  // --- values ---

  using Sizes = std::vector<uint32_t>;
  Sizes sizes(ValueId v) const {
    Sizes s;
    for (const ir::Dim& d : g_.type(v).sizes) s.push_back(static_cast<uint32_t>(d.at[0]));
    if (s.empty()) s.push_back(1);
    return s;
  }
  static Sizes permuted(const Sizes& s, const std::array<uint32_t, 4>& order) { return {s[order[0]], s[order[1]], s[order[2]], s[order[3]]}; }
  Sizes sizes(ValueId v, Layout layout) const { return layout == row_major ? sizes(v) : permuted(sizes(v), kToLast); }

  uint32_t value(const Sizes& dims, uint32_t external = kNone, uint32_t flags = 0, uint32_t constant = 0) {
    const auto id = static_cast<uint32_t>(values_.size());
    const auto tensor = xnn::CreateTensorValue(out_, xnn::Datatype_f32, static_cast<uint32_t>(dims.size()), out_.CreateVector(dims), constant, external, flags, id);
    values_.push_back(xnn::CreateValue(out_, xnn::ValueKind_TensorValue, tensor.Union()));
    if (flags == kExternalOutput) outputs_.push_back(id);
    return id;
  }
  uint32_t constant(const Sizes& dims, NamedConstants::Bytes bytes) {
    const uint64_t size = bytes.size;
    const auto key = out_.CreateString(constants_.add(std::move(bytes)));
    constant_data_.push_back(xnn::CreateConstantData(out_, UINT64_MAX, size, key));
    return value(dims, kNone, 0, static_cast<uint32_t>(constant_data_.size() - 1));
  }
  uint32_t constant(const Sizes& dims, std::vector<float> numbers) {
    auto kept = std::make_shared<std::vector<float>>(std::move(numbers));
    return constant(dims, {kept->data(), kept->size() * sizeof(float), kept});
  }
  bool is_constant(ValueId v) const { return g_.values[v].constant != nullptr; }
  const float* numbers(ValueId v) const { return static_cast<const float*>(g_.values[v].constant->data); }
  static size_t count(const Sizes& dims) {
    size_t n = 1;
    for (uint32_t d : dims) n *= d;
    return n;
  }

  // The numbers of a constant of rank 4 with its dimensions in another order.
  static std::vector<float> reordered(const float* from, const Sizes& dims, const std::array<uint32_t, 4>& order) {
    const size_t strides[4] = {size_t{dims[1]} * dims[2] * dims[3], size_t{dims[2]} * dims[3], dims[3], 1};
    std::vector<float> to;
    to.reserve(count(dims));
    for (size_t a = 0; a < dims[order[0]]; ++a)
      for (size_t b = 0; b < dims[order[1]]; ++b)
        for (size_t c = 0; c < dims[order[2]]; ++c)
          for (size_t d = 0; d < dims[order[3]]; ++d) to.push_back(from[a * strides[order[0]] + b * strides[order[1]] + c * strides[order[2]] + d * strides[order[3]]]);
    return to;
  }

  // `v` as an operand.
  uint32_t id(ValueId v, Layout layout = row_major) {
    uint32_t& known = ids_[v][layout];
    if (known != kNone) return known;
    if (is_constant(v)) {
      if (layout == row_major) return known = constant(sizes(v), {g_.values[v].constant->data, g_.values[v].constant->bytes, g_.values[v].constant->owner});
      Sizes dims = sizes(v);
      while (dims.size() < 4) dims.insert(dims.begin(), 1);
      return known = constant(permuted(dims, kToLast), reordered(numbers(v), dims, kToLast));
    }
    const uint32_t from = ids_[v][layout == row_major ? channels_last : row_major];
    if (from == kNone) throw ir::Refusal{Code::bad_file, "a delegate reads a value before it is there"};
    known = value(sizes(v, layout));
    transpose(from, known, layout == row_major ? kToFirst : kToLast);
    return known;
  }

  // Where the result goes that stands for `v`. One that leaves the delegate does so row-major.
  uint32_t result(ValueId v, Layout layout = row_major) {
    uint32_t& known = ids_[v][layout];
    if (layout == row_major && external_[v] != kNone) return known = value(sizes(v), external_[v], kExternalOutput);
    return known = value(sizes(v, layout));
  }
  void leave(ValueId v) {
    if (external_[v] == kNone || ids_[v][row_major] != kNone) return;
    ids_[v][row_major] = value(sizes(v), external_[v], kExternalOutput);
    transpose(ids_[v][channels_last], ids_[v][row_major], kToFirst);
  }
  bool is_last(ValueId v) const { return !is_constant(v) && ids_[v][channels_last] != kNone; }

  // --- nodes ---

  template <class T>
  void push(xnn::NodeKind kind, fb::Offset<T> node, std::optional<Bounds> bounds = std::nullopt) {
    fb::Offset<xnn::OutputMinMax> fused;
    if (bounds) fused = xnn::CreateOutputMinMax(out_, bounds->low, bounds->high);
    nodes_.push_back(xnn::CreateNode(out_, kind, node.Union(), static_cast<uint32_t>(nodes_.size()), fused));
  }
  template <size_t N>
  void transpose(uint32_t from, uint32_t to, const std::array<uint32_t, N>& order) {
    transpose(from, to, Sizes(order.begin(), order.end()));
  }
  void transpose(uint32_t from, uint32_t to, const Sizes& order) {
    push(xnn::NodeKind_StaticTranspose, xnn::CreateStaticTranspose(out_, static_cast<uint32_t>(order.size()), out_.CreateVector(order), from, to));
  }
  void reshape(uint32_t from, uint32_t to, const Sizes& dims) {
    push(xnn::NodeKind_StaticReshape, xnn::CreateStaticReshape(out_, static_cast<uint32_t>(dims.size()), out_.CreateVector(dims), from, to));
  }

  void note_uses() {
    uses_.resize(g_.values.size());
    for (const Node& n : g_.nodes) for_each_ref(n, [&](ValueId v) { uses_[v].push_back(&n); });
  }
  static double number(const Arg& a) { return a.real() ? *a.real() : static_cast<double>(*a.integer()); }
  static std::optional<Bounds> bounds_of(const Node& n) {
    const std::string_view op = n.op->name;
    if (op == "aten::relu") return Bounds{0, kInfinity};
    if (op != "aten::hardtanh" && op != "aten::clamp") return std::nullopt;
    Bounds b;
    if (!n.args[1].none()) b.low = static_cast<float>(number(n.args[1]));
    if (!n.args[2].none()) b.high = static_cast<float>(number(n.args[2]));
    return b;
  }
  // An activation that alone uses the result of `n` is computed with it: its bounds, and the value that the result then is.
  std::optional<Bounds> fused(ValueId* v) {
    if (external_[*v] != kNone || uses_[*v].size() != 1) return std::nullopt;
    const Node& next = *uses_[*v][0];
    const std::optional<Bounds> b = bounds_of(next);
    if (!b || b->low > b->high) return std::nullopt;
    done_.push_back(&next);
    *v = next.outs[0];
    return b;
  }

  static ValueId operand(const Node& n, size_t k) { return n.args[k].ref()->id; }
  static uint32_t item(const Arg& list, size_t i, uint32_t if_empty = 0) {
    const Arg::List* l = list.list();
    if (!l || l->empty()) return if_empty;
    return static_cast<uint32_t>(*(*l)[l->size() > i ? i : 0].integer());
  }

  void node(const Node& n) {
    if (std::find(done_.begin(), done_.end(), &n) != done_.end()) return;
    const std::string_view op = n.op->name;
    if (const auto kind = binary_kind(op); kind != xnn::NodeKind_NONE)
      binary(n, kind);
    else if (const auto unary = unary_kind(op); unary != xnn::NodeKind_NONE)
      unary_of(n, [&](uint32_t from, uint32_t to) { push(unary, xnn::CreateUnary(out_, from, to)); });
    else if (const auto bounds = bounds_of(n))
      unary_of(n, [&](uint32_t from, uint32_t to) { push(xnn::NodeKind_Clamp, xnn::CreateUnary(out_, from, to), *bounds); });
    else if (op == "aten::elu")
      unary_of(n, [&](uint32_t from, uint32_t to) { push(xnn::NodeKind_Elu, xnn::CreateElu(out_, static_cast<float>(number(n.args[1])), from, to)); });
    else if (op == "aten::leaky_relu")
      unary_of(n, [&](uint32_t from, uint32_t to) { push(xnn::NodeKind_LeakyRelu, xnn::CreateLeakyRelu(out_, static_cast<float>(number(n.args[1])), from, to)); });
    else if (op == "aten::_softmax")
      push(xnn::NodeKind_Softmax, xnn::CreateUnary(out_, id(operand(n, 0)), result(n.outs[0])));
    else if (op == "aten::addmm")
      fully_connected(n, operand(n, 1), operand(n, 2), id(operand(n, 0)));
    else if (op == "aten::mm")
      fully_connected(n, operand(n, 0), operand(n, 1), kNone);
    else if (op == "aten::bmm")
      batch_product(n);
    else if (op == "aten::convolution")
      convolution(n);
    else if (op == "aten::max_pool2d_with_indices" || op == "aten::avg_pool2d")
      pool(n, op == "aten::avg_pool2d");
    else if (op == "aten::mean.dim" || op == "aten::_adaptive_avg_pool2d")
      mean(n);
    else if (op == "aten::upsample_bilinear2d.vec")
      resize(n);
    else if (op == "aten::permute_copy")
      permute(n);
    else if (op == "aten::cat")
      concatenate(n);
    else if (op == "aten::slice_copy.Tensor")
      slice(n);
    else if (op == "aten::constant_pad_nd")
      pad(n);
    else if (op == "aten::view_copy" || op.starts_with("aten::unsqueeze_copy") || op.starts_with("aten::squeeze_copy")) {
      const uint32_t from = id(operand(n, 0));
      reshape(from, result(n.outs[0]), sizes(n.outs[0]));
    } else
      throw ir::Refusal{Code::failed, std::string(op) + " in an XNNPACK delegate"};
  }

  static xnn::NodeKind binary_kind(std::string_view op) {
    if (op.starts_with("aten::add.")) return xnn::NodeKind_Add;
    if (op.starts_with("aten::sub.")) return xnn::NodeKind_Subtract;
    if (op.starts_with("aten::mul.")) return xnn::NodeKind_Multiply;
    if (op.starts_with("aten::div.")) return xnn::NodeKind_Divide;
    return op == "aten::maximum" ? xnn::NodeKind_Maximum : op == "aten::minimum" ? xnn::NodeKind_Minimum : xnn::NodeKind_NONE;
  }
  static xnn::NodeKind unary_kind(std::string_view op) {
    static const std::map<std::string_view, xnn::NodeKind> all = {
        {"aten::sigmoid", xnn::NodeKind_Sigmoid}, {"aten::tanh", xnn::NodeKind_Tanh}, {"aten::gelu", xnn::NodeKind_Gelu}, {"aten::abs", xnn::NodeKind_Abs},
        {"aten::neg", xnn::NodeKind_Negate},      {"aten::ceil", xnn::NodeKind_Ceiling}, {"aten::floor", xnn::NodeKind_Floor}, {"aten::sqrt", xnn::NodeKind_SquareRoot},
        {"aten::exp", xnn::NodeKind_Exp},         {"aten::log", xnn::NodeKind_Log}};
    const auto it = all.find(op);
    return it == all.end() ? xnn::NodeKind_NONE : it->second;
  }

  template <class F>
  void unary_of(const Node& n, F write) {
    const ValueId x = operand(n, 0);
    const Layout layout = is_last(x) ? channels_last : row_major;
    const uint32_t from = id(x, layout);
    write(from, result(n.outs[0], layout));
    leave(n.outs[0]);
  }

  // Channels-last where an operand is, and all others can be so.
  Layout layout_of(const Node& n) const {
    if (g_.type(n.outs[0]).rank() != 4) return row_major;
    bool any = false, all = true;
    for (size_t k : {0u, 1u}) {
      if (!n.args[k].ref()) continue;
      const ValueId v = operand(n, k);
      any = any || is_last(v);
      all = all && (g_.type(v).rank() == 4 || is_constant(v));
    }
    return any && all ? channels_last : row_major;
  }
  void binary(const Node& n, xnn::NodeKind kind) {
    const Layout layout = layout_of(n);
    const auto side = [&](size_t k) { return n.args[k].ref() ? id(operand(n, k), layout) : constant(Sizes{1}, std::vector<float>{static_cast<float>(number(n.args[k]))}); };
    const uint32_t a = side(0), b = side(1);
    ValueId v = n.outs[0];
    const bool can_fuse = kind == xnn::NodeKind_Add || kind == xnn::NodeKind_Subtract || kind == xnn::NodeKind_Multiply || kind == xnn::NodeKind_Divide;
    const std::optional<Bounds> bounds = can_fuse ? fused(&v) : std::nullopt;
    push(kind, xnn::CreateBinary(out_, a, b, result(v, layout)), bounds);
    leave(v);
  }

  // Weights are [in, out].
  void fully_connected(const Node& n, ValueId x, ValueId w, uint32_t bias) {
    const uint32_t from = id(x), weights = id(w);
    ValueId v = n.outs[0];
    const std::optional<Bounds> bounds = fused(&v);
    push(xnn::NodeKind_FullyConnected, xnn::CreateFullyConnected(out_, from, weights, bias, result(v), kTransposeWeights), bounds);
  }
  void batch_product(const Node& n) {
    const uint32_t a = id(operand(n, 0)), b = id(operand(n, 1));
    push(xnn::NodeKind_BatchMatrixMultiply, xnn::CreateBinary(out_, a, b, result(n.outs[0])));
  }

  void convolution(const Node& n) {
    const Sizes w = sizes(operand(n, 1));
    const bool transposed = *n.args[6].boolean();
    const auto groups = static_cast<uint32_t>(*n.args[8].integer());
    const uint32_t in = transposed ? w[0] / groups : w[1], out = transposed ? w[1] : w[0] / groups;
    const bool depthwise = !transposed && in == 1 && groups > 1;
    // [out, in, h, w] as [out, h, w, in]; depthwise as [1, h, w, out]; transposed ones come as [in, out, h, w].
    const float* from = numbers(operand(n, 1));
    const uint32_t weights = depthwise ? constant({1, w[2], w[3], w[0]}, reordered(from, {1, w[0], w[2], w[3]}, kToLast))
                             : transposed ? constant({w[1], w[2], w[3], w[0]}, reordered(from, w, {1, 2, 3, 0}))
                                          : constant(permuted(w, kToLast), reordered(from, w, kToLast));
    const uint32_t x = id(operand(n, 0), channels_last), bias = n.args[2].none() ? kNone : id(operand(n, 2));
    ValueId v = n.outs[0];
    const std::optional<Bounds> bounds = fused(&v);
    const uint32_t pad_h = item(n.args[4], 0), pad_w = item(n.args[4], 1);
    const auto conv = xnn::CreateConvolution(out_, pad_h, pad_w, pad_h, pad_w, w[2], w[3], item(n.args[3], 0), item(n.args[3], 1), item(n.args[5], 0), item(n.args[5], 1), in, out,
                                             groups, item(n.args[7], 0), item(n.args[7], 1), x, weights, bias, result(v, channels_last));
    push(depthwise ? xnn::NodeKind_DepthwiseConv2d : transposed ? xnn::NodeKind_ConvTranspose2d : xnn::NodeKind_Conv2d, conv, bounds);
    leave(v);
  }
  void pool(const Node& n, bool average) {
    const uint32_t x = id(operand(n, 0), channels_last), h = item(n.args[1], 0), w = item(n.args[1], 1);
    const uint32_t pad_h = average ? 0 : item(n.args[3], 0), pad_w = average ? 0 : item(n.args[3], 1);
    const uint32_t step_h = item(n.args[2], 0, h), step_w = item(n.args[2], 1, w);
    const uint32_t apart_h = average ? 0 : item(n.args[4], 0, 1), apart_w = average ? 0 : item(n.args[4], 1, 1);
    push(average ? xnn::NodeKind_AvgPooling2d : xnn::NodeKind_MaxPooling2d,
         xnn::CreatePooling2d(out_, pad_h, pad_w, pad_h, pad_w, h, w, step_h, step_w, apart_h, apart_w, x, result(n.outs[0], channels_last), kKeepDims));
    leave(n.outs[0]);
  }
  void mean(const Node& n) {
    const uint32_t x = id(operand(n, 0), channels_last);
    const Sizes all = sizes(operand(n, 0));
    if (g_.type(n.outs[0]).rank() == 4) {
      push(xnn::NodeKind_GlobalAvgPooling2d, xnn::CreateUnary(out_, x, result(n.outs[0], channels_last), kKeepDims));
      return leave(n.outs[0]);
    }
    const uint32_t kept = value({all[0], 1, 1, all[1]});
    push(xnn::NodeKind_GlobalAvgPooling2d, xnn::CreateUnary(out_, x, kept, kKeepDims));
    reshape(kept, result(n.outs[0]), sizes(n.outs[0]));
  }
  void resize(const Node& n) {
    const uint32_t x = id(operand(n, 0), channels_last);
    const Sizes to = sizes(n.outs[0]);
    const bool corners = n.args[2].boolean() && *n.args[2].boolean();
    push(xnn::NodeKind_StaticResizeBilinear2d, xnn::CreateStaticResizeBilinear2d(out_, to[2], to[3], x, result(n.outs[0], channels_last), corners ? kAlignCorners : 0));
    leave(n.outs[0]);
  }
  void permute(const Node& n) {
    Sizes order;
    const int rank = g_.type(n.outs[0]).rank();
    for (const Arg& a : *n.args[1].list()) order.push_back(static_cast<uint32_t>(*a.integer() < 0 ? *a.integer() + rank : *a.integer()));
    const uint32_t from = id(operand(n, 0));
    const uint32_t to = result(n.outs[0]);
    if (order.empty())
      reshape(from, to, sizes(n.outs[0]));
    else
      transpose(from, to, order);
  }

  // --- what moves data along one dimension, in either layout ---

  Layout layout_like(ValueId v) const { return is_last(v) ? channels_last : row_major; }
  uint32_t place(int64_t dim, int rank, Layout layout) const {
    const auto d = static_cast<uint32_t>(dim < 0 ? dim + rank : dim);
    return layout == channels_last ? kPlace[d] : d;
  }
  void concatenate(const Node& n) {
    const Arg::List& parts = *n.args[0].list();
    bool all_last = true;
    for (const Arg& a : parts) all_last = all_last && (is_last(a.ref()->id));
    const Layout layout = all_last ? channels_last : row_major;
    uint32_t ids[5] = {kNone, kNone, kNone, kNone, kNone};
    for (size_t k = 0; k < parts.size(); ++k) ids[k] = id(parts[k].ref()->id, layout);
    const uint32_t axis = place(*n.args[1].integer(), g_.type(n.outs[0]).rank(), layout);
    constexpr xnn::NodeKind kinds[] = {xnn::NodeKind_Concatenate2, xnn::NodeKind_Concatenate3, xnn::NodeKind_Concatenate4, xnn::NodeKind_Concatenate5};
    push(kinds[parts.size() - 2], xnn::CreateConcatenate(out_, axis, ids[0], ids[1], ids[2], ids[3], result(n.outs[0], layout), 0, ids[4]));
    leave(n.outs[0]);
  }
  void slice(const Node& n) {
    const ValueId x = operand(n, 0);
    const Layout layout = layout_like(x);
    const int rank = g_.type(x).rank();
    const int64_t dim = *n.args[1].integer() < 0 ? *n.args[1].integer() + rank : *n.args[1].integer(), size = g_.type(x).sizes[static_cast<size_t>(dim)].at[0];
    int64_t start = n.args[2].integer() ? *n.args[2].integer() : 0;
    start = std::clamp<int64_t>(start < 0 ? start + size : start, 0, size);
    Sizes offsets(static_cast<size_t>(rank), 0);
    offsets[place(dim, rank, layout)] = static_cast<uint32_t>(start);
    const Sizes to = sizes(n.outs[0], layout);
    const uint32_t from = id(x, layout);
    push(xnn::NodeKind_StaticSlice, xnn::CreateStaticSlice(out_, static_cast<uint32_t>(rank), out_.CreateVector(offsets), out_.CreateVector(to), from, result(n.outs[0], layout)));
    leave(n.outs[0]);
  }
  void pad(const Node& n) {
    const ValueId x = operand(n, 0);
    const Layout layout = layout_like(x);
    const int rank = g_.type(x).rank();
    Sizes before(static_cast<size_t>(rank), 0), after(static_cast<size_t>(rank), 0);
    const Arg::List& pads = *n.args[1].list();
    for (size_t k = 0; k + 1 < pads.size(); k += 2) {
      const uint32_t at = place(rank - 1 - static_cast<int64_t>(k / 2), rank, layout);
      before[at] = static_cast<uint32_t>(*pads[k].integer());
      after[at] = static_cast<uint32_t>(*pads[k + 1].integer());
    }
    const uint32_t from = id(x, layout);
    push(xnn::NodeKind_StaticConstantPad,
         xnn::CreateStaticConstantPad(out_, out_.CreateVector(before), out_.CreateVector(after), static_cast<float>(number(n.args[2])), from, result(n.outs[0], layout)));
    leave(n.outs[0]);
  }

  // --- the file ---

  std::vector<uint8_t> with_header() const {
    constexpr uint32_t kHeader = 30, kAlignment = 16;
    const auto padded = [](uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; };
    const auto at = static_cast<uint32_t>(padded(kHeader)), size = static_cast<uint32_t>(out_.GetSize()), constants = static_cast<uint32_t>(at + padded(size));
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

  const ir::Graph& g_;
  NamedConstants& constants_;
  fb::FlatBufferBuilder out_;
  std::vector<std::array<uint32_t, 2>> ids_;  // by value and layout
  std::vector<uint32_t> external_;            // of results that leave: their place among the arguments
  std::vector<std::vector<const Node*>> uses_;
  std::vector<const Node*> done_;
  std::vector<fb::Offset<xnn::Node>> nodes_;
  std::vector<fb::Offset<xnn::Value>> values_;
  std::vector<fb::Offset<xnn::ConstantData>> constant_data_;
  std::vector<uint32_t> inputs_, outputs_;
};

// FNV-1a, eight bytes at a time.
uint64_t hash_of(const void* data, size_t size) {
  uint64_t h = 14695981039346656037u;
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, std::min<size_t>(8, size - i));
    h = (h ^ word) * 1099511628211u;
    h ^= h >> 29;
  }
  return h;
}

}  // namespace

std::string NamedConstants::add(Bytes bytes) {
  if (const auto it = known_.find({bytes.data, bytes.size}); it != known_.end()) return it->second;
  char text[48];
  for (uint64_t h = hash_of(bytes.data, bytes.size);; ++h) {
    std::snprintf(text, sizeof text, "%016llx-%zu", static_cast<unsigned long long>(h), bytes.size);
    const auto it = all_.find(text);
    if (it != all_.end() && std::memcmp(it->second.data, bytes.data, bytes.size) != 0) continue;
    if (it == all_.end()) {
      known_[{bytes.data, bytes.size}] = text;  // these bytes stay: nothing else will lie there
      all_.emplace(text, std::move(bytes));
    }
    return text;
  }
}

std::vector<uint8_t> xnnpack_blob(const ir::Graph& body, NamedConstants& constants) { return Writer(body, constants).run(); }

}  // namespace portfire::emit
