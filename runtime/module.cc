// The public face of Program and Method.
#include "portfire/module.h"

#include "kernels/thread_pool.h"
#include "runtime/method.h"

namespace portfire {
namespace {

// A method with what its callers see of it.
struct Loaded {
  std::unique_ptr<Method> method;
  std::unique_ptr<TensorInfo[]> inputs;
  // One for each output that is not None. Numbers lie in `numbers`.
  std::unique_ptr<TensorView[]> outputs;
  std::unique_ptr<Value[]> numbers;
};

DType dtype_of(Value::Kind kind) {
  return kind == Value::Kind::real ? DType::f64 : kind == Value::Kind::boolean ? DType::boolean : DType::i64;
}

Error describe(Loaded* l) {
  const Method& m = *l->method;
  l->inputs.reset(new (std::nothrow) TensorInfo[m.input_count()]);
  l->outputs.reset(new (std::nothrow) TensorView[m.output_count()]);
  l->numbers.reset(new (std::nothrow) Value[m.output_count()]);
  if (!l->inputs || !l->outputs || !l->numbers) return Error::make(Code::out_of_memory, "no memory to load the method");
  for (size_t i = 0; i < m.input_count(); ++i) {
    const Value& v = m.input_type(i);
    if (v.kind == Value::Kind::tensor)
      l->inputs[i] = {m.input_name(i), v.tensor->dtype, v.tensor->shape, m.input_is_dynamic(i)};
    else
      l->inputs[i] = {m.input_name(i), dtype_of(v.kind), Shape(), false};
  }
  return {};
}

std::span<const TensorView> outputs_of(Loaded* l) {
  size_t n = 0;
  for (size_t i = 0; i < l->method->output_count(); ++i) {
    const Value& v = l->method->output(i);
    if (v.kind == Value::Kind::none) continue;
    TensorView& out = l->outputs[n];
    if (v.kind == Value::Kind::tensor) {
      out = *v.tensor;
    } else {
      out = TensorView();
      out.dtype = dtype_of(v.kind);
      l->numbers[n] = v;
      out.data = v.kind == Value::Kind::boolean ? static_cast<void*>(&l->numbers[n].boolean)
                 : v.kind == Value::Kind::real  ? static_cast<void*>(&l->numbers[n].real)
                                                : static_cast<void*>(&l->numbers[n].integer);
    }
    ++n;
  }
  return {l->outputs.get(), n};
}

}  // namespace

struct Module::Impl {
  std::shared_ptr<const Program> program;
  std::unique_ptr<ThreadPool> own_pool;
  ThreadPool* pool = nullptr;
  std::shared_ptr<State> state;       // null where methods share none
  std::unique_ptr<Loaded[]> methods;  // one for each of the program; loaded when first used

  size_t count() const { return program->view().root().execution_plan()->size(); }
  std::string_view name(size_t i) const {
    return program->view().root().execution_plan()->Get(static_cast<uint32_t>(i))->name()->string_view();
  }

  Result<Loaded*> find(std::string_view method) {
    for (size_t i = 0; i < count(); ++i) {
      if (name(i) != method) continue;
      Loaded& l = methods[i];
      if (l.method) return &l;
      PF_ASSIGN(std::unique_ptr<Method> loaded, Method::load(program, method, {.pool = pool, .state = state}));
      l.method = std::move(loaded);
      PF_TRY(describe(&l));
      return &l;
    }
    return Error::make(Code::bad_argument, "no method \"%.*s\" (the first is \"%.*s\")", static_cast<int>(method.size()), method.data(),
                       static_cast<int>(name(0).size()), name(0).data());
  }
};

namespace {

template <class ModuleImpl>
Result<std::unique_ptr<ModuleImpl>> make_impl(std::shared_ptr<const Program> program, const Module::Options& options) {
  auto impl = std::make_unique<ModuleImpl>();
  impl->program = std::move(program);
  if (options.threads == 0) {
    impl->pool = &process_pool();
  } else if (options.threads > 1) {
    impl->own_pool = std::make_unique<ThreadPool>(static_cast<size_t>(options.threads));
    impl->pool = impl->own_pool.get();
  } else if (options.threads < 0) {
    return Error::make(Code::bad_argument, "threads (expected 0 or more, got %d)", options.threads);
  }
  impl->methods = std::make_unique<Loaded[]>(impl->count());
  PF_ASSIGN(impl->state, State::create(impl->program));
  for (size_t i = 0; i < impl->count(); ++i)
    if (impl->name(i) == "forward") {
      Result<Loaded*> l = impl->find("forward");
      if (!l.ok()) return l.error();
    }
  return impl;
}

}  // namespace

Module::Module(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Module::Module(Module&&) noexcept = default;
Module& Module::operator=(Module&&) noexcept = default;
Module::~Module() = default;

Result<Module> Module::open(const char* path, const Options& options) {
  PF_ASSIGN(auto program, Program::open(path));
  auto impl = make_impl<Impl>(std::move(program), options);
  if (!impl.ok()) return impl.error().at(path);
  return Module(*std::move(impl));
}

Result<Module> Module::from_bytes(std::span<const std::byte> bytes, const Options& options) {
  PF_ASSIGN(auto program, Program::from_bytes(bytes));
  PF_ASSIGN(auto impl, make_impl<Impl>(std::move(program), options));
  return Module(std::move(impl));
}

Result<std::span<const TensorView>> Module::call(std::string_view name, std::span<const TensorView> inputs) {
  PF_ASSIGN(Loaded * l, impl_->find(name));
  Method& m = *l->method;
  if (inputs.size() != m.input_count())
    return Error::make(Code::bad_argument, "%.*s: wrong number of inputs (expected %zu, got %zu)", static_cast<int>(name.size()), name.data(),
                       m.input_count(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) PF_TRY(m.set_input(i, inputs[i]));
  PF_TRY(m.execute());
  return outputs_of(l);
}

size_t Module::method_count() const { return impl_->count(); }
std::string_view Module::method_name(size_t i) const { return impl_->name(i); }

Result<std::span<const TensorInfo>> Module::inputs(std::string_view method) {
  PF_ASSIGN(Loaded * l, impl_->find(method));
  return std::span<const TensorInfo>(l->inputs.get(), l->method->input_count());
}

Error Module::reset() {
  if (impl_->state) impl_->state->reset();
  for (size_t i = 0; i < impl_->count(); ++i)
    if (impl_->methods[i].method) PF_TRY(impl_->methods[i].method->reset());
  return {};
}

size_t Module::arena_bytes() const {
  const size_t shared = impl_->state ? impl_->state->memory().bytes() : 0;
  size_t sum = shared;
  for (size_t i = 0; i < impl_->count(); ++i)
    if (impl_->methods[i].method) sum += impl_->methods[i].method->arena_bytes() - shared;
  return sum;
}

}  // namespace portfire
