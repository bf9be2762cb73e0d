// Module: a compiled program, loaded and ready to run.
//
//   auto model = portfire::Module::open("minilm.pte");
//   if (!model.ok()) return puts(model.error().text());
//   auto out = model->forward({ids, mask});
//   if (!out.ok()) return puts(out.error().text());
//   const float* embedding = (*out)[0].as<float>();
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "portfire/error.h"
#include "portfire/tensor.h"

namespace portfire {

// An input or output as the program declares it.
struct TensorInfo {
  std::string_view name;   // its path in the exported module's arguments, "batch['ids']"; may be empty
  DType dtype;
  Shape shape;             // upper bounds where `dynamic`
  bool dynamic = false;    // whether sizes may differ from call to call
  enum class Kind : uint8_t { tensor, number, string };  // numbers are tensors of rank 0 of i64, f64 or bool, strings of bytes
  Kind kind = Kind::tensor;
};

// Makes a program for this machine of another compiler's, as portfire::compile_program does.
using Compiler = Error(std::span<const std::byte> program, std::span<const std::string> data, std::vector<std::byte>* compiled);

// Not thread-safe: one call at a time. Several modules of one file, one for each thread, share its
// pages of memory. A moved-from module may only be destroyed or assigned to.
class Module {
 public:
  struct Options {
    // How many threads a call may use: 1 only the caller's own; 0 one for each core, from a pool that
    // all modules of the process share (so only one of them should be called at a time).
    int threads = 0;
    // Paths of `.ptd` files: weights, and data of delegates, that the program names and does not hold. Weights are used in place.
    std::vector<std::string> data;
    // Compiles programs that hold XNNPACK's delegates when they are opened. Null: portfire::compile_program where the program is linked
    // with the library portfire::compiler (<portfire/compiler.h>); else they are refused.
    Compiler* compiler = nullptr;
  };

  // Maps and verifies the file, a `.pte` or a `.bpte`, loads its method "forward" if it has one. The files
  // must not change while the module lives.
  // Errors: Code::io (cannot be read), bad_file (damaged), unsupported (an operator that this build has
  // not), bad_argument (a weight is in none of the data files), out_of_memory.
  static Result<Module> open(const char* path, const Options& options);
  static Result<Module> open(const char* path) { return open(path, Options()); }
  // The same from bytes that outlive the module.
  static Result<Module> from_bytes(std::span<const std::byte> bytes, const Options& options);

  Module(Module&&) noexcept;
  Module& operator=(Module&&) noexcept;
  ~Module();

  // Runs method "forward". Inputs stand in the order of the exported module's arguments, flattened;
  // dtype, rank and sizes must be those declared, strides row-major. Outputs are flattened likewise,
  // None left out, numbers as tensors of rank 0, strings as their bytes; they belong to the module and stay until its next call.
  // Errors: Code::bad_argument (an input is wrong; the text says which, what was expected, what came),
  // failed (an assertion of the exported model did not hold), out_of_memory.
  // No memory is taken from the heap, except by results whose size has no bound.
  Result<std::span<const TensorView>> forward(std::span<const TensorView> inputs) { return call("forward", inputs); }
  Result<std::span<const TensorView>> forward(std::initializer_list<TensorView> inputs) {
    return forward(std::span<const TensorView>(inputs.begin(), inputs.size()));
  }
  // Runs any method. Its first call loads it.
  Result<std::span<const TensorView>> call(std::string_view method, std::span<const TensorView> inputs);

  // Gives a method's memory back; false where it was not loaded. What it gave is gone, and its next call loads it anew: state that it
  // shares with other methods stays, state of its own begins again.
  bool unload(std::string_view method);

  // Names of the methods.
  size_t method_count() const;
  std::string_view method_name(size_t i) const;
  // What a method takes. Loads it.
  Result<std::span<const TensorInfo>> inputs(std::string_view method = "forward");
  // What a method gives, in the order of `call`'s answer. Loads it.
  Result<std::span<const TensorInfo>> outputs(std::string_view method = "forward");
  // Puts the state (buffers that calls change) of all methods back to what the file says.
  Error reset();
  // Bytes of tensor memory that the loaded methods hold, weights not counted: those stay in the file.
  size_t arena_bytes() const;

 private:
  friend class Trainer;
  struct Impl;
  explicit Module(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace portfire
