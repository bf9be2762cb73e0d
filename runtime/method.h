// A method of a program, loaded: values, memory and bound calls. Not thread-safe; any number of
// methods may share one program.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/out_variants.h"
#include "runtime/memory.h"
#include "runtime/state.h"

namespace portfire {

struct Call;
struct Derived;

class Method {
 public:
  // Is told of each instruction that runs, on the thread that called `execute`: before it (`done` is false) and after it.
  // An instruction that fails has no second call. Where `call` is null there is no cost.
  struct Hook {
    void (*call)(void* context, size_t instruction, bool done) = nullptr;
    void* context = nullptr;
  };
  struct Options {
    ThreadPool* pool = nullptr;  // null: run on the calling thread. Must outlive the method.
    std::shared_ptr<State> state;  // of the program, shared with other methods; null: the method has its own
    // For development: each kernel's operator runs its reference too, and `execute` fails at the first
    // difference (runtime/check_reference.h). Slow, and takes memory from the system in each call.
    bool check_reference = false;
    // Limits for programs of unknown origin; beyond them are Code::out_of_memory and Code::failed.
    size_t max_arena_bytes = SIZE_MAX;       // of all tensor memory, scratch included
    uint64_t max_instructions = UINT64_MAX;  // of one call of `execute`: a loop need not end
    Hook hook;                               // for profiles (cli/profile.cc)
  };

  // Errors: Code::bad_file, Code::unsupported (an operator this build has not), Code::out_of_memory.
  static Result<std::unique_ptr<Method>> load(std::shared_ptr<const Program> program, std::string_view name,
                                              const Options& options);
  ~Method();

  // Inputs that a program was made for and that carry nothing (None, strings) are not counted.
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return outputs_.size(); }
  // The declared type of an input: sizes are upper bounds where they are dynamic.
  const Value& input_type(size_t i) const { return *inputs_[i].value; }
  std::string_view input_name(size_t i) const { return inputs_[i].name; }
  bool input_is_dynamic(size_t i) const { return inputs_[i].dynamism != 0; }

  // Takes dtype, shape, strides and data pointer; the data must stay until `execute` returns.
  // Sizes must be those declared (at most those, where dynamic), strides row-major; of an input that the program has
  // planned memory for, as ExecuTorch's have, they may be any. Code::bad_argument otherwise.
  Error set_input(size_t i, const TensorView& t);
  Error set_input(size_t i, const Value& number);
  // Runs the method. Outputs stay valid until the next call of `execute` or `set_input`.
  Error execute() { return execute(options_.hook); }
  // The same, and tells `hook` instead.
  Error execute(const Hook& hook);
  const Value& output(size_t i) const { return *outputs_[i]; }
  bool output_is_dynamic(size_t i) const { return tensors_[index_of(outputs_[i])].dynamism != 0; }

  // What runs, in the order of the program; a jump may leave instructions out, or repeat them. Of a program with dynamic
  // sizes `by` and the shapes are those of the last run. Views of the method's own memory, good while it lives.
  enum class RunBy : uint8_t { kernel, reference, view, number, control };
  struct InstructionInfo {
    std::string_view op;  // "aten::mm"; "move", "jump" or "free" where it is control
    RunBy by;
    std::span<const Value* const> args;
    std::span<TensorView* const> outs;  // none of numbers
    std::string_view file;              // the innermost line of Python that it came from; empty where the program does not say
    int line = 0;
  };
  size_t instruction_count() const { return code_.size(); }
  InstructionInfo instruction(size_t i) const;

  // Puts state back to its initial values; shared state only where it is the method's own.
  Error reset();
  // Bytes of planned tensor memory, all buffers, shared state included; and of that alone.
  size_t arena_bytes() const;
  size_t shared_bytes() const;

 private:
  struct Instruction;
  struct Variant;
  struct Input {
    Value* value = nullptr;
    std::string_view name;
    int dynamism = 0;
    bool planned = false;  // has memory of its own: set_input copies
    bool fixed = false;    // a number that the program was made for
  };
  // What is known of a value beyond its view or number.
  struct TensorInfo {
    const pte::Tensor* file = nullptr;
    const std::byte* initial = nullptr;  // what its memory begins as
    size_t capacity = 0;     // bytes that its memory holds
    uint32_t buffer = 0;     // memory id; 0: none
    int dynamism = 0;
    bool backed = false;     // has memory, or gets it before it is read
    bool fixed = false;      // its memory never moves
    bool constant = false;   // shows memory of the file, which nothing may write
    bool input = false;
    bool result = false;     // some operator writes it
    bool shown = false;      // shows the memory of another value: a view, or the target of a move
  };

  Method(std::shared_ptr<const Program> program, const Options& options) : program_(std::move(program)), options_(options) {}
  Error load_values(const pte::ExecutionPlan& plan);
  Error load_tensor(const pte::ExecutionPlan& plan, size_t i, const pte::Tensor& t);
  Error load_list(const pte::ExecutionPlan& plan, size_t i);
  Error load_state();
  void fill_values();
  Error load_inputs(const pte::ExecutionPlan& plan);
  void note_computed(const pte::ExecutionPlan& plan);
  Error load_instructions(const pte::ExecutionPlan& plan);
  Error bind(const pte::ExecutionPlan& plan, const pte::KernelCall& call, Instruction* in);
  Error bind_variant(const ops::OutVariant& form, std::string_view functional, const pte::KernelCall& call, Instruction* in);
  Error bind_operands(const pte::KernelCall& call, bool list, Instruction* in);
  Error bind_returned(const pte::KernelCall& call, bool list, Instruction* in);
  Error bind_steps(Instruction* in);
  Error bind_copy_index(const pte::KernelCall& call, Instruction* in);
  Error make_calls(const Instruction& in, std::span<std::byte> memory, std::span<const Call>* calls, std::span<const Derived>* derived,
                   size_t* used, bool sampled) const;
  Error give_memory(size_t value);
  Error keep_name(std::string_view name, std::string_view* kept);
  Error bind_arguments(const pte::KernelCall& call, Instruction* in);
  Error bind_results(const pte::KernelCall& call, bool symbolic, Instruction* in);
  Error bind_view(Instruction* in);
  Error bind_move(Instruction* in);
  Error bind_condition(const Instruction& in);
  Error prepare(Instruction& in);
  Error prepare_steps(Instruction& in);
  Error prepare_step(const Instruction& whole, Instruction& step);
  Error choose_kernel(Instruction& in);
  Error resize(size_t value, const TensorSpec& spec);
  template <bool kHooked>
  Error run_code(const Hook& hook);
  Error run(Instruction& in);
  Error run_kernel(Instruction& in);
  Error run_checked(Instruction& in);
  Error run_reference(Instruction& in);
  Error run_symbolic(Instruction& in);
  Error run_steps(Instruction& in);
  Error run_copy_index(Instruction& in);
  std::span<std::byte> scratch_of(const Instruction& in) const;
  Error run_view(Instruction& in);
  Error move(const Instruction& in);
  Error grow(uint32_t buffer, size_t bytes);
  Error reserve(Buffer& buffer, size_t bytes);
  Error compute_view(const Instruction& in, TensorView* out) const;
  Error check_memory(const Instruction& in) const;
  void forget_moving_views();
  Error located(const Error& e, const Instruction& in) const;
  const pte::Frame* frame_of(const Instruction& in) const;
  size_t threads() const { return options_.pool ? options_.pool->threads() : 1; }
  uint64_t versions_of(const Instruction& in) const;
  // Calls f(index) for the tensors of a list.
  template <class F>
  void for_each_item(const Value* list, F f) const;
  size_t index_of(const Value* v) const { return static_cast<size_t>(v - values_.data()); }
  bool is_of_file(const Value* v) const { return v >= values_.data() && v < values_.data() + values_.size(); }
  static uint64_t offset_of(const TensorInfo& info);

  std::shared_ptr<const Program> program_;
  Options options_;
  const pte::ExecutionPlan* plan_ = nullptr;
  LoadMemory memory_;
  std::span<Value> values_;
  std::span<uint32_t> versions_;  // of each value: changes with shape, strides or number
  std::span<TensorInfo> tensors_;
  std::span<Buffer> buffers_;
  uint32_t next_buffer_ = 0;  // of those that the file does not plan
  Buffer scratch_;
  std::span<Input> inputs_;
  std::span<Value*> outputs_;
  std::span<Instruction> code_;
  uint64_t own_random_counter_ = 0;
  uint64_t* random_counter_ = &own_random_counter_;
  bool owns_state_ = false;
  bool dynamic_ = false;  // shapes or numbers change from call to call, or within one
  bool jumps_ = false;
};

}  // namespace portfire
