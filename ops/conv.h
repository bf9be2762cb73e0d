// Convolutions under their other names: all become aten::convolution. An input without a batch
// dimension gets one of size 1 for the time of the call.
#pragma once

#include <string>

#include "ops/op.h"

namespace portfire::ops::conv {

template <class G, class T>
void convolve(G& g, T x, T w, T bias, size_t spatial, const std::vector<int64_t>& stride,
              const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation,
              bool transposed, const std::vector<int64_t>& output_padding, int64_t groups) {
  const bool batched = x.rank() == static_cast<int>(spatial) + 2;
  if (!batched && x.rank() != static_cast<int>(spatial) + 1)
    g.reject("input of rank " + std::to_string(x.rank()) + " (expected " +
             std::to_string(spatial + 1) + " or " + std::to_string(spatial + 2) + ")");
  if (!batched) x = g("aten::unsqueeze", x, 0);
  auto y = g("aten::convolution", x, w, bias, stride, padding, dilation, transposed, output_padding,
             groups);
  g.result(batched ? y : g("aten::squeeze.dim", y, 0));
}

template <class G>
void decompose_plain(G& g, size_t spatial) {
  convolve(g, g.tensor("input"), g.tensor("weight"), g.tensor("bias"), spatial,
           g.spatial("stride", spatial, 1), g.spatial("padding", spatial, 0),
           g.spatial("dilation", spatial, 1), false, std::vector<int64_t>(spatial, 0),
           g.known_integer("groups"));
}

template <class G>
void decompose_transposed(G& g, size_t spatial) {
  convolve(g, g.tensor("input"), g.tensor("weight"), g.tensor("bias"), spatial,
           g.spatial("stride", spatial, 1), g.spatial("padding", spatial, 0),
           g.spatial("dilation", spatial, 1), true, g.spatial("output_padding", spatial, 0),
           g.known_integer("groups"));
}

// padding="same" keeps the size (stride 1); where it is odd, the right side gets one more.
template <class G>
void decompose_mode(G& g, size_t spatial) {
  auto x = g.tensor("input"), w = g.tensor("weight");
  const std::string mode = g.string("padding");
  const auto stride = g.spatial("stride", spatial, 1), dilation = g.spatial("dilation", spatial, 1);
  std::vector<int64_t> padding(spatial, 0), more(2 * spatial, 0);
  bool uneven = false;
  if (mode != "same" && mode != "valid") g.reject("padding \"" + mode + "\"");
  for (size_t d = 0; mode == "same" && d < spatial; ++d) {
    if (stride[d] != 1) g.reject("padding \"same\" with a stride (expected stride 1)");
    const auto kernel = g.size(w, static_cast<int64_t>(d) + 2);
    if (!kernel.known()) g.refuse("padding \"same\" with a kernel of symbolic size");
    const int64_t total = dilation[d] * (kernel.fixed - 1);
    padding[d] = total / 2;
    more[2 * (spatial - 1 - d) + 1] = total % 2;
    uneven |= total % 2 != 0;
  }
  if (uneven) x = g("aten::constant_pad_nd", x, more);
  convolve(g, x, w, g.tensor("bias"), spatial, stride, padding, dilation, false,
           std::vector<int64_t>(spatial, 0), g.known_integer("groups"));
}

#define PF_CONV(type, body, spatial, text)              \
  struct type {                                         \
    static constexpr std::string_view schema = text;    \
    template <class G>                                  \
    static void decompose(G& g) {                       \
      body(g, spatial);                                 \
    }                                                   \
  };

PF_CONV(Conv1d, decompose_plain, 1,
        "aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], "
        "SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor")
PF_CONV(Conv2d, decompose_plain, 2,
        "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], "
        "SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor")
PF_CONV(Conv3d, decompose_plain, 3,
        "aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], "
        "SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor")
PF_CONV(Conv1dMode, decompose_mode, 1,
        "aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] "
        "stride=[1], str padding=\"valid\", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor")
PF_CONV(Conv2dMode, decompose_mode, 2,
        "aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] "
        "stride=[1, 1], str padding=\"valid\", SymInt[2] dilation=[1, 1], SymInt groups=1) -> "
        "Tensor")
PF_CONV(Conv3dMode, decompose_mode, 3,
        "aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] "
        "stride=[1, 1, 1], str padding=\"valid\", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) "
        "-> Tensor")
PF_CONV(ConvTranspose1d, decompose_transposed, 1,
        "aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] "
        "stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, "
        "SymInt[1] dilation=[1]) -> Tensor")
PF_CONV(ConvTranspose2d, decompose_transposed, 2,
        "aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] "
        "stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt "
        "groups=1, SymInt[2] dilation=[1, 1]) -> Tensor")
PF_CONV(ConvTranspose3d, decompose_transposed, 3,
        "aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] "
        "stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], "
        "SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor")

struct ConvolutionMode {
  static constexpr std::string_view schema =
      "aten::_convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str "
      "padding, SymInt[] dilation, SymInt groups) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    decompose_mode(g, static_cast<size_t>(g.tensor("weight").rank()) - 2);
  }
};

// Time, batch, channels: x [T,B,C], w [k,C,O].
struct ConvTbc {
  static constexpr std::string_view schema =
      "aten::conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.permute(g.tensor("self"), {1, 2, 0}), w = g.permute(g.tensor("weight"), {2, 1, 0});
    auto y = g("aten::convolution", x, w, g.tensor("bias"), std::vector<int64_t>{1},
               std::vector<int64_t>{g.known_integer("pad")}, std::vector<int64_t>{1}, false,
               std::vector<int64_t>{0}, 1);
    g.result(g.permute(y, {2, 0, 1}));
  }
};

// A group for each channel.
template <class G>
void decompose_depthwise(G& g, size_t spatial) {
  auto x = g.tensor("self"), w = g.tensor("weight");
  const auto channels = g.size(x, x.rank() - static_cast<int>(spatial) - 1);
  if (!channels.known()) g.refuse("symbolic number of channels");
  convolve(g, x, w, g.tensor("bias"), spatial, g.spatial("stride", spatial, 1),
           g.spatial("padding", spatial, 0), g.spatial("dilation", spatial, 1), false,
           std::vector<int64_t>(spatial, 0), channels.fixed);
}
PF_CONV(ConvDepthwise2d, decompose_depthwise, 2,
        "aten::_conv_depthwise2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias, "
        "SymInt[2] stride, SymInt[2] padding, SymInt[2] dilation) -> Tensor")
PF_CONV(ConvDepthwise3d, decompose_depthwise, 3,
        "aten::conv_depthwise3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias, "
        "SymInt[3] stride, SymInt[3] padding, SymInt[3] dilation) -> Tensor")

// PyTorch's names for single algorithms.
template <class G>
void decompose_dilated(G& g, size_t spatial) {
  convolve(g, g.tensor("self"), g.tensor("weight"), g.tensor("bias"), spatial,
           g.spatial("stride", spatial, 1), g.spatial("padding", spatial, 0),
           g.spatial("dilation", spatial, 1), false, std::vector<int64_t>(spatial, 0), 1);
}
template <class G>
void decompose_undilated(G& g, size_t spatial) {
  convolve(g, g.tensor("self"), g.tensor("weight"), g.tensor("bias"), spatial,
           g.spatial("stride", spatial, 1), g.spatial("padding", spatial, 0),
           std::vector<int64_t>(spatial, 1), false, std::vector<int64_t>(spatial, 0), 1);
}
template <class G>
void decompose_slow_transposed(G& g, size_t spatial) {
  convolve(g, g.tensor("self"), g.tensor("weight"), g.tensor("bias"), spatial,
           g.spatial("stride", spatial, 1), g.spatial("padding", spatial, 0),
           g.spatial("dilation", spatial, 1), true, g.spatial("output_padding", spatial, 0), 1);
}
PF_CONV(SlowConvDilated2d, decompose_dilated, 2,
        "aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? "
        "bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) "
        "-> Tensor")
PF_CONV(SlowConvDilated3d, decompose_dilated, 3,
        "aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? "
        "bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] "
        "dilation=[1, 1, 1]) -> Tensor")
PF_CONV(ThnnConv2d, decompose_undilated, 2,
        "aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, "
        "SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor")
PF_CONV(SlowConv2dForward, decompose_undilated, 2,
        "aten::_slow_conv2d_forward(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? "
        "bias, SymInt[2] stride, SymInt[2] padding) -> Tensor")
PF_CONV(SlowConv3d, decompose_undilated, 3,
        "aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, "
        "SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor")
PF_CONV(SlowConv3dForward, decompose_undilated, 3,
        "aten::slow_conv3d_forward(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? "
        "bias, SymInt[3] stride, SymInt[3] padding) -> Tensor")
PF_CONV(SlowConvTranspose2d, decompose_slow_transposed, 2,
        "aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? "
        "bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] "
        "output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor")
PF_CONV(SlowConvTranspose3d, decompose_slow_transposed, 3,
        "aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? "
        "bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] "
        "output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor")
#undef PF_CONV

using Ops = OpList<Conv1d, Conv2d, Conv3d, Conv1dMode, Conv2dMode, Conv3dMode, ConvTranspose1d,
                   ConvTranspose2d, ConvTranspose3d, ConvolutionMode, ConvTbc, ConvDepthwise2d,
                   ConvDepthwise3d, SlowConvDilated2d, SlowConvDilated3d, ThnnConv2d,
                   SlowConv2dForward, SlowConv3d, SlowConv3dForward, SlowConvTranspose2d,
                   SlowConvTranspose3d>;

}  // namespace portfire::ops::conv
