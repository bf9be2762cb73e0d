// A verified view of a `.pte` file's bytes. After `open` succeeded, everything that the accessors
// reach lies inside the file, and every index, kind, size and dimension order in it is sound; the
// runtime indexes without further checks. Nothing is copied: the bytes must outlive the view.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/tensor_view.h"
#include "program_generated.h"

namespace portfire {

inline constexpr size_t kSegmentAlignment = 128;
// The named data that holds pte::Interface.
inline constexpr const char* kInterfaceKey = "portfire.interface";

class ProgramView {
 public:
  // Code::bad_file with what is wrong and where.
  static Result<ProgramView> open(std::span<const std::byte> file);

  const pte::Program& root() const { return *root_; }
  std::span<const std::byte> file() const { return file_; }
  // Segment `i` of `root().segments()`.
  std::span<const std::byte> segment(uint32_t i) const;
  // Data of a constant tensor (data_buffer_idx > 0, not external), at least `bytes` long.
  const std::byte* constant(uint32_t data_buffer_idx) const;
  // Initial value of state, likewise.
  const std::byte* initial_state(uint32_t data_buffer_idx) const;
  // Null where there is none of that name.
  const pte::ExecutionPlan* plan(std::string_view name) const;
  // State that all methods share; null where there is none.
  const pte::SharedState* shared_state() const { return interface_ ? interface_->state() : nullptr; }
  // Names of its inputs and outputs and the ranges of its sizes; null where the file does not say.
  const pte::MethodInterface* interface_of(const pte::ExecutionPlan& plan) const;

 private:
  Error verify();
  Error verify_interface(uint32_t segment_index);
  Error verify_interface(const pte::MethodInterface& method) const;
  Error verify_state(const pte::SharedState& state) const;
  Error verify_plan(const pte::ExecutionPlan& plan) const;
  Error verify_tensor(const pte::ExecutionPlan& plan, const pte::Tensor& t) const;
  Error verify_chain(const pte::ExecutionPlan& plan, const pte::Chain& chain) const;
  // The bytes from `offsets[idx]` to the end of the segment; empty where out of range.
  std::span<const std::byte> sub_segment(const pte::SubsegmentOffsets* table, uint32_t idx) const;

  std::span<const std::byte> file_;
  const pte::Program* root_ = nullptr;
  const pte::Interface* interface_ = nullptr;
  uint64_t segment_base_ = 0;
};

// Whether its data is in another file (`.ptd`), under its fully qualified name.
bool is_external(const pte::Tensor& t);
// Dimensions, checked: the upper bound where sizes are dynamic.
Shape shape_of(const pte::Tensor& t);
// Where a planned tensor lies in its buffer.
uint64_t memory_offset(const pte::AllocationDetails& a);
// Dense strides in the tensor's dimension order.
void set_strides(const pte::Tensor& t, TensorView* view);

// Whether a tensor that is no input is state without memory or content: all the file says is its name.
bool is_unplanned_state(const pte::Tensor& t);

// ExecuTorch lists inputs that the program writes to before what its caller is given. How many those are: outputs beyond the leaves of the
// structure that the caller gets, all of them inputs.
uint32_t written_inputs(const pte::ExecutionPlan& plan);

// The one backend whose delegates the compiler knows.
inline constexpr const char* kXnnpackBackend = "XnnpackBackend";
bool has_delegates(const pte::Program& program);

}  // namespace portfire
