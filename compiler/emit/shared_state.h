// State that the methods of a program share: one layout for all, by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/emit/lower.h"

namespace portfire::emit {

// The buffer in which all methods have it.
inline constexpr uint32_t kSharedBuffer = 2;

struct SharedState {
  struct Tensor {
    std::string name;
    ir::Role role;
    ir::Type type;
    std::shared_ptr<const ir::Constant> initial;  // null: zeros
    uint64_t offset = 0;
  };
  std::vector<Tensor> tensors;
  uint64_t bytes = 0;

  bool empty() const { return tensors.empty(); }
  const Tensor* find(const std::string& name) const;
};

// Of all state that is marked as shared, or begins as zeros. Code::bad_argument where two methods disagree about one.
Result<SharedState> lay_out_state(const std::vector<Lowered>& methods);

inline bool is_shared(const Lowered& program, const ir::Buffer& b) { return b.shared || !program.values[b.value].constant; }

}  // namespace portfire::emit
