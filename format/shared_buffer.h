// State that methods of another compiler's program share. ExecuTorch (MemoryPlanningPass(share_mutable_buffers=True)) plans all
// other memory in buffer 1, and each mutable buffer at one place of buffer 2 in every method; nothing in the file says so.
#pragma once

#include <vector>

#include "format/program_view.h"

namespace portfire {

// A tensor of that buffer: one in memory, maybe many values of many methods.
struct SharedTensor {
  const pte::Tensor* file;     // one of them
  uint64_t offset;
  std::string_view name;       // fully qualified; empty where the file does not say
  const pte::Tensor* initial;  // one that the file gives a beginning; null: zeros
};
struct SharedBuffer {
  uint32_t id = 0;  // memory id; 0: methods share none
  size_t bytes = 0;
  std::vector<SharedTensor> tensors;  // by offset
};

// Buffer 2 is shared where several methods have it, of one size, no input lies in it, and what lies in it, over all methods, is the
// same tensor or lies apart. Memory that is used again and again within a call does not look like that, and may be shared as well.
SharedBuffer find_shared_buffer(const ProgramView& program);

}  // namespace portfire
