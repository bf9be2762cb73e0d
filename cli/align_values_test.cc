// Alignment of what two programs compute, and where they begin to differ.
#include "cli/align_values.h"

#include <cmath>

#include <gtest/gtest.h>

#include "cli/inputs.h"
#include "cli/measure_pairs.h"
#include "cli/trace_values.h"
#include "compiler/driver/compile.h"
#include "core/file_map.h"

namespace portfire::cli {
namespace {

// A trace made by hand: values are functions of a seed, so that two programs have the same value where they have the same seed.
class Maker {
 public:
  int32_t add(std::string op, int seed, std::vector<int32_t> from, double error = 0, std::vector<int64_t> sizes = {4, 6},
              std::string source = "") {
    TensorView t = TensorView::of(nullptr, DType::f32, sizes);
    std::vector<float> data(static_cast<size_t>(t.numel()));
    unsigned state = static_cast<unsigned>(seed) * 7919 + 13;
    for (float& x : data) x = static_cast<float>((state = state * 1664525 + 1013904223) >> 8) / (1 << 23) - 1;
    for (size_t i = 0; i < data.size(); ++i) data[i] += static_cast<float>(error * (i % 3 ? 1 : -1));
    t.data = data.data();
    trace.values.push_back({trace.values.size(), std::move(op), std::move(source), t.dtype, t.shape, summarize(t), std::move(from)});
    return static_cast<int32_t>(trace.values.size()) - 1;
  }
  Trace trace;
};

std::vector<std::pair<int, int>> places(const std::vector<Pair>& pairs) {
  std::vector<std::pair<int, int>> p;
  for (const Pair& pair : pairs) p.emplace_back(pair.a, pair.b);
  return p;
}

using Places = std::vector<std::pair<int, int>>;

// By samples, which here are all elements.
std::vector<bool> differences(const Trace& a, const Trace& b, const std::vector<Pair>& pairs) {
  std::vector<bool> d;
  for (const Pair& p : pairs)
    d.push_back(!agree(a.values[static_cast<size_t>(p.a)].summary, b.values[static_cast<size_t>(p.b)].summary, 1e-4));
  return d;
}

TEST(Align, WhatOneCompilerFusedStaysAlone) {
  Maker a, b;
  a.add("aten::conv", 1, {-1});
  a.add("aten::relu", 2, {0});
  a.trace.outputs = {a.add("aten::mm", 3, {1})};
  b.add("portfire::packed_conv2d", 2, {-1});
  b.trace.outputs = {b.add("portfire::packed_linear", 3, {0})};
  EXPECT_EQ(places(align(a.trace, b.trace, 1e-4)), (Places{{1, 0}, {2, 1}}));
}

TEST(Align, BranchesInAnotherOrder) {
  Maker a, b;
  for (int s : {1, 2, 3, 4}) a.add("f", s, {-1});
  for (int s : {3, 4, 1, 2}) b.add("f", s, {-1});
  EXPECT_EQ(places(align(a.trace, b.trace, 1e-4)), (Places{{2, 0}, {3, 1}, {0, 2}, {1, 3}}));
}

TEST(Align, SizesAndClassesKeepApart) {
  Maker a, b;
  a.add("f", 1, {-1}, 0, {4, 6});
  b.add("f", 1, {-1}, 0, {5, 5});
  EXPECT_TRUE(align(a.trace, b.trace, 1e-4).empty());
  b.trace.values[0].shape = a.trace.values[0].shape;
  b.trace.values[0].dtype = DType::i32;
  EXPECT_TRUE(align(a.trace, b.trace, 1e-4).empty());
  b.trace.values[0].dtype = DType::bf16;  // floating as well
  b.trace.values[0].summary = a.trace.values[0].summary;
  EXPECT_EQ(align(a.trace, b.trace, 1e-4).size(), 1u);
}

TEST(Align, AReshapeIsTheSameValue) {
  Maker a, b;
  a.add("f", 1, {-1}, 0, {4, 6});
  b.add("f", 1, {-1}, 0, {2, 12});
  const auto pairs = align(a.trace, b.trace, 1e-4);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_FALSE(pairs[0].permuted);
}

// A cube: its sizes do not tell that dimensions lie in another order.
TEST(Align, AnotherOrderOfEqualSizes) {
  std::vector<float> x(64), y(64);
  for (size_t i = 0; i < 64; ++i) x[i] = static_cast<float>(i);
  for (size_t i = 0; i < 64; ++i) y[(i % 4) * 16 + i / 4] = x[i];
  Trace a, b;
  a.values.push_back({0, "f", "", DType::f32, TensorView::of(x.data(), {4, 4, 4}).shape, summarize(TensorView::of(x.data(), {4, 4, 4})), {-1}});
  b.values.push_back({0, "f", "", DType::f32, TensorView::of(y.data(), {4, 4, 4}).shape, summarize(TensorView::of(y.data(), {4, 4, 4})), {-1}});
  const auto pairs = align(a, b, 1e-4);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_TRUE(pairs[0].permuted);
  const Measured m = measure(TensorView::of(x.data(), {4, 4, 4}), TensorView::of(y.data(), {4, 4, 4}), pairs[0], 1e-4);
  EXPECT_EQ(m.difference.largest, 0);
}

TEST(Align, ErrorThatGrowsKeepsValuesTogether) {
  Maker a, b;
  for (int s = 0; s < 8; ++s) {
    a.add("f", s, {s - 1});
    b.add("f", s, {s - 1}, 0.01 * s);
  }
  const auto pairs = align(a.trace, b.trace, 1e-4);
  ASSERT_EQ(pairs.size(), 8u);
  for (int s = 0; s < 8; ++s) EXPECT_EQ(pairs[static_cast<size_t>(s)].a, s);
  for (const Pair& p : pairs) EXPECT_TRUE(p.strong);
}

// Equal values, as after a copy, are told apart by their order.
TEST(Align, CopiesStayInOrder) {
  Maker a, b;
  a.add("f", 1, {-1});
  a.add("aten::clone", 1, {0});
  a.add("g", 2, {1});
  b.add("f", 1, {-1});
  b.add("aten::clone", 1, {0});
  b.add("g", 2, {1});
  EXPECT_EQ(places(align(a.trace, b.trace, 1e-4)), (Places{{0, 0}, {1, 1}, {2, 2}}));
}

TEST(FindFirst, TheOperatorWhoseOperandsAgree) {
  Maker a, b;
  a.add("f", 1, {-1});
  a.add("g", 2, {0});
  a.add("h", 3, {1});
  a.trace.outputs = {a.add("k", 4, {2})};
  b.add("f", 1, {-1});
  b.add("g", 12, {0});  // wrong
  b.add("h", 13, {1});
  b.trace.outputs = {b.add("k", 14, {2})};
  const auto pairs = align(a.trace, b.trace, 1e-4);
  const Blame blame = find_first(a.trace, b.trace, pairs, differences(a.trace, b.trace, pairs));
  ASSERT_GE(blame.pair, 0);
  EXPECT_EQ(pairs[static_cast<size_t>(blame.pair)].b, 1);
  EXPECT_EQ(pairs[static_cast<size_t>(blame.pair)].a, 1);
  ASSERT_EQ(blame.agreed.size(), 1u);
  EXPECT_EQ(pairs[static_cast<size_t>(blame.agreed[0])].b, 0);
}

// b computes in one step what a computes in two: both are told.
TEST(FindFirst, ThroughValuesThatOnlyOneHas) {
  Maker a, b;
  a.add("f", 1, {-1});
  a.add("g", 2, {0}, 0, {3, 3});
  a.trace.outputs = {a.add("h", 3, {1})};
  b.add("f", 1, {-1});
  b.trace.outputs = {b.add("gh", 3, {0}, 0.5)};
  const auto pairs = align(a.trace, b.trace, 1e-4);
  const Blame blame = find_first(a.trace, b.trace, pairs, differences(a.trace, b.trace, pairs));
  ASSERT_GE(blame.pair, 0);
  EXPECT_EQ(blame.between_a, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(blame.between_b, (std::vector<int32_t>{1}));
}

// Two values that have only their sizes in common, computed of different things, are not taken for one that differs.
TEST(FindFirst, WhatHappensToFitIsNotBelieved) {
  Maker a, b;
  a.add("f", 1, {-1});
  a.add("p", 2, {-2});
  a.add("left", 20, {0});
  a.add("g", 3, {1}, 0, {3, 8});
  a.trace.outputs = {a.add("h", 4, {2, 3})};
  b.add("f", 1, {-1});
  b.add("p", 2, {-2});
  b.add("right", 30, {1});
  b.add("g", 3, {1}, 0.3, {3, 8});
  b.trace.outputs = {b.add("h", 14, {2, 3, 0})};
  const auto pairs = align(a.trace, b.trace, 1e-4);
  const Blame blame = find_first(a.trace, b.trace, pairs, differences(a.trace, b.trace, pairs));
  ASSERT_GE(blame.pair, 0);
  EXPECT_EQ(pairs[static_cast<size_t>(blame.pair)].b, 3);
}

TEST(FindFirst, NothingDiffers) {
  Maker a;
  a.add("f", 1, {-1});
  a.trace.outputs = {a.add("g", 2, {0})};
  const auto pairs = align(a.trace, a.trace, 1e-4);
  EXPECT_EQ(find_first(a.trace, a.trace, pairs, std::vector<bool>(pairs.size())).pair, -1);
}

TEST(Summarize, CountsAndSamples) {
  std::vector<float> x(1000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  x[500] = NAN;
  x[501] = INFINITY;
  const Summary s = summarize(TensorView::of(x.data(), {10, 100}));
  EXPECT_EQ(s.count, 1000u);
  EXPECT_EQ(s.nans, 1u);
  EXPECT_EQ(s.infinities, 1u);
  EXPECT_EQ(s.low, 0);
  EXPECT_EQ(s.high, 999);
  EXPECT_EQ(s.samples.size(), kSamples);
  // The same in another layout: samples go by indices, not by memory.
  TensorView turned = TensorView::of(x.data(), {100, 10});
  std::swap(turned.shape.sizes[0], turned.shape.sizes[1]);
  turned.strides[0] = 1;
  turned.strides[1] = 10;
  EXPECT_EQ(summarize(turned).samples[1], 30);
  EXPECT_EQ(summarize(TensorView::of(x.data(), {0, 3})).samples.size(), 0u);
}

TEST(Measure, FindsTheOrderOfDimensions) {
  std::vector<float> x(24), y(24);
  for (size_t i = 0; i < 24; ++i) x[i] = static_cast<float>(i * i);
  for (size_t i = 0; i < 4; ++i)
    for (size_t j = 0; j < 6; ++j) y[j * 4 + i] = x[i * 6 + j];
  y[0] += 2;
  const Measured m = measure(TensorView::of(x.data(), {1, 4, 6}), TensorView::of(y.data(), {6, 4}), {.permuted = true}, 1e-4);
  EXPECT_FLOAT_EQ(static_cast<float>(m.difference.largest), 2);
  EXPECT_EQ(m.value_b, 2);
  EXPECT_EQ(m.value_a, 0);
  const Measured other = measure(TensorView::of(x.data(), {4, 6}), TensorView::of(y.data(), {4, 5}), {}, 1e-4);
  EXPECT_FALSE(other.difference.same_shape);
}

// Values of a program with state, over two calls: however little may be held at a time, all are measured, each against its own.
TEST(Measure, InAsManyRunsAsMemoryWants) {
  const auto archive = FileMap::open((std::string(PORTFIRE_SOURCE_DIR) + "/tests/corpus/state.pt2").c_str());
  ASSERT_TRUE(archive.ok());
  const auto bytes = compile_bytes(archive->bytes());
  ASSERT_TRUE(bytes.ok());
  const auto program = Program::from_bytes(*bytes);
  auto a = Method::load(*program, "forward", {}), b = Method::load(*program, "forward", {});
  ASSERT_TRUE(a.ok() && b.ok());
  Calls calls;
  std::vector<Trace> traces;
  std::vector<std::vector<Pair>> pairs;
  Tracer tracer(**a);
  for (int call = 0; call < 2; ++call) {
    calls.a.push_back(*read_inputs(**a, {}));
    calls.b.push_back(*read_inputs(**a, {}));
    traces.push_back(*tracer.trace(calls.a.back()));
    pairs.push_back(align(traces.back(), traces.back(), 1e-4));
    ASSERT_FALSE(pairs.back().empty());
  }
  for (const size_t most : {size_t{1}, size_t{16}, SIZE_MAX}) {
    const auto measured = measure(**a, **b, calls, pairs, 1e-4, most);
    ASSERT_TRUE(measured.ok());
    for (size_t c = 0; c < 2; ++c) {
      ASSERT_EQ((*measured)[c].size(), pairs[c].size());
      for (size_t p = 0; p < pairs[c].size(); ++p) {
        const Measured& m = (*measured)[c][p];
        EXPECT_EQ(m.pair.a, pairs[c][p].a);
        EXPECT_TRUE(m.difference.same_shape);
        EXPECT_EQ(m.difference.largest, 0);
      }
    }
  }
  // Another input in the first call of b: its values differ.
  for (std::byte& x : calls.b[0][0].bytes) x = std::byte{0};
  const auto measured = measure(**a, **b, calls, pairs, 1e-4, 1);
  ASSERT_TRUE(measured.ok());
  bool differs = false;
  for (const Measured& m : (*measured)[0]) differs |= m.difference.largest > 0;
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace portfire::cli
