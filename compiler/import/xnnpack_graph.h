// The importer of one XNNPACK delegate.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/import/xnnpack.h"
#include "format/xnnpack_view.h"

namespace portfire::import {

// Dimensions of a tensor: value[i] is dimension order[i] of its base. Empty: value and base are the same.
using Order = std::vector<int64_t>;
// A value with channels last whose base is [n, c, h, w].
inline const Order kChannelsLast = {0, 2, 3, 1};

class XnnpackImporter {
 public:
  XnnpackImporter(ir::Builder& build, const XnnpackView& view, const NamedBytes& named, std::shared_ptr<const void> owner)
      : b_(build), view_(view), named_(named), owner_(std::move(owner)), values_(view.values()) {}

  std::vector<ir::Tensor> run(const std::vector<ir::Tensor>& inputs);

 private:
  using Tensor = ir::Tensor;
  // What the graph has of a value: it is `base` with its dimensions in `order`. Of a value that is quantized when the program runs,
  // `base` is what is quantized.
  struct Value {
    Tensor base;
    Order order;
  };
  // Bounds of a node's results.
  struct Bounds {
    float low, high;
  };
  // One scale and zero point.
  struct Affine {
    double scale = 1;
    int64_t zero = 0;
    friend bool operator==(const Affine&, const Affine&) = default;
  };

  // --- values (xnnpack_values.cc) ---
  void take_inputs(const std::vector<ir::Tensor>& inputs);
  std::vector<ir::Tensor> give_outputs(size_t inputs);
  std::span<const std::byte> bytes_of(uint32_t constant) const;
  Tensor constant(uint32_t id);
  Tensor constant_of(const ir::Type& type, std::span<const std::byte> bytes) const;
  Value& use(uint32_t id);
  const Order& order_of(uint32_t id) { return use(id).order; }
  xnn::Datatype datatype(uint32_t id) const { return view_.value(id).datatype(); }
  int rank(uint32_t id) const { return static_cast<int>(view_.value(id).num_dims()); }
  bool is_constant(uint32_t id) const { return view_.value(id).constant_buffer_idx() != 0; }
  // Dimension of the base that dimension `d` of a value in `order` is.
  static int64_t base_dim(const Order& order, int64_t d) { return order.empty() ? d : order[static_cast<size_t>(d)]; }
  // The tensor of which the value is a view in `order`, integers as they are.
  Tensor raw(uint32_t id, const Order& order = {});
  // The same as real numbers.
  Tensor real(uint32_t id, const Order& order = {});
  // The same in f32.
  Tensor wide(uint32_t id, const Order& order = {}) { return b_.cast(real(id, order), DType::f32); }
  // The same with ones in front where the value has fewer dimensions than `order`.
  Tensor broadcast(uint32_t id, const Order& order);
  void define(uint32_t id, Tensor base, const Order& order);
  // The result of a node: real numbers are converted to what the value holds.
  void result(uint32_t id, Tensor base, const Order& order = {});
  Tensor permuted(Tensor t, const Order& dims);

  // --- nodes (xnnpack.cc, xnnpack_windows.cc) ---
  void node(const xnn::Node& n);
  bool unary(const xnn::Node& n);
  bool binary(const xnn::Node& n);
  bool movement(const xnn::Node& n);
  bool product(const xnn::Node& n);
  bool window(const xnn::Node& n);
  Bounds bounds(const xnn::Node& n) const;
  Tensor clamped(Tensor t, Bounds bounds);
  void expect_flags(uint32_t flags, uint32_t known) const;
  void slice(const xnn::StaticSlice& n);
  void pad(const xnn::StaticConstantPad& n);
  void concatenate(const xnn::Node& n);
  void attention(const xnn::Attention& n);
  void fully_connected(const xnn::FullyConnected& n, Bounds bounds);
  void convolution(const xnn::Convolution& n, xnn::NodeKind kind, Bounds bounds);
  void max_pool(const xnn::Pooling2d& n, Bounds bounds);
  void average_pool(const xnn::Pooling2d& n, Bounds bounds);
  void arg_max_pool(const xnn::ArgMaxPooling2d& n);

  // --- quantized values (xnnpack_quantized.cc) ---
  bool is_qs8(uint32_t id) const { return datatype(id) == xnn::Datatype_qs8; }
  Affine affine(uint32_t id) const;  // of a value with one scale
  // Whether two values are int8 of the same scale and zero point: what only moves numbers leaves them as they are.
  bool same_integers(uint32_t a, uint32_t b) const { return is_qs8(a) && is_qs8(b) && affine(a) == affine(b); }
  Tensor quantize(Tensor t, Affine q);
  Tensor dequantize(Tensor t, Affine q);
  std::pair<int64_t, int64_t> integer_bounds(Bounds bounds, Affine q) const;
  std::vector<float> scales_of(uint32_t id, int64_t channels) const;
  void convert(uint32_t from, uint32_t to);
  bool quantized_binary(const xnn::Binary& n, xnn::NodeKind kind, Bounds bounds);
  void fully_connected_qs8(const xnn::FullyConnected& n, Bounds bounds);
  void fully_connected_qd8(const xnn::FullyConnected& n, Bounds bounds);
  void convolution_qs8(const xnn::Convolution& n, xnn::NodeKind kind, Bounds bounds);
  void convolution_qd8(const xnn::Convolution& n, xnn::NodeKind kind, Bounds bounds);
  Tensor multipliers(uint32_t input, uint32_t filter, uint32_t output, int64_t channels);

  [[noreturn]] static void refuse(std::string why) { throw ir::Refusal{Code::unsupported, std::move(why)}; }
  [[noreturn]] static void reject(std::string why) { throw ir::Refusal{Code::bad_file, std::move(why)}; }
  std::string text_of(uint32_t id) const;  // "value 4, qs8[1,3,8]"

  ir::Builder& b_;
  const XnnpackView& view_;
  const NamedBytes& named_;
  std::shared_ptr<const void> owner_;
  std::vector<Value> values_;
  std::map<std::pair<uint32_t, Order>, Tensor> permuted_;
};

}  // namespace portfire::import
