// The graph of an XNNPACK delegate while it is written: its values in either layout, its constants, its nodes, its file.
//
// Windows (convolutions, pooling, resizing) want [n, h, w, c]: each value of rank 4 exists in either layout, or in both where both are
// asked for, with a transposition between them. What goes in and out of the delegate is row-major.
#pragma once

#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "compiler/emit/named_constants.h"
#include "compiler/ir/graph.h"
#include "xnnpack_generated.h"

namespace portfire::emit::xnnpack {

inline constexpr uint32_t kNone = UINT32_MAX;
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

enum Layout : size_t { row_major, channels_last };
inline constexpr std::array<uint32_t, 4> kToLast{0, 2, 3, 1}, kToFirst{0, 3, 1, 2};

using Sizes = std::vector<uint32_t>;

struct Bounds {
  float low = -kInfinity, high = kInfinity;
};

// Arguments of nodes.
inline ir::ValueId operand(const ir::Node& n, size_t k) { return n.args[k].ref()->id; }
inline double number(const ir::Arg& a) { return a.real() ? *a.real() : static_cast<double>(*a.integer()); }
uint32_t item(const ir::Arg& list, size_t i, uint32_t if_empty = 0);

// XNNPACK's type of that name; only f32 and f16 are delegated.
inline xnn::Datatype datatype(DType t) { return t == DType::f16 ? xnn::Datatype_f16 : xnn::Datatype_f32; }

Sizes permuted(const Sizes& s, const std::array<uint32_t, 4>& order);
// The numbers of a constant of rank 4 with its dimensions in another order.
std::vector<float> reordered(const std::vector<float>& from, const Sizes& dims, const std::array<uint32_t, 4>& order);
// What a clamping node (relu, hardtanh, clamp) clamps to; nullopt: it is none.
std::optional<Bounds> bounds_of(const ir::Node& n);

class Writer {
 public:
  Writer(const ir::Graph& g, NamedConstants& constants);
  // The delegate's file, after all nodes.
  std::vector<uint8_t> finish();

  // `v` as an operand.
  uint32_t id(ir::ValueId v, Layout layout = row_major);
  // Where the result goes that stands for `v`. One that leaves the delegate does so row-major: after the node of a result that may have
  // channels last comes `leave`.
  uint32_t result(ir::ValueId v, Layout layout = row_major);
  void leave(ir::ValueId v);
  // A value that stands for none of the graph.
  uint32_t value(DType dtype, const Sizes& dims) { return value(dtype, dims, kNone); }
  uint32_t constant(DType dtype, const Sizes& dims, const std::vector<float>& numbers);

  const ir::Graph& graph() const { return g_; }
  // The most that its sizes can be.
  Sizes sizes(ir::ValueId v) const;
  Sizes sizes(ir::ValueId v, Layout layout) const { return layout == row_major ? sizes(v) : permuted(sizes(v), kToLast); }
  int rank(ir::ValueId v) const { return g_.type(v).rank(); }
  DType dtype(ir::ValueId v) const { return g_.type(v).dtype; }
  bool is_constant(ir::ValueId v) const { return g_.values[v].constant != nullptr; }
  std::vector<float> numbers(ir::ValueId v) const;  // of a constant
  // Whether it is there with its channels last.
  bool is_last(ir::ValueId v) const { return !is_constant(v) && ids_[v][channels_last] != kNone; }
  Layout layout_of(ir::ValueId v) const { return is_last(v) ? channels_last : row_major; }

  flatbuffers::FlatBufferBuilder& out() { return out_; }
  template <class T>
  void push(xnn::NodeKind kind, flatbuffers::Offset<T> node, std::optional<Bounds> bounds = std::nullopt) {
    flatbuffers::Offset<xnn::OutputMinMax> fused;
    if (bounds) fused = xnn::CreateOutputMinMax(out_, bounds->low, bounds->high);
    nodes_.push_back(xnn::CreateNode(out_, kind, node.Union(), static_cast<uint32_t>(nodes_.size()), fused));
  }
  void transpose(uint32_t from, uint32_t to, const Sizes& order);
  void reshape(uint32_t from, uint32_t to, const Sizes& dims);  // one of them may be 0: found when it runs
  // To the sizes of `v`, of which one at the most is not known.
  void reshape_like(uint32_t from, uint32_t to, ir::ValueId v);

  // An activation that alone uses `v` is computed with the node that makes it: its bounds; `v` is then its result.
  std::optional<Bounds> fused(ir::ValueId* v);
  bool is_done(const ir::Node& n) const;

 private:
  uint32_t value(DType dtype, const Sizes& dims, uint32_t external, uint32_t flags = 0, uint32_t constant = 0);
  uint32_t constant(DType dtype, const Sizes& dims, NamedConstants::Bytes bytes);
  std::vector<uint8_t> with_header() const;

  const ir::Graph& g_;
  NamedConstants& constants_;
  flatbuffers::FlatBufferBuilder out_;
  std::vector<std::array<uint32_t, 2>> ids_;  // by value and layout
  std::vector<uint32_t> external_;            // of results that leave: their place among the arguments
  std::vector<std::vector<const ir::Node*>> uses_;
  std::vector<const ir::Node*> done_;
  std::vector<flatbuffers::Offset<xnn::Node>> nodes_;
  std::vector<flatbuffers::Offset<xnn::Value>> values_;
  std::vector<flatbuffers::Offset<xnn::ConstantData>> constant_data_;
  std::vector<uint32_t> inputs_, outputs_;
};

// Nodes of windows (compiler/emit/xnnpack_windows.cc).
void convolution(Writer& w, const ir::Node& n);
void pool(Writer& w, const ir::Node& n, bool average);
void mean(Writer& w, const ir::Node& n);
void resize(Writer& w, const ir::Node& n);

}  // namespace portfire::emit::xnnpack
