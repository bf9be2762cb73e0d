// State that the methods of a program share: parameters that training changes, what an optimizer remembers, buffers. Programs of
// ours list it (pte::SharedState); of others it is found in their memory plans (format/shared_buffer.h).
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "format/shared_buffer.h"
#include "runtime/memory.h"
#include "runtime/program.h"

namespace portfire {

// Not thread-safe: of the methods on one state, one may run at a time.
class State {
 public:
  struct Tensor {
    std::string_view name, role;  // role: "parameter", "buffer", "optimizer" or "hyperparameter"; others' programs may give no name
    TensorView view;              // in the state's memory; row-major where the program is ours
    const std::byte* initial = nullptr;  // what it begins as; null: zeros
  };
  // As the file says it begins; null where the program has none. Code::out_of_memory; those of Program::external.
  static Result<std::shared_ptr<State>> create(std::shared_ptr<const Program> program);

  // All as the file says, and the random numbers from the beginning.
  void reset() { fill(/*fresh=*/false); }
  std::span<const Tensor> tensors() const { return tensors_; }
  const Tensor* find(std::string_view name) const;
  // Of the counter-based generator from which methods draw.
  uint64_t random_counter = 0;

  uint32_t buffer() const { return buffer_; }  // its memory id in the program's methods
  const Buffer& memory() const { return memory_; }

 private:
  void fill(bool fresh);
  Error take(const pte::SharedState& file);
  Error take(const SharedBuffer& found);
  explicit State(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
  uint32_t buffer_ = 0;
  LoadMemory load_memory_;
  std::span<Tensor> tensors_;
  Buffer memory_;
};

}  // namespace portfire
