// Quantized values. What has operators of its own computes with integers as XNNPACK does; everything else on real numbers in between,
// which is what its lookup tables and fixed-point formulas come near.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "compiler/import/xnnpack_graph.h"
#include "core/float16.h"

namespace portfire::import {

using ir::Arg;
using ir::Dim;
using ir::Type;

XnnpackImporter::Affine XnnpackImporter::affine(uint32_t id) const {
  const xnn::QuantizedValue* q = view_.quantization(id);
  const xnn::PerTensor* p = q ? q->quantization_as_PerTensor() : nullptr;
  if (!p) refuse(text_of(id) + " (expected one scale and zero point)");
  return {static_cast<double>(p->scale()), p->zero_point()};
}

ir::Tensor XnnpackImporter::quantize(Tensor t, Affine q) { return b_("portfire::quantize_qs8", b_.cast(t, DType::f32), q.scale, q.zero); }
ir::Tensor XnnpackImporter::dequantize(Tensor t, Affine q) { return b_("portfire::dequantize_qs8", t, q.scale, q.zero); }

std::pair<int64_t, int64_t> XnnpackImporter::integer_bounds(Bounds bounds, Affine q) const {
  const auto integer = [&](float x) {
    const float scaled = x / static_cast<float>(q.scale) + static_cast<float>(q.zero);
    return static_cast<int64_t>(std::nearbyint(std::min(std::max(scaled, -128.0f), 127.0f)));
  };
  return {integer(bounds.low), integer(bounds.high)};
}

std::vector<float> XnnpackImporter::scales_of(uint32_t id, int64_t channels) const {
  const xnn::QuantizedValue* q = view_.quantization(id);
  std::vector<float> scales(static_cast<size_t>(channels));
  if (const xnn::PerTensor* p = q ? q->quantization_as_PerTensor() : nullptr) {
    if (p->zero_point() != 0) refuse(text_of(id) + ", has zero point " + std::to_string(p->zero_point()) + " (expected 0)");
    std::fill(scales.begin(), scales.end(), p->scale());
    return scales;
  }
  const xnn::PerChannel* p = q ? q->quantization_as_PerChannel() : nullptr;
  if (!p || view_.value(id).dims()->Get(static_cast<uint32_t>(p->channel_dim())) != static_cast<uint64_t>(channels))
    refuse(text_of(id) + ", has other scales than one for each of " + std::to_string(channels) + " channels");
  if (p->scale() && p->scale()->size() == scales.size())
    std::memcpy(scales.data(), p->scale()->data(), scales.size() * sizeof(float));
  else {
    const auto bytes = bytes_of(p->scale_buffer_idx());
    if (bytes.size() < scales.size() * sizeof(float)) reject(text_of(id) + ", has " + std::to_string(bytes.size()) + " bytes of scales");
    if (!scales.empty()) std::memcpy(scales.data(), bytes.data(), scales.size() * sizeof(float));
  }
  for (float s : scales)
    if (!std::isfinite(s)) reject(text_of(id) + ", has a scale that is no number");
  return scales;
}

void XnnpackImporter::convert(uint32_t from, uint32_t to) {
  const Order order = order_of(from);
  if (same_integers(from, to)) return result(to, raw(from, order), order);
  // Quantized when the program runs: the operators that take it see to it.
  if (datatype(to) == xnn::Datatype_qds8) return define(to, wide(from, order), order);
  result(to, real(from, order), order);
}

bool XnnpackImporter::quantized_binary(const xnn::Binary& n, xnn::NodeKind kind, Bounds bounds) {
  const uint32_t a = n.input1_id(), b = n.input2_id(), out = n.output_id();
  const bool add = kind == xnn::NodeKind_Add || kind == xnn::NodeKind_Subtract;
  if ((!add && kind != xnn::NodeKind_Multiply) || !is_qs8(a) || !is_qs8(b) || !is_qs8(out)) return false;
  Affine qa = affine(a), qb = affine(b);
  const Affine qy = affine(out);
  if (add) {  // XNNPACK's fixed-point sum takes these ratios only
    const double ratio = std::max(qa.scale, qb.scale) / qy.scale;
    if (!(ratio >= 1.0 / 1024 && ratio < 256)) return false;
  }
  if (kind == xnn::NodeKind_Subtract) qb.scale = -qb.scale;
  const Order order = rank(a) == rank(b) && !order_of(a).empty() && order_of(a) == order_of(b) ? order_of(a) : Order();
  const auto [low, high] = integer_bounds(bounds, qy);
  result(out, b_(add ? "portfire::add_qs8" : "portfire::mul_qs8", raw(a, order), raw(b, order), qa.scale, qa.zero, qb.scale, qb.zero, qy.scale, qy.zero, low, high), order);
  return true;
}

// What an integer sum is multiplied with to be the result's integer, for each channel.
ir::Tensor XnnpackImporter::multipliers(uint32_t input, uint32_t filter, uint32_t output, int64_t channels) {
  const auto in = static_cast<float>(affine(input).scale), out = static_cast<float>(affine(output).scale);
  std::vector<float> scales = scales_of(filter, channels);
  for (float& s : scales) s = in * s / out;
  return b_.constant(DType::f32, {channels}, scales.data());
}

void XnnpackImporter::fully_connected_qs8(const xnn::FullyConnected& n, Bounds bounds) {
  if (!is_qs8(n.output_id())) refuse(text_of(n.output_id()) + " (expected qs8)");
  const bool turned = n.flags() & 1;
  const int64_t channels = view_.value(n.filter_id()).dims()->Get(turned ? 1 : 0);
  const Arg bias = n.bias_id() == kNoXnnpackId ? Arg() : Arg(raw(n.bias_id()));
  const Affine y = affine(n.output_id());
  const auto [low, high] = integer_bounds(bounds, y);
  result(n.output_id(), b_("portfire::linear_qs8", raw(n.input1_id()), raw(n.filter_id(), turned ? Order{1, 0} : Order()), bias,
                           multipliers(n.input1_id(), n.filter_id(), n.output_id(), channels),
                           affine(n.input1_id()).zero, y.zero, low, high));
}

void XnnpackImporter::fully_connected_qd8(const xnn::FullyConnected& n, Bounds bounds) {
  const xnn::QuantizedValue* in = view_.quantization(n.input1_id());
  if (in && in->quantization_as_PerTokenDynamic()->num_nonbatch_dims() != 1) refuse("rows that share their scale");
  const xnn::TensorValue& filter = view_.value(n.filter_id());
  const bool turned = n.flags() & 1;
  if (turned && filter.datatype() != xnn::Datatype_qcs8) refuse("filter " + text_of(n.filter_id()) + " by columns");
  const int64_t channels = filter.dims()->Get(turned ? 1 : 0);
  Tensor scales;
  if (filter.datatype() == xnn::Datatype_qcs8 || filter.datatype() == xnn::Datatype_qcs4) {
    scales = b_.constant(DType::f32, {channels}, scales_of(n.filter_id(), channels).data());
  } else if (filter.datatype() == xnn::Datatype_qbs4) {
    const xnn::PerChannelGroup& q = *view_.quantization(n.filter_id())->quantization_as_PerChannelGroup();
    const int64_t groups = filter.dims()->Get(1) / static_cast<uint32_t>(q.group_size());
    const auto count = static_cast<size_t>(channels * groups);
    if (q.scale_bf16() && q.scale_bf16()->size() == count) {
      scales = b_.constant(DType::bf16, {channels, groups}, q.scale_bf16()->data());
    } else if (q.scale() && q.scale()->size() == count) {
      std::vector<uint16_t> rounded;
      for (float s : *q.scale()) rounded.push_back(f32_to_bf16(s));
      scales = b_.constant(DType::bf16, {channels, groups}, rounded.data());
    } else {
      scales = constant_of(Type::tensor(DType::bf16, {Dim(channels), Dim(groups)}), bytes_of(q.scale_buffer_idx()));
    }
  } else {
    refuse("filter " + text_of(n.filter_id()) + " for rows that are quantized dynamically");
  }
  const Arg bias = n.bias_id() == kNoXnnpackId ? Arg() : Arg(wide(n.bias_id()));
  const Tensor y = b_("portfire::linear_qd8", raw(n.input1_id()), raw(n.filter_id(), turned ? Order{1, 0} : Order()), bias, scales);
  result(n.output_id(), clamped(y, bounds));
}

void XnnpackImporter::convolution_qs8(const xnn::Convolution& n, xnn::NodeKind kind, Bounds bounds) {
  if (!is_qs8(n.output_id())) refuse(text_of(n.output_id()) + " (expected qs8)");
  const bool transposed = kind == xnn::NodeKind_ConvTranspose2d;
  const int64_t groups = n.groups(), channels = groups * n.group_output_channels();
  // [1, h, w, c] of depthwise ones to [c, h, w, 1]
  const Tensor w = raw(n.filter_id(), kind == xnn::NodeKind_DepthwiseConv2d ? Order{3, 1, 2, 0} : Order());
  const Arg bias = n.bias_id() == kNoXnnpackId ? Arg() : Arg(raw(n.bias_id()));
  const Tensor scale = multipliers(n.input1_id(), n.filter_id(), n.output_id(), channels);
  const Affine y = affine(n.output_id());
  const int64_t zero = affine(n.input1_id()).zero;
  const auto [low, high] = integer_bounds(bounds, y);
  const std::vector<int64_t> stride = {n.subsampling_height(), n.subsampling_width()}, dilation = {n.dilation_height(), n.dilation_width()},
                             padding = {n.padding_top(), n.padding_left(), n.padding_bottom(), n.padding_right()},
                             kernel = {n.kernel_height(), n.kernel_width()}, adjustment = {n.adjustment_height(), n.adjustment_width()};
  const Tensor x = b_.contiguous(raw(n.input1_id()));
  if (transposed)
    result(n.output_id(), b_("portfire::conv_transpose2d_qs8", x, w, bias, scale, zero, y.zero, low, high, kernel, stride, padding, dilation, groups, adjustment));
  else
    result(n.output_id(), b_("portfire::conv2d_qs8", x, w, bias, scale, zero, y.zero, low, high, kernel, stride, padding, dilation, groups));
}

void XnnpackImporter::convolution_qd8(const xnn::Convolution& n, xnn::NodeKind kind, Bounds bounds) {
  if (kind == xnn::NodeKind_ConvTranspose2d) refuse("a transposed convolution of values that are quantized dynamically");
  if (datatype(n.filter_id()) != xnn::Datatype_qcs8) refuse("filter " + text_of(n.filter_id()) + " for values that are quantized dynamically");
  const xnn::QuantizedValue* in = view_.quantization(n.input1_id());
  if (in->quantization_as_PerTokenDynamic()->num_nonbatch_dims() != 3) refuse("scales within an image");
  const int64_t groups = n.groups(), channels = groups * n.group_output_channels();
  const Tensor w = raw(n.filter_id(), kind == xnn::NodeKind_DepthwiseConv2d ? Order{3, 1, 2, 0} : Order());
  const Arg bias = n.bias_id() == kNoXnnpackId ? Arg() : Arg(wide(n.bias_id()));
  const Tensor scales = b_.constant(DType::f32, {channels}, scales_of(n.filter_id(), channels).data());
  const std::vector<int64_t> stride = {n.subsampling_height(), n.subsampling_width()}, dilation = {n.dilation_height(), n.dilation_width()},
                             padding = {n.padding_top(), n.padding_left(), n.padding_bottom(), n.padding_right()},
                             kernel = {n.kernel_height(), n.kernel_width()};
  const Tensor y = b_("portfire::conv2d_qd8", b_.contiguous(raw(n.input1_id())), w, bias, scales, kernel, stride, padding, dilation, groups);
  result(n.output_id(), clamped(y, bounds));
}

}  // namespace portfire::import
