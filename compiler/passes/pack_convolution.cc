// Convolutions with constant f32 weights become channels-last with prepacked weights. What follows one
// and is used by nothing else is taken in: a scale and a shift of each channel (batch norm), the
// addition of a residual, an activation. A constant padding with zeros before it becomes its own.
//
// Tensors stay NCHW for everybody else, as views: permute(conv(permute(x))). Neighbouring permutes
// cancel here, and sink_permutes moves them out of what lies between convolutions.
#include <map>

#include "compiler/passes/match.h"
#include "compiler/passes/panels.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "compiler/passes/winograd.h"
#include "ops/panels.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

using ops::kPanel;

struct Chain {
  const Node* conv = nullptr;
  const Node *scale = nullptr, *shift = nullptr, *residual = nullptr, *end = nullptr;
  std::string activation;
  double low = 0, high = 0;
  Arg residual_value;  // in the new graph
};

// A number for each channel, from a constant that broadcasts over [n, c, h, w] as [c, 1, 1].
const float* per_channel(const Graph& g, const Arg& a, int64_t channels) {
  if (!a.ref()) return nullptr;
  const ir::Constant* c = constant_of(g, a.ref()->id);
  const Type& t = g.type(a.ref()->id);
  if (!c || t.dtype != DType::f32 || t.rank() < 3 || t.upper_bytes() != channels * 4) return nullptr;
  return t.sizes[t.rank() - 3] == ir::Dim(channels) ? static_cast<const float*>(c->data) : nullptr;
}

bool plain_number(const Arg& a, double* out) {
  if (a.real()) *out = *a.real();
  else if (a.integer()) *out = static_cast<double>(*a.integer());
  else return false;
  return true;
}

class Packer {
 public:
  Packer(const Graph& g, Precision precision) : g_(g), uses_(g), precision_(precision) {
    for (const Node& n : g.nodes)
      if (is_candidate(n)) collect(n);
  }

  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, std::vector<Arg>& args) {
    sources_ = &per_graph_.of(b);
    if (auto it = member_.find(&n); it != member_.end()) {
      Chain& c = chains_[it->second];
      // The convolution's input flows through the chain to its end, in place of its results.
      size_t flowing = 0;
      if (&n != c.conv)
        for (size_t i = 0; i < n.args.size(); ++i)
          if (n.args[i].ref() && follows_.count({&n, n.args[i].ref()->id})) flowing = i;
      if (&n == c.residual) c.residual_value = args[1 - flowing];
      if (&n != c.end) return std::vector<Arg>{args[flowing]};
      return std::vector<Arg>{build(b, c, Tensor{&b, args[flowing].ref()->id})};
    }
    if (n.op->name == "aten::max_pool2d") return max_pool(b, n, args);
    // Layouts changed: a view that was one may need a copy now.
    if (n.op->name == "aten::view") {
      std::vector<ir::Int> sizes;
      for (const Arg& a : *args[1].list()) sizes.push_back(a.ref() ? ir::Int(&b, a.ref()->id) : ir::Int(*a.integer()));
      return std::vector<Arg>{b.reshape(Tensor{&b, args[0].ref()->id}, sizes)};
    }
    return std::nullopt;
  }

 private:
  static std::vector<int64_t> numbers(const Arg& list) {
    std::vector<int64_t> out;
    for (const Arg& a : *list.list()) out.push_back(a.integer() ? *a.integer() : -1);
    return out;
  }

  bool is_candidate(const Node& n) const {
    if (n.op->name != "aten::convolution" || *n.args[6].boolean()) return false;
    const Type &x = g_.type(n.args[0].ref()->id), &w = g_.type(n.args[1].ref()->id);
    if (x.rank() != 4 || w.rank() != 4 || x.dtype != DType::f32 || w.dtype != DType::f32) return false;
    if (!constant_of(g_, n.args[1].ref()->id) || !w.is_contiguous() || !n.args[8].integer()) return false;
    if (n.args[2].ref() && !constant_of(g_, n.args[2].ref()->id)) return false;
    for (size_t i : {3, 4, 5})
      for (int64_t v : numbers(n.args[i]))
        if (v < 0) return false;
    const int64_t groups = *n.args[8].integer(), out = w.sizes[0].at[0];
    return groups == 1 || (groups == out && w.sizes[1] == ir::Dim(1) && x.sizes[1] == ir::Dim(out));
  }

  void collect(const Node& conv) {
    Chain c;
    c.conv = c.end = &conv;
    const int64_t channels = g_.type(conv.outs[0]).sizes[1].at[0];
    const bool depthwise = *conv.args[8].integer() != 1;
    auto next = [&] { return uses_.only_user(c.end->outs[0]); };
    auto other = [&](const Node& n) { return n.args[n.args[0].ref() && n.args[0].ref()->id == c.end->outs[0] ? 1 : 0]; };
    auto alpha_is_one = [](const Node& n) { return n.args.size() < 3 || (n.args[2].integer() && *n.args[2].integer() == 1); };
    auto take = [&](const Node* n) {
      follows_.insert({{n, c.end->outs[0]}, true});
      c.end = n;
    };
    if (const Node* n = next(); n && n->op->name == "aten::mul.Tensor" && per_channel(g_, other(*n), channels)) {
      c.scale = n;
      take(n);
    }
    if (const Node* n = next(); n && n->op->name == "aten::add.Tensor" && alpha_is_one(*n) && per_channel(g_, other(*n), channels)) {
      c.shift = n;
      take(n);
    }
    if (const Node* n = next(); n && !depthwise && n->op->name == "aten::add.Tensor" && alpha_is_one(*n) && !member_.count(n)) {
      const Arg r = other(*n);
      if (r.ref() && r.ref()->id != c.end->outs[0] && g_.type(r.ref()->id).is_tensor() && g_.type(r.ref()->id).sizes == g_.type(conv.outs[0]).sizes &&
          g_.type(r.ref()->id).dtype == DType::f32) {
        c.residual = n;
        take(n);
      }
    }
    if (const Node* n = next()) {
      const std::string_view name = activation_of(*n);
      if (name == "relu" || (!name.empty() && !depthwise)) {
        c.activation = name;
        take(n);
      } else if (n->op->name == "portfire::clamp" && plain_number(n->args[1], &c.low) && plain_number(n->args[2], &c.high)) {
        c.activation = "clamp";
        take(n);
      } else if (n->op->name == "portfire::maximum.Scalar" && plain_number(n->args[1], &c.low)) {
        const Node* m = uses_.only_user(n->outs[0]);
        if (m && m->op->name == "portfire::minimum.Scalar" && plain_number(m->args[1], &c.high)) {
          c.activation = "clamp";
          take(n);
          take(m);
        }
      }
    }
    const size_t index = chains_.size();
    for (const Node* n = &conv;; n = uses_.only_user(n->outs[0])) {
      member_[n] = index;
      if (n == c.end) break;
    }
    chains_.push_back(std::move(c));
  }

  // x with channels last, by way of the source where x is a permuted view of it.
  Tensor channels_last(Builder& b, Tensor x) {
    auto it = sources_->find(x.id);
    return it != sources_->end() ? Tensor{&b, it->second} : b.permute(x, {0, 2, 3, 1});
  }
  Tensor channels_first(Builder& b, Tensor x) {
    const Tensor view = b.permute(x, {0, 3, 1, 2});
    (*sources_)[view.id] = x.id;
    return view;
  }

  // Undoes `x = constant_pad_nd(source, [left, right, top, bottom], 0)`.
  Tensor take_padding(Builder& b, Tensor x, int64_t* padding) {
    for (auto n = b.graph().nodes.rbegin(); n != b.graph().nodes.rend(); ++n) {
      if (n->outs.empty() || n->outs[0] != x.id) continue;
      if (n->op->name != "aten::constant_pad_nd") return x;
      const std::vector<int64_t> pad = numbers(n->args[1]);
      double value = 1;
      if (!plain_number(n->args[2], &value) || value != 0 || (pad.size() != 4 && pad.size() != 2)) return x;
      for (int64_t p : pad)
        if (p < 0) return x;
      padding[1] += pad[0];
      padding[3] += pad[1];
      if (pad.size() == 4) {
        padding[0] += pad[2];
        padding[2] += pad[3];
      }
      return {&b, n->args[0].ref()->id};
    }
    return x;
  }

  Tensor build(Builder& b, const Chain& c, Tensor x) {
    const Node& n = *c.conv;
    const Type& wt = g_.type(n.args[1].ref()->id);
    const auto stride = numbers(n.args[3]), pad = numbers(n.args[4]), dilation = numbers(n.args[5]);
    const int64_t out = wt.sizes[0].at[0], in = wt.sizes[1].at[0], kh = wt.sizes[2].at[0], kw = wt.sizes[3].at[0];
    int64_t padding[4] = {pad[0], pad[1], pad[0], pad[1]};
    x = channels_last(b, take_padding(b, x, padding));
    const auto* w = static_cast<const float*>(constant_of(g_, n.args[1].ref()->id)->data);
    const float* scale = c.scale ? factor(*c.scale, out) : nullptr;
    const bool depthwise = *n.args[8].integer() != 1;
    const int64_t taps = kh * kw, k = taps * in;
    const Type& result = g_.type(n.outs[0]);
    int64_t pixels[3];  // images, height, width, at the most
    for (size_t i = 0; i < 3; ++i) pixels[i] = result.sizes[i ? i + 1 : 0].at[0];
    const auto all = [](std::initializer_list<int64_t> list, int64_t value) { return std::all_of(list.begin(), list.end(), [=](int64_t v) { return v == value; }); };
    const bool fits = !depthwise && all({kh, kw}, 3) && all({stride[0], stride[1], dilation[0], dilation[1]}, 1) &&
                      *std::max_element(padding, padding + 4) <= 2 && (c.activation.empty() || c.activation == "relu" || c.activation == "clamp");
    const int64_t tile = fits ? winograd_tile(pixels[0], pixels[1], pixels[2], in, out, precision_) : 0;
    Tensor packed;
    if (tile) {
      packed = pack_winograd(b, w, scale, out, in, static_cast<int>(tile));
    } else if (depthwise) {
      std::vector<float> data(static_cast<size_t>(taps * out));
      for (int64_t o = 0; o < out; ++o)
        for (int64_t t = 0; t < taps; ++t) data[static_cast<size_t>(t * out + o)] = w[o * taps + t] * (scale ? scale[o] : 1);
      packed = b.constant(DType::f32, {taps, out}, data.data());
    } else {
      const int64_t panels = (out + kPanel - 1) / kPanel;
      std::vector<float> data(static_cast<size_t>(panels * k * kPanel));
      for (int64_t o = 0; o < out; ++o)
        for (int64_t i = 0; i < in; ++i)
          for (int64_t t = 0; t < taps; ++t)
            data[static_cast<size_t>((o / kPanel * k + t * in + i) * kPanel + o % kPanel)] = w[(o * in + i) * taps + t] * (scale ? scale[o] : 1);
      packed = panels_constant(b, std::move(data), out, k, precision_);
    }
    Arg bias;
    if (n.args[2].ref() || c.shift) {
      const float* own = n.args[2].ref() ? static_cast<const float*>(constant_of(g_, n.args[2].ref()->id)->data) : nullptr;
      const float* shift = c.shift ? factor(*c.shift, out) : nullptr;
      std::vector<float> data(static_cast<size_t>(out));
      for (int64_t o = 0; o < out; ++o) data[static_cast<size_t>(o)] = (own ? own[o] : 0) * (scale ? scale[o] : 1) + (shift ? shift[o] : 0);
      bias = b.constant(DType::f32, {out}, data.data());
    }
    const auto list = [](std::initializer_list<int64_t> v) { return Arg(Arg::List(v.begin(), v.end())); };
    const Arg kernel = list({kh, kw}), strides = list({stride[0], stride[1]}), pads = list({padding[0], padding[1], padding[2], padding[3]}),
              dilations = list({dilation[0], dilation[1]});
    if (depthwise)
      return channels_first(b, b("portfire::depthwise_conv2d", x, packed, bias, kernel, strides, pads, dilations, c.activation, c.low, c.high));
    Arg residual;
    if (c.residual) {
      const Tensor r = channels_last(b, Tensor{&b, c.residual_value.ref()->id});
      residual = b.contiguous(r);
    }
    if (tile) return channels_first(b, b("portfire::winograd_conv2d", x, packed, bias, residual, out, tile, pads, c.activation, c.low, c.high));
    return channels_first(b, b("portfire::packed_conv2d", x, packed, bias, residual, out, kernel, strides, pads, dilations, c.activation, c.low, c.high));
  }

  const float* factor(const Node& n, int64_t channels) const {
    const float* f = per_channel(g_, n.args[0], channels);
    return f ? f : per_channel(g_, n.args[1], channels);
  }

  std::optional<std::vector<Arg>> max_pool(Builder& b, const Node& n, std::vector<Arg>& args) {
    auto it = args[0].ref() ? sources_->find(args[0].ref()->id) : sources_->end();
    if (it == sources_->end() || *n.args[5].boolean()) return std::nullopt;
    auto two = [&](size_t i, int64_t otherwise) {
      std::vector<int64_t> v = numbers(args[i]);
      if (v.empty()) v = {otherwise};
      if (v.size() == 1) v.push_back(v[0]);
      return v;
    };
    const auto kernel = two(1, 1);
    auto stride = numbers(args[2]).empty() ? kernel : two(2, 1);
    const auto pad = two(3, 0), dilation = two(4, 1);
    return std::vector<Arg>{channels_first(b, b("portfire::max_pool2d", Tensor{&b, it->second}, kernel, stride,
                                                std::vector<int64_t>{pad[0], pad[1], pad[0], pad[1]}, dilation))};
  }

  const Graph& g_;
  Uses uses_;
  const Precision precision_;
  std::vector<Chain> chains_;
  std::map<const Node*, size_t> member_;
  std::map<std::pair<const Node*, ValueId>, bool> follows_;  // which operand of a member the chain comes by
  // In the graph being built: NCHW view -> what it is a view of.
  PerGraph<std::map<ValueId, ValueId>> per_graph_;
  std::map<ValueId, ValueId>* sources_ = nullptr;
};

Result<Graph> pack(const Graph& graph, Precision precision) {
  Packer packer(graph, precision);
  Result<Graph> out = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return packer.visit(b, n, args); });
  if (!out.ok()) return out.error();
  return eliminate_dead(*std::move(out));
}

}  // namespace

Result<Graph> pack_convolution(Graph graph) { return pack(graph, Precision::f32); }
Result<Graph> pack_convolution_bf16(Graph graph) { return pack(graph, Precision::bf16); }

}  // namespace portfire::passes
