// Import of XNNPACK delegates, from blobs that are built here to numbers.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "compiler/import/xnnpack.h"
#include "compiler/ir/verify.h"
#include "compiler/passes/passes.h"
#include "core/float16.h"
#include "format/xnnpack_case.h"

namespace portfire {
namespace {

using xnn::NodeKind;

struct Input {
  std::vector<int64_t> sizes;
  std::vector<float> numbers;
};

struct Imported {
  ir::Graph graph;
  std::string refusal;
};

// The graph of a blob over constants: folding computes it, by references.
Imported imported(XnnpackBlob& blob, const std::vector<Input>& inputs, const import::NamedBytes& named = {}) {
  Imported out;
  const auto bytes = std::make_shared<std::vector<uint64_t>>(blob.finish());
  ir::Builder b(&out.graph);
  std::vector<ir::Tensor> tensors;
  for (const Input& x : inputs) tensors.push_back(b.constant(DType::f32, x.sizes, x.numbers.data()));
  try {
    for (ir::Tensor t : import::import_xnnpack(b, bytes_of(*bytes), named, tensors, bytes)) out.graph.outputs.push_back({t.id, "y", {}});
  } catch (const ir::Refusal& r) {
    out.refusal = r.text;
    return out;
  }
  const Error e = ir::verify(out.graph, ir::Stage::imported);
  EXPECT_TRUE(e.ok()) << e.text();
  return out;
}

std::vector<float> computed(const Imported& program) {
  EXPECT_EQ(program.refusal, "");
  if (!program.refusal.empty()) return {};
  Result<ir::Graph> graph = passes::decompose(program.graph);
  if (graph.ok()) graph = passes::fold_constants(*std::move(graph));
  if (graph.ok()) graph = passes::fold_dequantized(*std::move(graph));
  EXPECT_TRUE(graph.ok()) << graph.error().text();
  if (!graph.ok()) return {};
  const ir::ValueInfo& y = graph->values[graph->outputs[0].value];
  EXPECT_TRUE(y.constant) << "not folded";
  if (!y.constant) return {};
  const auto* data = static_cast<const float*>(y.constant->data);
  return {data, data + y.constant->bytes / sizeof(float)};
}

std::vector<float> run(XnnpackBlob& blob, const std::vector<Input>& inputs) { return computed(imported(blob, inputs)); }
std::string refused(XnnpackBlob& blob, const std::vector<Input>& inputs) { return imported(blob, inputs).refusal; }

int count(const ir::Graph& g, std::string_view op) {
  return static_cast<int>(std::count_if(g.nodes.begin(), g.nodes.end(), [&](const ir::Node& n) { return n.op->name == op; }));
}

std::vector<float> ramp(size_t n) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = static_cast<float>(static_cast<int>(i * 7 % 11) - 5);
  return v;
}

TEST(XnnpackImport, LinearWithFusedActivation) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({2, 3}), y = blob.output({2, 2});
  const uint32_t w = blob.constant<float>({2, 3}, {1, 2, 3, -1, 0, 1}), b = blob.constant<float>({2}, {0.5f, -1});
  blob.node(NodeKind::NodeKind_FullyConnected, xnn::CreateFullyConnected(blob.builder(), x, w, b, y), 0, INFINITY);
  // Sizes in the blob are the most that there can be.
  EXPECT_EQ(run(blob, {{{1, 3}, {1, 1, -1}}}), (std::vector<float>{0.5f, 0}));
}

TEST(XnnpackImport, TransposedFilterAndConstantsByName) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({1, 2}), y = blob.output({1, 3}), w = blob.value({2, 3}, xnn::Datatype_f32, blob.named("weight", 24));
  blob.node(NodeKind::NodeKind_FullyConnected, xnn::CreateFullyConnected(blob.builder(), x, w, kNoXnnpackId, y, 1));
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  const auto named = [&](std::string_view key) { return key == "weight" ? std::as_bytes(std::span(numbers)) : std::span<const std::byte>(); };
  EXPECT_EQ(computed(imported(blob, {{{1, 2}, {1, 10}}}, named)), (std::vector<float>{41, 52, 63}));
}

TEST(XnnpackImport, NamedConstantThatIsMissing) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({1, 2}), y = blob.output({1, 2}), w = blob.value({2}, xnn::Datatype_f32, blob.named("lost", 8));
  blob.binary(NodeKind::NodeKind_Add, x, w, y);
  EXPECT_NE(refused(blob, {{{1, 2}, {1, 2}}}).find("node 0 (Add): constant 1: no data of name \"lost\" (expected 8)"), std::string::npos);
}

// x [n, c, h, w] -> channels last -> two convolutions and their sum -> back: nothing of the layouts is left.
TEST(XnnpackImport, LayoutsCancel) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({1, 2, 3, 3}), y = blob.output({1, 2, 3, 3});
  const uint32_t last = blob.value({1, 3, 3, 2}), a = blob.value({1, 3, 3, 2}), d = blob.value({1, 3, 3, 2}), sum = blob.value({1, 3, 3, 2});
  const std::vector<uint32_t> to_last = {0, 2, 3, 1}, back = {0, 3, 1, 2};
  const std::vector<float> dense = ramp(2 * 3 * 3 * 2), taps = ramp(3 * 3 * 2);
  const uint32_t w = blob.constant<float>({2, 3, 3, 2}, dense), u = blob.constant<float>({1, 3, 3, 2}, taps), bias = blob.constant<float>({2}, {1, -2});
  auto& b = blob.builder();
  blob.node(NodeKind::NodeKind_StaticTranspose, xnn::CreateStaticTransposeDirect(b, 4, &to_last, x, last));
  blob.node(NodeKind::NodeKind_Conv2d, xnn::CreateConvolution(b, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 2, 2, 1, 0, 0, last, w, bias, a), 0, INFINITY);
  blob.node(NodeKind::NodeKind_DepthwiseConv2d, xnn::CreateConvolution(b, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, 2, 0, 0, a, u, kNoXnnpackId, d));
  blob.binary(NodeKind::NodeKind_Add, a, d, sum);
  blob.node(NodeKind::NodeKind_StaticTranspose, xnn::CreateStaticTransposeDirect(b, 4, &back, sum, y));
  const std::vector<float> in = ramp(18);
  const Imported program = imported(blob, {{{1, 2, 3, 3}, in}});
  EXPECT_EQ(count(program.graph, "aten::convolution"), 2);
  EXPECT_EQ(count(program.graph, "aten::permute"), 0);
  const auto conv = [](const std::vector<float>& image, auto weight, const float* add, bool depthwise) {
    std::vector<float> out(18);
    for (int o = 0; o < 2; ++o)
      for (int i = 0; i < 9; ++i) {
        float total = add ? add[o] : 0;
        for (int c = depthwise ? o : 0; c < (depthwise ? o + 1 : 2); ++c)
          for (int t = 0; t < 9; ++t) {
            const int r = i / 3 + t / 3 - 1, s = i % 3 + t % 3 - 1;
            if (r >= 0 && r < 3 && s >= 0 && s < 3) total += image[static_cast<size_t>(c * 9 + r * 3 + s)] * weight(o, t, c);
          }
        out[static_cast<size_t>(o * 9 + i)] = total;
      }
    return out;
  };
  const float shift[] = {1, -2};
  std::vector<float> first = conv(in, [&](int o, int t, int c) { return dense[static_cast<size_t>((o * 9 + t) * 2 + c)]; }, shift, false);
  for (float& v : first) v = std::max(v, 0.0f);
  std::vector<float> expected = conv(first, [&](int o, int t, int) { return taps[static_cast<size_t>(t * 2 + o)]; }, nullptr, true);
  for (size_t i = 0; i < 18; ++i) expected[i] += first[i];
  EXPECT_EQ(computed(program), expected);
}

TEST(XnnpackImport, MovementsFollowTheLayout) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({1, 2, 2, 3}), y = blob.output({12});  // [n, c, h, w]
  const uint32_t last = blob.value({1, 2, 3, 2}), joined = blob.value({1, 2, 3, 4}), cut = blob.value({1, 2, 3, 2});
  const std::vector<uint32_t> to_last = {0, 2, 3, 1}, offsets = {0, 0, 0, 1}, sizes = {1, 2, 0, 2}, flat = {0};
  auto& b = blob.builder();
  blob.node(NodeKind::NodeKind_StaticTranspose, xnn::CreateStaticTransposeDirect(b, 4, &to_last, x, last));
  blob.node(NodeKind::NodeKind_Concatenate2, xnn::CreateConcatenate(b, 3, last, last, kNoXnnpackId, kNoXnnpackId, joined, 0, kNoXnnpackId));
  blob.node(NodeKind::NodeKind_StaticSlice, xnn::CreateStaticSliceDirect(b, 4, &offsets, &sizes, joined, cut));
  blob.node(NodeKind::NodeKind_StaticReshape, xnn::CreateStaticReshapeDirect(b, 1, &flat, cut, y));
  EXPECT_EQ(run(blob, {{{1, 2, 2, 3}, {0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15}}}), (std::vector<float>{10, 0, 11, 1, 12, 2, 13, 3, 14, 4, 15, 5}));
}

TEST(XnnpackImport, PoolsAndTheirPadding) {
  for (const uint32_t behind : {0u, 1u, 3u}) {  // as it is, as ceil_mode, as nothing of ATen's
    XnnpackBlob blob;
    const uint32_t x = blob.input({1, 3, 3, 1}), size = (3 + behind - 2) / 2 + 1, y = blob.output({1, size, size, 1});
    blob.node(NodeKind::NodeKind_MaxPooling2d, xnn::CreatePooling2d(blob.builder(), 0, behind, behind, 0, 2, 2, 2, 2, 1, 1, x, y));
    const auto got = run(blob, {{{1, 3, 3, 1}, {1, 9, 2, 3, 4, 5, 6, 7, 8}}});
    ASSERT_EQ(got.size(), size * size);
    EXPECT_EQ(got[0], 9);
    const std::vector<float> expected[] = {{9}, {9, 5, 7, 8}, {9, 5, -INFINITY, 7, 8, -INFINITY, -INFINITY, -INFINITY, -INFINITY}};
    EXPECT_EQ(got, expected[size - 1]);
  }
}

TEST(XnnpackImport, RefusesWhatDoesNotFit) {
  XnnpackBlob early;
  const uint32_t x = early.input({2}), middle = early.value({2}), y = early.output({2});
  early.binary(NodeKind::NodeKind_Add, x, middle, y);
  EXPECT_NE(refused(early, {{{2}, {1, 2}}}).find("value 1, f32[2], is used before it is computed"), std::string::npos);
  XnnpackBlob twice;
  const uint32_t u = twice.input({2}), v = twice.output({2});
  twice.unary(NodeKind::NodeKind_Abs, u, v);
  twice.unary(NodeKind::NodeKind_Negate, u, v);
  EXPECT_NE(refused(twice, {{{2}, {1, 2}}}).find("is computed twice"), std::string::npos);
  XnnpackBlob rank;
  const uint32_t r = rank.input({2, 2}), s = rank.output({2});
  rank.unary(NodeKind::NodeKind_Abs, r, s);
  EXPECT_NE(refused(rank, {{{2, 2}, {1, 2, 3, 4}}}).find("value 1, f32[2], gets f32[2,2]"), std::string::npos);
  XnnpackBlob bounds;
  const uint32_t p = bounds.input({2}), q = bounds.output({2});
  bounds.node(NodeKind::NodeKind_Clamp, xnn::CreateUnary(bounds.builder(), p, q), 3, 2);
  EXPECT_NE(refused(bounds, {{{2}, {1, 2}}}).find("results between"), std::string::npos);
}

// Integers as XNNPACK's scalar kernels have them.
TEST(XnnpackImport, Int8LinearAndSum) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({1, 3}), y = blob.output({1, 2});
  const uint32_t qx = blob.quantized({1, 3}, 0.5f, 2), qy = blob.quantized({1, 2}, 0.25f, -3), sum = blob.quantized({1, 2}, 0.5f, 1);
  const uint32_t scales = blob.data(std::vector<float>{0.125f, 0.5f});
  const uint32_t w = blob.quantized_as({2, 3}, xnn::Datatype_qcs8, blob.data(std::vector<int8_t>{1, -2, 3, 4, 5, -6}), xnn::Quantization_PerChannel,
                                       xnn::CreatePerChannel(blob.builder(), 0, 0, scales, 2).Union());
  const uint32_t bias = blob.quantized_as({2}, xnn::Datatype_qcs32, blob.data(std::vector<int32_t>{7, -9}), xnn::Quantization_PerChannel,
                                          xnn::CreatePerChannel(blob.builder(), 0, 0, scales, 2).Union());
  blob.unary(NodeKind::NodeKind_Convert, x, qx);
  blob.node(NodeKind::NodeKind_FullyConnected, xnn::CreateFullyConnected(blob.builder(), qx, w, bias, qy), -10, 4);
  blob.binary(NodeKind::NodeKind_Add, qy, qy, sum);
  blob.unary(NodeKind::NodeKind_Convert, sum, y);
  // x becomes 2 + (2, -3, 20); sums 2 + 6 + 60 + 7 = 75 and 8 - 15 - 120 - 9 = -136; times 0.25 and 1: 19 - 3 (rounded from 18.75, below
  // the bound 4 / 0.25 - 3 = 13) and -136 - 3, above -128 and the bound -10 / 0.25 - 3 = -43; twice 4 and twice -10.
  EXPECT_EQ(run(blob, {{{1, 3}, {1, -1.5f, 10}}}), (std::vector<float>{8, -20}));
}

TEST(XnnpackImport, FourBitsByGroups) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({1, 4}), y = blob.output({1, 1});
  const uint32_t qx = blob.quantized_as({1, 4}, xnn::Datatype_qds8, 0, xnn::Quantization_PerTokenDynamic, xnn::CreatePerTokenDynamic(blob.builder(), 1).Union());
  const uint32_t scales = blob.data(std::vector<uint16_t>{f32_to_bf16(0.5f), f32_to_bf16(2.0f)});
  // 1, -8; 7, 0
  const uint32_t w = blob.quantized_as({1, 4}, xnn::Datatype_qbs4, blob.data(std::vector<uint8_t>{0x09, 0x8f}), xnn::Quantization_PerChannelGroup,
                                       xnn::CreatePerChannelGroup(blob.builder(), 0, 0, 2, 0, scales, 2).Union());
  blob.unary(NodeKind::NodeKind_Convert, x, qx);
  blob.node(NodeKind::NodeKind_FullyConnected, xnn::CreateFullyConnected(blob.builder(), qx, w, kNoXnnpackId, y));
  // 0 to 255 in steps of 1: integers are what the numbers are.
  const auto got = run(blob, {{{1, 4}, {3, 0, 255, 9}}});
  ASSERT_EQ(got.size(), 1u);
  EXPECT_NEAR(got[0], 0.5f * 3 + 2 * 7 * 255, 1e-3f);
}

}  // namespace
}  // namespace portfire
