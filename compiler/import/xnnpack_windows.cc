// Convolutions, pools and resizing: XNNPACK has channels last, ATen the channels in front.
#include <cmath>

#include "compiler/import/xnnpack_graph.h"

namespace portfire::import {

using ir::Arg;
using ir::Int;

namespace {

int64_t i(uint32_t n) { return n; }

}  // namespace

bool XnnpackImporter::window(const xnn::Node& n) {
  switch (n.kind_type()) {
    case xnn::NodeKind_Conv2d: case xnn::NodeKind_DepthwiseConv2d: case xnn::NodeKind_ConvTranspose2d:
      convolution(*static_cast<const xnn::Convolution*>(n.kind()), n.kind_type(), bounds(n));
      return true;
    case xnn::NodeKind_MaxPooling2d: max_pool(*n.kind_as_MaxPooling2d(), bounds(n)); return true;
    case xnn::NodeKind_AvgPooling2d: average_pool(*n.kind_as_AvgPooling2d(), bounds(n)); return true;
    case xnn::NodeKind_ArgMaxPooling2d: arg_max_pool(*n.kind_as_ArgMaxPooling2d()); return true;
    case xnn::NodeKind_GlobalAvgPooling2d: {
      const auto& p = *n.kind_as_GlobalAvgPooling2d();
      expect_flags(p.flags(), 0x40);
      const bool keep = p.flags() & 0x40;
      const Tensor y = clamped(b_("aten::mean.dim", real(p.input_id(), kChannelsLast), std::vector<int64_t>{2, 3}, keep), bounds(n));
      result(p.output_id(), y, keep ? kChannelsLast : Order());
      return true;
    }
    case xnn::NodeKind_StaticResizeBilinear2d: {
      const auto& r = *n.kind_as_StaticResizeBilinear2d();
      expect_flags(r.flags(), 8);
      const std::vector<int64_t> size = {r.new_height(), r.new_width()};
      result(r.output_id(), b_("aten::upsample_bilinear2d", real(r.input_id(), kChannelsLast), size, (r.flags() & 8) != 0), kChannelsLast);
      return true;
    }
    default: return false;
  }
}

void XnnpackImporter::convolution(const xnn::Convolution& n, xnn::NodeKind kind, Bounds bounds) {
  expect_flags(n.flags(), 8);
  const bool transposed = kind == xnn::NodeKind_ConvTranspose2d, depthwise = kind == xnn::NodeKind_DepthwiseConv2d;
  const int64_t groups = n.groups(), in = n.group_input_channels(), out = n.group_output_channels();
  const xnn::TensorValue& filter = view_.value(n.filter_id());
  const auto size = [&](uint32_t d) { return i(filter.dims()->Get(d)); };
  const bool fits = rank(n.filter_id()) == 4 && size(1) == i(n.kernel_height()) && size(2) == i(n.kernel_width()) && groups > 0 && in > 0 && out > 0 &&
                    (depthwise ? in == 1 && size(0) == 1 && size(3) == groups * out : size(0) == groups * out && size(3) == in);
  if (!fits)
    reject("filter " + text_of(n.filter_id()) + " for " + std::to_string(groups) + " groups of " + std::to_string(in) + " to " + std::to_string(out) +
           " channels and a window of " + std::to_string(n.kernel_height()) + " x " + std::to_string(n.kernel_width()));
  if (datatype(n.input1_id()) == xnn::Datatype_qds8) return convolution_qd8(n, kind, bounds);
  if (is_qs8(n.input1_id()) && (is_qs8(n.filter_id()) || datatype(n.filter_id()) == xnn::Datatype_qcs8)) return convolution_qs8(n, kind, bounds);
  Tensor x = wide(n.input1_id(), kChannelsLast), w;
  if (depthwise) {
    w = wide(n.filter_id(), {1, 2, 3, 0});  // [1, h, w, c] of [c, 1, h, w]
  } else if (transposed && groups > 1) {
    // [groups * out, h, w, in] to [groups * in, out, h, w]
    const Tensor split = b_.reshape(wide(n.filter_id()), {groups, out, size(1), size(2), in});
    w = b_.contiguous(b_.reshape(b_.permute(split, {0, 4, 1, 2, 3}), {groups * in, out, size(1), size(2)}));
  } else {
    w = wide(n.filter_id(), transposed ? Order{1, 2, 3, 0} : kChannelsLast);  // [o, h, w, i] of [i, o, h, w] or [o, i, h, w]
  }
  const Arg bias = n.bias_id() == kNoXnnpackId ? Arg() : Arg(wide(n.bias_id()));
  std::vector<int64_t> padding = {n.padding_top(), n.padding_left()};
  const std::vector<int64_t> stride = {n.subsampling_height(), n.subsampling_width()}, dilation = {n.dilation_height(), n.dilation_width()};
  std::vector<int64_t> output_padding = {n.adjustment_height(), n.adjustment_width()};
  if (n.padding_top() != n.padding_bottom() || n.padding_left() != n.padding_right()) {
    if (transposed) refuse("a transposed convolution with other padding above than below, or left than right");
    x = b_("aten::constant_pad_nd", x, std::vector<int64_t>{n.padding_left(), n.padding_right(), n.padding_top(), n.padding_bottom()}, 0.0);
    padding = {0, 0};
  }
  if (!transposed) output_padding = {0, 0};
  const Tensor y = b_("aten::convolution", x, w, bias, stride, padding, dilation, transposed, output_padding, groups);
  result(n.output_id(), clamped(y, bounds), kChannelsLast);
}

void XnnpackImporter::max_pool(const xnn::Pooling2d& n, Bounds bounds) {
  expect_flags(n.flags(), 0x40);
  // What is the largest does not depend on scale and zero point, so integers are compared as they are.
  const bool integers = same_integers(n.input_id(), n.output_id());
  Tensor x = integers ? b_.cast(raw(n.input_id(), kChannelsLast), DType::f32) : real(n.input_id(), kChannelsLast);
  const std::vector<int64_t> window = {n.pooling_height(), n.pooling_width()}, stride = {n.stride_height(), n.stride_width()},
                             dilation = {n.dilation_height(), n.dilation_width()};
  std::vector<int64_t> padding = {n.padding_top(), n.padding_left()};
  const std::vector<int64_t> behind = {n.padding_bottom(), n.padding_right()};
  for (int d = 0; d < 2; ++d)
    if (window[d] < 1 || stride[d] < 1 || dilation[d] < 1) reject("a window of " + std::to_string(window[d]) + " in steps of " + std::to_string(stride[d]));
  bool ceil_mode = false;
  if (padding != behind) {
    // ExecuTorch writes ceil_mode as padding behind. Where that is what it was, it is so again: the pool stays one operator.
    ceil_mode = true;
    for (int d = 0; d < 2; ++d) {
      const Int size = b_.size(x, 2 + d);
      if (!size.known() || padding[d] > window[d] / 2) {
        ceil_mode = false;
        break;
      }
      const int64_t room = size.fixed - dilation[d] * (window[d] - 1) - 1;
      int64_t rounded_up = (room + 2 * padding[d] + stride[d] - 1) / stride[d] + 1;
      if ((rounded_up - 1) * stride[d] >= size.fixed + padding[d]) --rounded_up;
      ceil_mode &= rounded_up == (room + padding[d] + behind[d]) / stride[d] + 1;
    }
    if (!ceil_mode) {
      const std::vector<int64_t> around = {padding[1], behind[1], padding[0], behind[0]};
      x = b_("aten::constant_pad_nd", x, around, -INFINITY);
      padding = {0, 0};
    }
  }
  Tensor y = b_("aten::max_pool2d", x, window, stride, padding, dilation, ceil_mode);
  if (!integers) return result(n.output_id(), clamped(y, bounds), kChannelsLast);
  if (std::isfinite(bounds.low) || std::isfinite(bounds.high)) {
    const auto [low, high] = integer_bounds(bounds, affine(n.output_id()));
    y = b_("aten::clamp", y, low, high);
  }
  result(n.output_id(), b_.cast(y, DType::i8), kChannelsLast);
}

// What is outside does not count.
void XnnpackImporter::average_pool(const xnn::Pooling2d& n, Bounds bounds) {
  expect_flags(n.flags(), 0x40);
  if (n.padding_top() != n.padding_bottom() || n.padding_left() != n.padding_right()) refuse("averages with other padding above than below, or left than right");
  const std::vector<int64_t> window = {n.pooling_height(), n.pooling_width()}, stride = {n.stride_height(), n.stride_width()},
                             padding = {n.padding_top(), n.padding_left()};
  const Tensor y = b_("aten::avg_pool2d", real(n.input_id(), kChannelsLast), window, stride, padding, false, false);
  result(n.output_id(), clamped(y, bounds), kChannelsLast);
}

// Windows lie side by side; an index counts within its window, columns first. Rows and columns that fill no window are left out.
void XnnpackImporter::arg_max_pool(const xnn::ArgMaxPooling2d& n) {
  expect_flags(n.flags(), 0x40);
  if (n.padding_top() | n.padding_right() | n.padding_bottom() | n.padding_left()) refuse("places of the largest with padding");
  const int64_t h = n.pooling_height(), w = n.pooling_width();
  if (h < 1 || w < 1) reject("a window of " + std::to_string(h) + " x " + std::to_string(w));
  Tensor x = real(n.input_id(), kChannelsLast);
  if (x.rank() != 4) reject(text_of(n.input_id()) + " (expected rank 4)");
  const Int rows = floor_div(b_.size(x, 2), h), columns = floor_div(b_.size(x, 3), w);
  x = b_("aten::slice.Tensor", x, 2, 0, rows * h);
  x = b_("aten::slice.Tensor", x, 3, 0, columns * w);
  x = b_.reshape(x, {b_.size(x, 0), b_.size(x, 1), rows, h, columns, w});
  x = b_.reshape(b_.permute(x, {0, 1, 2, 4, 5, 3}), {b_.size(x, 0), b_.size(x, 1), rows, columns, h * w});
  const std::vector<Tensor> both = b_.all("aten::max.dim", x, -1, false);
  result(n.output_value_id(), both[0], kChannelsLast);
  // Their datatype in the blob says nothing: XNNPACK writes integers.
  define(n.output_index_id(), both[1], kChannelsLast);
}

}  // namespace portfire::import
