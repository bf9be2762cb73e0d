// Trainer: a training program, loaded and ready to learn (`portfire compile model.pt2 -o model.train.pte --train ...`).
//
//   auto trainer = portfire::Trainer::open("digits.train.pte");
//   if (!trainer.ok()) return puts(trainer.error().text());
//   for (...) {
//     auto step = trainer->step({images, labels}, 1e-3f);
//     if (!step.ok()) return puts(step.error().text());
//     printf("loss %g\n", step->loss);
//   }
//   if (auto e = trainer->save("tuned.ptd")) return puts(e.text());
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

#include "portfire/module.h"

namespace portfire {

// Not thread-safe: one call at a time. A moved-from trainer may only be destroyed or assigned to.
class Trainer {
 public:
  struct Options {
    int threads = 0;    // as of Module
    uint64_t seed = 0;  // of dropout and other random operators: the same seed gives the same numbers, at any number of threads
  };
  // Errors: those of Module::open; Code::unsupported where the program has no method "train_step".
  static Result<Trainer> open(const char* path, const Options& options);
  static Result<Trainer> open(const char* path) { return open(path, Options()); }
  // The same from bytes that outlive the trainer.
  static Result<Trainer> from_bytes(std::span<const std::byte> bytes, const Options& options);

  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  struct Answer {
    double loss;
    std::span<const TensorView> outputs;  // the model's, good until the next call
  };
  // One step: `inputs` are the model's and the target, where the program takes one. Changes parameters, the optimizer's state and
  // buffers like running statistics. Errors change nothing: Code::bad_argument (an input is wrong), Code::failed (the loss is NaN or
  // infinite: the text names the step and the operator that first gave such a number).
  Result<Answer> step(std::span<const TensorView> inputs, float learning_rate);
  Result<Answer> step(std::initializer_list<TensorView> inputs, float learning_rate) {
    return step(std::span<const TensorView>(inputs.begin(), inputs.size()), learning_rate);
  }
  // Loss and outputs as the model in eval mode has them; changes nothing.
  Result<Answer> evaluate(std::span<const TensorView> inputs);
  Result<Answer> evaluate(std::initializer_list<TensorView> inputs) { return evaluate(std::span<const TensorView>(inputs.begin(), inputs.size())); }
  // The model alone, with the parameters of now.
  Result<std::span<const TensorView>> forward(std::span<const TensorView> inputs) { return module_.forward(inputs); }
  Result<std::span<const TensorView>> forward(std::initializer_list<TensorView> inputs) { return module_.forward(inputs); }

  // What train_step takes, the learning rate left out.
  std::span<const TensorInfo> inputs() const;

  // What the program keeps between calls.
  enum class Role : uint8_t { parameter, buffer, optimizer, hyperparameter };
  struct StateInfo {
    std::string_view name;  // "encoder.weight", "portfire.exp_avg/encoder.weight", "portfire.weight_decay"
    Role role;
    TensorView tensor;      // row-major; may be written to between calls
  };
  size_t state_count() const;
  StateInfo state(size_t i) const;
  // A trained parameter or a buffer, by its name in the model. Code::bad_argument where there is none.
  Result<TensorView> parameter(std::string_view name) const;
  // A hyper-parameter, "weight_decay", or "weight_decay[*.bias]" of a group. Code::bad_argument where the program has none such.
  Result<double> hyperparameter(std::string_view name) const;
  Error set_hyperparameter(std::string_view name, double value);
  // Steps that the optimizer made; 0 of a program without an optimizer.
  uint64_t steps() const;

  // Where the caller stands in its data: kept in checkpoints, not used otherwise.
  struct Cursor {
    uint64_t epoch = 0, position = 0, seed = 0;
  };
  Cursor cursor;

  // Writes all state, the random numbers' and the cursor to a `.ptd` (docs/checkpoints.md): aside, synced, renamed, so that `path` is
  // as it was or complete, whatever happens. Code::io.
  Error save(const char* path) const;
  // Goes on from where `save` was called: the same steps follow, bit for bit at the same number of threads. Errors change nothing:
  // Code::io, Code::bad_file (damaged), Code::bad_argument (of another program).
  Error resume(const char* path);
  // Back to what the file says.
  Error reset();

  // Bytes of tensor memory: weights, optimizer state, gradients and activations of the methods that were called.
  size_t arena_bytes() const { return module_.arena_bytes(); }

 private:
  Trainer(Module module, const Options& options) : module_(std::move(module)), seed_(options.seed) {}
  static Result<Trainer> make(Module module, const Options& options);
  uint64_t first_random_number() const { return seed_ << 40; }  // a seed's begin 2^40 after those of the one before
  Result<Answer> answer(std::string_view method, std::span<const TensorView> inputs);
  Error explain(const Error& e, std::span<const TensorView> inputs);
  uint64_t fingerprint() const;

  Module module_;
  uint64_t seed_;
};

}  // namespace portfire
