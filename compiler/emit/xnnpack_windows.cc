// Convolutions, pooling and resizing: what moves a window over values with channels last.
#include "compiler/emit/xnnpack_writer.h"
#include "compiler/ir/dim_range.h"

namespace portfire::emit::xnnpack {

using ir::around;
using ir::DimRange;
using ir::mean_range;
using ir::Node;
using ir::ValueId;

constexpr uint32_t kAlignCorners = 8, kKeepDims = 0x40;  // XNNPACK's flags

void convolution(Writer& w, const Node& n) {
  const Sizes f = w.sizes(operand(n, 1));
  const bool transposed = *n.args[6].boolean();
  const auto groups = static_cast<uint32_t>(*n.args[8].integer());
  const uint32_t in = transposed ? f[0] / groups : f[1], out = transposed ? f[1] : f[0] / groups;
  const bool depthwise = !transposed && in == 1 && groups > 1;
  // [out, in, h, w] as [out, h, w, in]; depthwise as [1, h, w, out]; transposed ones come as [in, out, h, w].
  const std::vector<float> from = w.numbers(operand(n, 1));
  constexpr DType type = DType::f32;  // XNNPACK wants that of convolutions of f16 too
  const uint32_t weights = depthwise    ? w.constant(type, {1, f[2], f[3], f[0]}, reordered(from, {1, f[0], f[2], f[3]}, kToLast))
                           : transposed ? w.constant(type, {f[1], f[2], f[3], f[0]}, reordered(from, f, {1, 2, 3, 0}))
                                        : w.constant(type, permuted(f, kToLast), reordered(from, f, kToLast));
  const uint32_t x = w.id(operand(n, 0), channels_last);
  const uint32_t bias = n.args[2].none() ? kNone : w.constant(type, w.sizes(operand(n, 2)), w.numbers(operand(n, 2)));
  ValueId v = n.outs[0];
  const std::optional<Bounds> bounds = w.fused(&v);
  const uint32_t pad_h = item(n.args[4], 0), pad_w = item(n.args[4], 1);
  const uint32_t to = w.result(v, channels_last);
  const auto conv = xnn::CreateConvolution(w.out(), pad_h, pad_w, pad_h, pad_w, f[2], f[3], item(n.args[3], 0), item(n.args[3], 1),
                                           item(n.args[5], 0), item(n.args[5], 1), in, out, groups, item(n.args[7], 0),
                                           item(n.args[7], 1), x, weights, bias, to);
  w.push(depthwise ? xnn::NodeKind_DepthwiseConv2d : transposed ? xnn::NodeKind_ConvTranspose2d : xnn::NodeKind_Conv2d, conv, bounds);
  w.leave(v);
}

void pool(Writer& w, const Node& n, bool average) {
  const uint32_t x = w.id(operand(n, 0), channels_last), height = item(n.args[1], 0), width = item(n.args[1], 1);
  const uint32_t pad_h = average ? 0 : item(n.args[3], 0), pad_w = average ? 0 : item(n.args[3], 1);
  const uint32_t step_h = item(n.args[2], 0, height), step_w = item(n.args[2], 1, width);
  const uint32_t apart_h = average ? 0 : item(n.args[4], 0, 1), apart_w = average ? 0 : item(n.args[4], 1, 1);
  const uint32_t to = w.result(n.outs[0], channels_last);
  w.push(average ? xnn::NodeKind_AvgPooling2d : xnn::NodeKind_MaxPooling2d,
         xnn::CreatePooling2d(w.out(), pad_h, pad_w, pad_h, pad_w, height, width, step_h, step_w, apart_h, apart_w, x, to, kKeepDims));
  w.leave(n.outs[0]);
}

// Over height and width as they are; over other neighbouring dimensions as the width of [before, 1, those, behind].
void mean(Writer& w, const Node& n) {
  const ValueId v = operand(n, 0), y = n.outs[0];
  const ir::Type& type = w.graph().type(v);
  const DimRange over = mean_range(n, type.rank());
  if (type.rank() == 4 && over.begin == 2 && over.end == 4) {
    const uint32_t x = w.id(v, channels_last);
    if (w.rank(y) == 4) {
      w.push(xnn::NodeKind_GlobalAvgPooling2d, xnn::CreateUnary(w.out(), x, w.result(y, channels_last), kKeepDims));
      return w.leave(y);
    }
    const Sizes all = w.sizes(v);
    const uint32_t kept = w.value(w.dtype(y), {all[0], 1, 1, all[1]});
    w.push(xnn::NodeKind_GlobalAvgPooling2d, xnn::CreateUnary(w.out(), x, kept, kKeepDims));
    return w.reshape_like(kept, w.result(y), y);
  }
  const std::array<ir::Dim, 3> parts = around(type, over);
  const auto most = [&](size_t k) { return static_cast<uint32_t>(parts[k].upper()); };
  Sizes at_most{most(0), 1, most(1), most(2)};
  Sizes dims = at_most;
  for (size_t k = 0; k < 3; ++k)
    if (!parts[k].is_static()) dims[k == 0 ? 0 : k + 1] = 0;
  const uint32_t from = w.id(v), rows = w.value(w.dtype(y), at_most);
  w.reshape(from, rows, dims);
  at_most[2] = 1;
  const uint32_t kept = w.value(w.dtype(y), at_most);
  w.push(xnn::NodeKind_GlobalAvgPooling2d, xnn::CreateUnary(w.out(), rows, kept, kKeepDims));
  w.reshape_like(kept, w.result(y), y);
}

void resize(Writer& w, const Node& n) {
  const uint32_t x = w.id(operand(n, 0), channels_last);
  const Sizes sizes = w.sizes(n.outs[0]);
  const bool corners = n.args[2].boolean() && *n.args[2].boolean();
  const uint32_t to = w.result(n.outs[0], channels_last);
  w.push(xnn::NodeKind_StaticResizeBilinear2d,
         xnn::CreateStaticResizeBilinear2d(w.out(), sizes[2], sizes[3], x, to, corners ? kAlignCorners : 0));
  w.leave(n.outs[0]);
}

}  // namespace portfire::emit::xnnpack
