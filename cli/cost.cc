#include "cli/cost.h"

#include <algorithm>
#include <string_view>

#include "ops/inverted_residual.h"

namespace portfire::cli {
namespace {

using Info = Method::InstructionInfo;

// Elements that lie apart in memory.
double distinct(const TensorView& t) {
  double n = 1;
  for (int d = 0; d < t.rank(); ++d) n *= t.strides[d] == 0 && t.size(d) > 1 ? 1 : static_cast<double>(t.size(d));
  return n;
}
double bytes_of(const TensorView& t) { return distinct(t) * static_cast<double>(byte_size(t.dtype)); }
double elements(const TensorView& t) { return static_cast<double>(t.numel()); }
double last(const TensorView& t, int from_end = 1) { return t.rank() >= from_end ? static_cast<double>(t.size(t.rank() - from_end)) : 1; }

const TensorView& in(const Info& i, size_t k) { return *i.args[k]->tensor; }
bool given(const Info& i, size_t k) { return i.args[k]->kind == Value::Kind::tensor; }
double taps(const Value& kernel) {
  double n = 1;
  for (uint32_t k = 0; k < kernel.ints.count; ++k) n *= static_cast<double>(kernel.ints.data[k]);
  return n;
}

// --- operations ---

double linear(const Info& i) { return 2 * elements(*i.outs[0]) * last(in(i, 0)); }
double added_product(const Info& i) { return (2 * last(in(i, 1)) + 2) * elements(*i.outs[0]); }
double packed_conv2d(const Info& i) { return 2 * elements(*i.outs[0]) * taps(*i.args[5]) * last(in(i, 0)); }
// Products of the transformed tiles, fewer than the convolution's own.
double winograd_conv2d(const Info& i) {
  const TensorView& out = *i.outs[0];
  const int64_t m = i.args[5]->integer, tiles = out.size(0) * ((out.size(1) + m - 1) / m) * ((out.size(2) + m - 1) / m);
  return 2 * static_cast<double>(tiles * (m + 2) * (m + 2)) * static_cast<double>(out.size(3)) * last(in(i, 0));
}
// A filter is [channels, kh, kw, c / groups].
double whole_filters(const Info& i) { return 2 * elements(*i.outs[0]) * elements(in(i, 1)) / static_cast<double>(in(i, 1).size(0)); }
double depthwise_conv2d(const Info& i) { return 2 * elements(*i.outs[0]) * taps(*i.args[3]); }
// Each stage's weights meet each pixel that the stage gives once.
double inverted_residual(const Info& i) {
  ops::inverted_residual::Stages s;
  const Args args(i.args);
  if (!ops::inverted_residual::read_stages(args, &s).ok()) return 0;
  double flops = 2 * static_cast<double>(s.middle.shape.numel()) * taps(*i.args[16]);
  if (s.expand) flops += 2 * static_cast<double>(s.expanded.shape.numel()) * taps(*i.args[9]) * last(in(i, 0));
  if (s.project) flops += 2 * static_cast<double>(s.middle.shape.numel()) * last(*i.outs[0]);
  return flops;
}
double max_pool2d(const Info& i) { return elements(*i.outs[0]) * taps(*i.args[1]); }

// Each output takes the taps of one filter; transposed, each input gives to as many. Padding counts as if it were there.
double convolution(const Info& i) {
  const TensorView& w = in(i, 1);
  const TensorView& walked = i.args[6]->boolean ? in(i, 0) : *i.outs[0];
  return w.rank() == 0 || w.size(0) == 0 ? 0 : 2 * elements(walked) * elements(w) / static_cast<double>(w.size(0));
}

// Each element of the gradient of the result meets the taps of its channel.
double convolution_weight(const Info& i) {
  const TensorView& w = *i.outs[0];
  return w.rank() == 0 || w.size(0) == 0 ? 0 : 2 * elements(in(i, 1)) * elements(w) / static_cast<double>(w.size(0));
}

// Scores of all heads; what is above the diagonal of a causal mask is left out. y: what attention gives, or its gradient.
double scores(const TensorView& y, const TensorView& q, const TensorView& k, bool causal) {
  const double rows = last(q, 2), columns = last(k, 2);
  if (rows == 0 || last(y) == 0) return 0;
  double kept = rows * columns;
  if (causal) {
    const double full = std::max(0.0, rows - columns), stairs = rows - full;
    kept = full * columns + stairs * (stairs + 1) / 2;
  }
  return elements(y) / (rows * last(y)) * kept;
}
// Scores and their sum.
double attention(const Info& i) { return 2 * scores(*i.outs[0], in(i, 0), in(i, 1), i.args[5]->boolean) * (last(in(i, 0)) + last(in(i, 2))); }
// Scores again, the gradients of query and key; that of scores and of values.
double attention_backward(const Info& i) { return 2 * scores(in(i, 0), in(i, 1), in(i, 2), i.args[5]->boolean) * (3 * last(in(i, 1)) + 2 * last(in(i, 3))); }

// Scores of the part of a cache that takes part, and their sum. `start`: the argument start_pos, `mask`: attn_mask.
double cached_attention(const Info& i, size_t start, size_t mask, int tokens, double room) {
  const TensorView& y = *i.outs[0];
  const auto rows = static_cast<double>(y.size(tokens)), before = static_cast<double>(i.args[start]->integer);
  if (rows == 0) return 0;
  double kept = rows * (given(i, mask) ? room : before + rows);
  if (i.args[mask + 2]->boolean) kept -= rows * (rows - 1) / 2;
  return 4 * elements(y) / rows * kept;
}
double custom_sdpa(const Info& i) { return cached_attention(i, 3, 4, 1, last(in(i, 1), 3)); }
double sdpa_with_kv_cache(const Info& i) { return cached_attention(i, 5, 7, 1, last(in(i, 3), 3)); }
double custom_quantized_sdpa(const Info& i) {
  const bool turned = i.args[14]->boolean;
  return cached_attention(i, 3, 4, turned ? 2 : 1, last(in(i, 1), turned ? 2 : 3));
}

// Every row of `gates` takes one product with the recurrent weights. w: the first of those.
double recurrent(const Info& i, size_t w) {
  const TensorView& gates = in(i, 0);
  const double rows = elements(gates) / std::max(1.0, last(gates));
  double weights = elements(in(i, w));
  if (w == 3 && given(i, 4)) weights += elements(in(i, 4));
  return 2 * rows * weights + 2 * elements(gates);
}
double lstm(const Info& i) { return recurrent(i, 3); }
double gru_or_rnn(const Info& i) { return recurrent(i, 2); }

double pointwise(const Info& i) {
  const std::string_view program = i.args[1]->string;
  return elements(*i.outs[0]) * static_cast<double>(1 + std::count(program.begin(), program.end(), ';'));
}

template <int kEach>
double each_input(const Info& i) {
  return kEach * elements(in(i, 0));
}

struct Row {
  std::string_view op;  // with its overload, or without for all overloads
  double (*flops)(const Info&);
};
constexpr Row kRows[] = {
    {"portfire::packed_linear", linear},
    {"aten::linear", linear},
    {"aten::mm", linear},
    {"aten::bmm", linear},
    {"aten::addmm", added_product},
    {"quantized_decomposed::mixed_mm", linear},
    {"quantized_decomposed::mixed_linear", linear},
    {"llama::custom_sdpa", custom_sdpa},
    {"llama::sdpa_with_kv_cache", sdpa_with_kv_cache},
    {"llama::custom_quantized_sdpa", custom_quantized_sdpa},
    {"portfire::packed_conv2d", packed_conv2d},
    {"portfire::winograd_conv2d", winograd_conv2d},
    {"portfire::depthwise_conv2d", depthwise_conv2d},
    {"portfire::inverted_residual", inverted_residual},
    {"portfire::max_pool2d", max_pool2d},
    {"portfire::linear_qs8", linear},
    {"portfire::linear_qd8", linear},
    {"portfire::conv2d_qs8", whole_filters},
    {"portfire::conv2d_qd8", whole_filters},
    {"aten::convolution", convolution},
    {"portfire::convolution_backward_weight", convolution_weight},
    {"aten::scaled_dot_product_attention", attention},
    {"portfire::attention_bf16", attention},
    {"portfire::attention_backward", attention_backward},
    {"portfire::lstm_layer", lstm},
    {"portfire::gru_layer", gru_or_rnn},
    {"portfire::rnn_layer", gru_or_rnn},
    {"portfire::pointwise", pointwise},
    {"portfire::pointwise_2", pointwise},
    {"portfire::pointwise_3", pointwise},
    {"aten::sum", each_input<1>},
    {"aten::mean", each_input<1>},
    {"aten::prod", each_input<1>},
    {"aten::amax", each_input<1>},
    {"aten::amin", each_input<1>},
    {"aten::cumsum", each_input<1>},
    {"aten::var", each_input<3>},                // the mean, a difference, its square
    {"aten::_softmax", each_input<4>},           // the largest, exp of a difference, their sum, a quotient
    {"aten::_log_softmax", each_input<4>},
    {"aten::layer_norm", each_input<6>},         // mean, difference, square; normalised, scaled, shifted
    {"aten::native_layer_norm", each_input<6>},
    {"aten::native_group_norm", each_input<6>},
    {"portfire::batch_norm_train", each_input<6>},
    {"aten::native_layer_norm_backward", each_input<12>},  // z, products and their sums; then z, products, differences
    {"portfire::batch_norm_backward", each_input<8>},
    {"aten::_softmax_backward_data", each_input<5>},
    {"aten::_log_softmax_backward_data", each_input<4>},
    {"aten::rms_norm", each_input<4>},
};

// Operators that read no more of their first argument than they give.
constexpr std::string_view kPicks[] = {"aten::embedding",   "aten::index",     "aten::index_select", "aten::gather",
                                       "aten::select_copy", "aten::slice_copy", "aten::take"};

std::string_view base_of(std::string_view op) {
  const size_t dot = op.find('.', op.find("::"));
  return op.substr(0, dot);
}

double bytes_of_operands(const Info& i) {
  double results = 0, sum = 0;
  for (const TensorView* t : i.outs) results += bytes_of(*t);
  const bool picks = std::find(std::begin(kPicks), std::end(kPicks), base_of(i.op)) != std::end(kPicks);
  for (size_t k = 0; k < i.args.size(); ++k) {
    const Value& v = *i.args[k];
    if (v.kind == Value::Kind::tensor) sum += picks && k == 0 ? std::min(bytes_of(*v.tensor), results) : bytes_of(*v.tensor);
    if (v.kind == Value::Kind::tensor_list)
      for (const TensorView* t : v.tensors) sum += t ? bytes_of(*t) : 0;
  }
  return sum + results;
}

}  // namespace

Cost cost_of(const Method::InstructionInfo& i) {
  if (i.by != Method::RunBy::kernel && i.by != Method::RunBy::reference) return {};
  Cost cost{0, bytes_of_operands(i)};
  for (const Row& row : kRows)
    if (row.op == i.op || row.op == base_of(i.op)) cost.flops = row.flops(i);
  return cost;
}

}  // namespace portfire::cli
