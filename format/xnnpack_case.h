// For tests: blobs of XNNPACK delegates, built value by value and node by node.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "format/xnnpack_view.h"

namespace portfire {

class XnnpackBlob {
 public:
  using Dims = std::vector<uint32_t>;

  // Ids are given in the order of calls.
  uint32_t value(const Dims& dims, xnn::Datatype datatype = xnn::Datatype_f32, uint32_t constant = 0, uint32_t external = kNoXnnpackId, uint32_t flags = 0) {
    return add(xnn::ValueKind_TensorValue, tensor(dims, datatype, constant, external, flags).Union());
  }
  uint32_t input(const Dims& dims, xnn::Datatype datatype = xnn::Datatype_f32) {
    inputs_.push_back(value(dims, datatype, 0, externals_++, 1));
    return inputs_.back();
  }
  uint32_t output(const Dims& dims, xnn::Datatype datatype = xnn::Datatype_f32) {
    outputs_.push_back(value(dims, datatype, 0, externals_++, 2));
    return outputs_.back();
  }
  template <class T>
  uint32_t constant(const Dims& dims, const std::vector<T>& numbers, xnn::Datatype datatype = xnn::Datatype_f32) {
    return value(dims, datatype, data(numbers));
  }
  // int8, or int32, of one scale.
  uint32_t quantized(const Dims& dims, float scale, int zero, xnn::Datatype datatype = xnn::Datatype_qs8, uint32_t constant = 0) {
    return quantized_as(dims, datatype, constant, xnn::Quantization_PerTensor, xnn::CreatePerTensor(b_, scale, zero).Union());
  }
  uint32_t quantized_as(const Dims& dims, xnn::Datatype datatype, uint32_t constant, xnn::Quantization kind, flatbuffers::Offset<void> quantization) {
    const auto t = tensor(dims, datatype, constant, kNoXnnpackId, 0);
    return add(xnn::ValueKind_QuantizedValue, xnn::CreateQuantizedValue(b_, t, kind, quantization).Union());
  }
  // Bytes behind the graph; gives the index of the constant.
  template <class T>
  uint32_t data(const std::vector<T>& numbers) {
    bytes_.resize((bytes_.size() + 15) / 16 * 16);
    const size_t offset = bytes_.size(), size = numbers.size() * sizeof(T);
    bytes_.resize(offset + size);
    if (size) std::memcpy(bytes_.data() + offset, numbers.data(), size);
    constants_.push_back(xnn::CreateConstantData(b_, offset, size));
    return static_cast<uint32_t>(constants_.size());
  }
  uint32_t named(const std::string& key, uint64_t size) {
    constants_.push_back(xnn::CreateConstantDataDirect(b_, UINT64_MAX, size, key.c_str()));
    return static_cast<uint32_t>(constants_.size());
  }
  template <class T>
  void node(xnn::NodeKind kind, flatbuffers::Offset<T> n) {
    nodes_.push_back(xnn::CreateNode(b_, kind, n.Union()));
  }
  template <class T>
  void node(xnn::NodeKind kind, flatbuffers::Offset<T> n, float low, float high) {
    nodes_.push_back(xnn::CreateNode(b_, kind, n.Union(), 0, xnn::CreateOutputMinMax(b_, low, high)));
  }
  void unary(xnn::NodeKind kind, uint32_t from, uint32_t to) { node(kind, xnn::CreateUnary(b_, from, to)); }
  void binary(xnn::NodeKind kind, uint32_t a, uint32_t b, uint32_t to) { node(kind, xnn::CreateBinary(b_, a, b, to)); }
  flatbuffers::FlatBufferBuilder& builder() { return b_; }

  // 8-byte aligned, as a file in memory is.
  std::vector<uint64_t> finish(bool header = true) {
    std::vector<flatbuffers::Offset<xnn::ConstantData>> constants = {xnn::CreateConstantData(b_, 0, 0)};
    constants.insert(constants.end(), constants_.begin(), constants_.end());
    b_.Finish(xnn::CreateGraphDirect(b_, "0", &nodes_, &values_, externals_, &inputs_, &outputs_, nullptr, nullptr, &constants), "XN01");
    const size_t front = header ? 32 : 0, graph = (b_.GetSize() + 15) / 16 * 16, all = front + graph + bytes_.size();
    std::vector<uint64_t> blob((all + 7) / 8);
    auto* to = reinterpret_cast<std::byte*>(blob.data());
    const auto put = [&](size_t at, auto number) { std::memcpy(to + at, &number, sizeof number); };
    if (header) {
      std::memcpy(to + 4, "XH00", 4);
      put(8, uint16_t{30});
      put(10, static_cast<uint32_t>(front));
      put(14, static_cast<uint32_t>(b_.GetSize()));
      put(18, static_cast<uint32_t>(front + graph));
      put(22, uint64_t{bytes_.size()});
    }
    std::memcpy(to + front, b_.GetBufferPointer(), b_.GetSize());
    if (!bytes_.empty()) std::memcpy(to + front + graph, bytes_.data(), bytes_.size());
    return blob;
  }

 private:
  flatbuffers::Offset<xnn::TensorValue> tensor(const Dims& dims, xnn::Datatype datatype, uint32_t constant, uint32_t external, uint32_t flags) {
    return xnn::CreateTensorValueDirect(b_, datatype, static_cast<uint32_t>(dims.size()), &dims, constant, external, flags, static_cast<uint32_t>(values_.size()));
  }
  uint32_t add(xnn::ValueKind kind, flatbuffers::Offset<void> value) {
    values_.push_back(xnn::CreateValue(b_, kind, value));
    return static_cast<uint32_t>(values_.size() - 1);
  }

  flatbuffers::FlatBufferBuilder b_;
  std::vector<flatbuffers::Offset<xnn::Value>> values_;
  std::vector<flatbuffers::Offset<xnn::Node>> nodes_;
  std::vector<flatbuffers::Offset<xnn::ConstantData>> constants_;
  std::vector<std::byte> bytes_;
  std::vector<uint32_t> inputs_, outputs_;
  uint32_t externals_ = 0;
};

inline std::span<const std::byte> bytes_of(const std::vector<uint64_t>& blob) { return std::as_bytes(std::span(blob)); }

}  // namespace portfire
