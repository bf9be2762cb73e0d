#include "format/shared_buffer.h"

#include <algorithm>
#include <cstring>

#include "format/reading.h"

namespace portfire {
namespace {

constexpr uint32_t kShared = 2;

std::string_view name_of(const pte::Tensor& t) {
  const auto* name = t.extra_tensor_info() ? t.extra_tensor_info()->fully_qualified_name() : nullptr;
  return name ? name->string_view() : std::string_view();
}

size_t bytes_of(const pte::Tensor& t) { return static_cast<size_t>(shape_of(t).numel()) * byte_size(static_cast<DType>(t.scalar_type())); }

// All of a plan that lies there; false where something cannot be shared.
bool collect(const pte::ExecutionPlan& plan, std::vector<SharedTensor>* tensors) {
  for (uint32_t i = 0; i < count(plan.values()); ++i) {
    const pte::Tensor* t = plan.values()->Get(i)->val_as_Tensor();
    if (!t || !t->allocation_info() || t->allocation_info()->memory_id() != kShared) continue;
    if (t->shape_dynamism() != 0) return false;
    const bool begins = is_external(*t) || t->data_buffer_idx() > 0;
    if (bytes_of(*t) > 0) tensors->push_back({t, memory_offset(*t->allocation_info()), name_of(*t), begins ? t : nullptr});
  }
  for (uint32_t i = 0; i < count(plan.inputs()); ++i) {
    const pte::Tensor* t = plan.values()->Get(static_cast<uint32_t>(plan.inputs()->Get(i)))->val_as_Tensor();
    if (t && t->allocation_info() && t->allocation_info()->memory_id() == kShared) return false;
  }
  return true;
}

bool same_beginning(const ProgramView& program, const pte::Tensor& a, const pte::Tensor& b) {
  if (is_external(a) || is_external(b)) return is_external(a) && is_external(b) && name_of(a) == name_of(b);
  return a.data_buffer_idx() == b.data_buffer_idx() ||
         std::memcmp(program.initial_state(a.data_buffer_idx()), program.initial_state(b.data_buffer_idx()), bytes_of(a)) == 0;
}

// Whether two at one place are one tensor; `a` then knows what both know. Views of it may have other sizes.
bool unite(const ProgramView& program, const SharedTensor& b, SharedTensor* a) {
  if (a->file->scalar_type() != b.file->scalar_type() || bytes_of(*a->file) != bytes_of(*b.file)) return false;
  if (!a->name.empty() && !b.name.empty() && a->name != b.name) return false;
  if (a->initial && b.initial && !same_beginning(program, *a->initial, *b.initial)) return false;
  if (a->name.empty()) a->name = b.name;
  if (!a->initial) a->initial = b.initial;
  return true;
}

}  // namespace

SharedBuffer find_shared_buffer(const ProgramView& program) {
  SharedBuffer found;
  std::vector<SharedTensor> all;
  size_t methods = 0;
  for (const pte::ExecutionPlan* plan : *program.root().execution_plan()) {
    if (count(plan->non_const_buffer_sizes()) <= kShared) continue;
    const auto bytes = static_cast<size_t>(plan->non_const_buffer_sizes()->Get(kShared));
    if (methods++ > 0 && bytes != found.bytes) return {};
    found.bytes = bytes;
    if (!collect(*plan, &all)) return {};
  }
  if (methods < 2 || found.bytes == 0 || all.empty()) return {};
  std::stable_sort(all.begin(), all.end(), [](const SharedTensor& a, const SharedTensor& b) { return a.offset < b.offset; });
  for (const SharedTensor& t : all) {
    SharedTensor* last = found.tensors.empty() ? nullptr : &found.tensors.back();
    if (last && last->offset == t.offset) {
      if (!unite(program, t, last)) return {};
    } else if (last && last->offset + bytes_of(*last->file) > t.offset) {
      return {};
    } else {
      found.tensors.push_back(t);
    }
  }
  found.id = kShared;
  return found;
}

}  // namespace portfire
