// State that the methods of a program share: parameters that training changes, what an optimizer remembers, buffers.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "runtime/memory.h"
#include "runtime/program.h"

namespace portfire {

// Not thread-safe: of the methods on one state, one may run at a time.
class State {
 public:
  struct Tensor {
    std::string_view name, role;  // role: "parameter", "buffer", "optimizer" or "hyperparameter"
    TensorView view;              // row-major, in the state's memory
  };
  // As the file says it begins; null where the program has none. Code::out_of_memory.
  static Result<std::shared_ptr<State>> create(std::shared_ptr<const Program> program);

  // All as the file says, and the random numbers from the beginning.
  void reset() { fill(/*fresh=*/false); }
  std::span<const Tensor> tensors() const { return tensors_; }
  const Tensor* find(std::string_view name) const;
  // Of the counter-based generator from which methods draw.
  uint64_t random_counter = 0;

  uint32_t buffer() const { return file_->buffer(); }  // its memory id in the program's methods
  const Buffer& memory() const { return memory_; }

 private:
  void fill(bool fresh);
  explicit State(std::shared_ptr<const Program> program) : program_(std::move(program)), file_(program_->view().shared_state()) {}
  std::shared_ptr<const Program> program_;
  const pte::SharedState* file_;
  LoadMemory load_memory_;
  std::span<Tensor> tensors_;
  Buffer memory_;
};

}  // namespace portfire
