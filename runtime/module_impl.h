// What Module and Trainer are made of.
#pragma once

#include <memory>

#include "kernels/thread_pool.h"
#include "portfire/module.h"
#include "runtime/method.h"

namespace portfire {

// A method with what its callers see of it.
struct LoadedMethod {
  std::unique_ptr<Method> method;
  std::unique_ptr<TensorInfo[]> inputs;
  std::unique_ptr<TensorInfo[]> output_types;  // of the outputs that are not None
  size_t output_count = 0;
  // One for each output that is not None. Numbers lie in `numbers`.
  std::unique_ptr<TensorView[]> outputs;
  std::unique_ptr<Value[]> numbers;
};

struct Module::Impl {
  std::shared_ptr<const Program> program;
  std::unique_ptr<ThreadPool> own_pool;
  ThreadPool* pool = nullptr;
  std::shared_ptr<State> state;             // null where methods share none
  std::unique_ptr<LoadedMethod[]> methods;  // one for each of the program; loaded when first used

  static Result<std::unique_ptr<Impl>> make(std::shared_ptr<const Program> program, const Options& options);

  size_t count() const { return program->view().root().execution_plan()->size(); }
  std::string_view name(size_t i) const {
    return program->view().root().execution_plan()->Get(static_cast<uint32_t>(i))->name()->string_view();
  }
  // Loads it where it is not yet. Code::bad_argument where there is none of that name.
  Result<LoadedMethod*> find(std::string_view method);
  // Takes the inputs and runs it.
  static Error run(LoadedMethod& l, std::string_view name, std::span<const TensorView> inputs);
  // Valid until its next run.
  static std::span<const TensorView> outputs(LoadedMethod& l);
};

}  // namespace portfire
