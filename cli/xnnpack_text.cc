#include "cli/xnnpack_text.h"

#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "cli/listing_text.h"
#include "cli/text.h"
#include "format/reading.h"
#include "format/xnnpack_view.h"

namespace portfire::cli {
namespace {

template <class V>
std::string list_text(const V* items) {
  std::string s;
  for (uint32_t k = 0; k < count(items); ++k) s += (k ? "," : "") + std::to_string(items->Get(k));
  return s;
}

std::string quantization_text(const xnn::QuantizedValue& q) {
  switch (q.quantization_type()) {
    case xnn::Quantization_PerTensor: {
      const auto& p = *q.quantization_as_PerTensor();
      return fmt::format(", scale {:g}, zero point {}", p.scale(), p.zero_point());
    }
    case xnn::Quantization_PerChannel: {
      const auto& p = *q.quantization_as_PerChannel();
      return fmt::format(", {} scales along dimension {}", count(p.scale()) ? count(p.scale()) : p.num_scales(), p.channel_dim());
    }
    case xnn::Quantization_PerChannelGroup: {
      const auto& p = *q.quantization_as_PerChannelGroup();
      return fmt::format(", a scale for each {} along dimension {}", p.group_size(), p.channel_dim());
    }
    case xnn::Quantization_PerTokenDynamic: return fmt::format(", scales when it runs, {} batch dimensions",
                                                               q.quantization_as_PerTokenDynamic()->num_nonbatch_dims());
    default: return "";
  }
}

std::string value_text(const XnnpackView& view, uint32_t id) {
  const xnn::TensorValue& v = view.value(id);
  std::string text = fmt::format("{}[{}]", xnn::EnumNameDatatype(v.datatype()), list_text(v.dims()));
  if (const xnn::QuantizedValue* q = view.quantization(id)) text += quantization_text(*q);
  if (v.constant_buffer_idx()) {
    const XnnpackView::Data data = view.data(v.constant_buffer_idx());
    text += fmt::format(", constant {}", bytes_text(data.bytes.empty() ? data.size : data.bytes.size()));
    if (!data.key.empty()) text += " \"" + name_text(data.key.substr(0, 16)) + (data.key.size() > 16 ? "...\"" : "\"");
  }
  if (v.external_id() != kNoXnnpackId) text += fmt::format(", {} at place {}", v.flags() & 2 ? "result" : "argument", v.external_id());
  return text;
}

// What a node says beside its operands.
std::string settings_text(const xnn::Node& node) {
  std::string text;
  auto add = [&](const char* name, const std::string& value) { text += fmt::format(", {} {}", name, value); };
  switch (node.kind_type()) {
    case xnn::NodeKind_Conv2d: case xnn::NodeKind_DepthwiseConv2d: case xnn::NodeKind_ConvTranspose2d: {
      const auto& c = *static_cast<const xnn::Convolution*>(node.kind());
      add("kernel", fmt::format("{}x{}", c.kernel_height(), c.kernel_width()));
      add("stride", fmt::format("{}x{}", c.subsampling_height(), c.subsampling_width()));
      add("padding", fmt::format("{},{},{},{}", c.padding_top(), c.padding_right(), c.padding_bottom(), c.padding_left()));
      if (c.dilation_height() != 1 || c.dilation_width() != 1)
        add("dilation", fmt::format("{}x{}", c.dilation_height(), c.dilation_width()));
      if (c.groups() != 1) add("groups", std::to_string(c.groups()));
      break;
    }
    case xnn::NodeKind_AvgPooling2d: case xnn::NodeKind_MaxPooling2d: {
      const auto& p = *static_cast<const xnn::Pooling2d*>(node.kind());
      add("window", fmt::format("{}x{}", p.pooling_height(), p.pooling_width()));
      add("stride", fmt::format("{}x{}", p.stride_height(), p.stride_width()));
      add("padding", fmt::format("{},{},{},{}", p.padding_top(), p.padding_right(), p.padding_bottom(), p.padding_left()));
      break;
    }
    case xnn::NodeKind_FullyConnected:
      if (node.kind_as_FullyConnected()->flags() & 1) add("filter", "[in, out]");
      break;
    case xnn::NodeKind_StaticTranspose: add("order", list_text(node.kind_as_StaticTranspose()->perm())); break;
    case xnn::NodeKind_StaticReshape: add("sizes", list_text(node.kind_as_StaticReshape()->new_shape())); break;
    case xnn::NodeKind_StaticSlice:
      add("from", list_text(node.kind_as_StaticSlice()->offsets()));
      add("sizes", list_text(node.kind_as_StaticSlice()->sizes()));
      break;
    case xnn::NodeKind_StaticConstantPad:
      add("before", list_text(node.kind_as_StaticConstantPad()->pre_paddings()));
      add("behind", list_text(node.kind_as_StaticConstantPad()->post_paddings()));
      add("of", fmt::format("{:g}", node.kind_as_StaticConstantPad()->padding_value()));
      break;
    case xnn::NodeKind_StaticResizeBilinear2d:
      add("to", fmt::format("{}x{}", node.kind_as_StaticResizeBilinear2d()->new_height(),
                            node.kind_as_StaticResizeBilinear2d()->new_width()));
      break;
    case xnn::NodeKind_Concatenate2: case xnn::NodeKind_Concatenate3: case xnn::NodeKind_Concatenate4: case xnn::NodeKind_Concatenate5:
      add("along dimension", std::to_string(static_cast<int32_t>(static_cast<const xnn::Concatenate*>(node.kind())->axis())));
      break;
    case xnn::NodeKind_LeakyRelu: add("slope", fmt::format("{:g}", node.kind_as_LeakyRelu()->negative_slope())); break;
    case xnn::NodeKind_Elu: add("alpha", fmt::format("{:g}", node.kind_as_Elu()->alpha())); break;
    default: break;
  }
  if (const xnn::OutputMinMax* m = node.output_min_max()) add("clamped to", fmt::format("{:g}..{:g}", m->output_min(), m->output_max()));
  return text;
}

}  // namespace

std::string xnnpack_text(std::span<const std::byte> blob) {
  std::vector<uint64_t> aligned;  // where a file has it at an odd address
  if (reinterpret_cast<uintptr_t>(blob.data()) % 8 != 0) {
    aligned.resize((blob.size() + 7) / 8);
    if (!blob.empty()) std::memcpy(aligned.data(), blob.data(), blob.size());
    blob = std::as_bytes(std::span(aligned)).first(blob.size());
  }
  const Result<XnnpackView> view = XnnpackView::open(blob);
  if (!view.ok()) return fmt::format("    {}\n", view.error().text());
  std::string text;
  for (uint32_t id = 0; id < view->values(); ++id) text += fmt::format("    value {} : {}\n", id, value_text(*view, id));
  for (uint32_t n = 0; n < count(view->root().nodes()); ++n) {
    const xnn::Node& node = *view->root().nodes()->Get(n);
    std::string inputs, outputs;
    if (const auto operands = operands_of(node)) {
      for (uint8_t k = 0; k < operands->input_count; ++k)
        inputs += (k ? ", " : "") + (operands->inputs[k] == kNoXnnpackId ? "none" : std::to_string(operands->inputs[k]));
      for (uint8_t k = 0; k < operands->output_count; ++k) outputs += (k ? ", " : "") + std::to_string(operands->outputs[k]);
    }
    text += fmt::format("    node {:3} {} = {}({}{})\n", n, outputs, xnn::EnumNameNodeKind(node.kind_type()), inputs, settings_text(node));
  }
  return text;
}

}  // namespace portfire::cli
