// A verified view of the bytes of an XNNPACK delegate. After `open` succeeded, all that the accessors reach lies inside the blob, ids
// and indices are in range, ranks, datatypes and quantization fit each other, and constants are as long as their sizes say. That
// operands are computed before their use, and what a node may do with their types, is the importer's to check. Nothing is copied: the
// bytes must outlive the view.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/error.h"
#include "xnnpack_generated.h"

namespace portfire {

inline constexpr uint32_t kNoXnnpackId = UINT32_MAX;
// XNNPACK's own limit.
inline constexpr uint32_t kMaxXnnpackRank = 6;

class XnnpackView {
 public:
  // `blob` at an address divisible by 8. Code::bad_file with what is wrong and where.
  static Result<XnnpackView> open(std::span<const std::byte> blob);

  const xnn::Graph& root() const { return *root_; }
  uint32_t values() const { return root_->values() ? root_->values()->size() : 0; }
  const xnn::TensorValue& value(uint32_t id) const;
  // Null where it is not quantized.
  const xnn::QuantizedValue* quantization(uint32_t id) const;

  // Bytes in the blob, or the name that the program holds them by.
  struct Data {
    std::span<const std::byte> bytes;
    std::string_view key;  // empty: `bytes` are there
    uint64_t size = 0;
  };
  // Constant `index`, from 1.
  Data data(uint32_t index) const;
  uint32_t constants() const;

 private:
  Error read_header(std::span<const std::byte>* flatbuffer);
  Error verify() const;
  Error verify_value(uint32_t id) const;
  Error verify_quantization(const xnn::QuantizedValue& q) const;
  Error verify_scales(uint32_t inline_scales, uint32_t index, uint32_t num_scales, uint64_t expected, size_t scale_bytes) const;
  Error verify_node(const xnn::Node& node) const;
  Error verify_externals() const;

  std::span<const std::byte> blob_;
  std::span<const std::byte> constant_data_;
  const xnn::Graph* root_ = nullptr;
};

// The values that a node reads and writes, in the order of its fields. Absent ones are kNoXnnpackId.
struct XnnpackOperands {
  std::array<uint32_t, 6> inputs;
  std::array<uint32_t, 2> outputs;
  uint8_t input_count = 0, output_count = 0;
  uint8_t required = 0;  // of the inputs: the others may be absent
};
// Nothing where the node is of an unknown kind.
std::optional<XnnpackOperands> operands_of(const xnn::Node& node);

// Bytes that a dense constant of these sizes takes; nothing where that is no sensible number.
std::optional<uint64_t> xnnpack_bytes(xnn::Datatype datatype, std::span<const uint32_t> dims);

}  // namespace portfire
