// The public face of Program and Method.
#include "portfire/module.h"

#include "runtime/module_impl.h"

namespace portfire {
namespace {

DType dtype_of(Value::Kind kind) {
  return kind == Value::Kind::real ? DType::f64 : kind == Value::Kind::boolean ? DType::boolean : DType::i64;
}

Error describe(LoadedMethod* l) {
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

}  // namespace

std::span<const TensorView> Module::Impl::outputs(LoadedMethod& l) {
  size_t n = 0;
  for (size_t i = 0; i < l.method->output_count(); ++i) {
    const Value& v = l.method->output(i);
    if (v.kind == Value::Kind::none) continue;
    TensorView& out = l.outputs[n];
    if (v.kind == Value::Kind::tensor) {
      out = *v.tensor;
    } else {
      out = TensorView();
      out.dtype = dtype_of(v.kind);
      l.numbers[n] = v;
      out.data = v.kind == Value::Kind::boolean ? static_cast<void*>(&l.numbers[n].boolean)
                 : v.kind == Value::Kind::real  ? static_cast<void*>(&l.numbers[n].real)
                                                : static_cast<void*>(&l.numbers[n].integer);
    }
    ++n;
  }
  return {l.outputs.get(), n};
}

Result<LoadedMethod*> Module::Impl::find(std::string_view method) {
  for (size_t i = 0; i < count(); ++i) {
    if (name(i) != method) continue;
    LoadedMethod& l = methods[i];
    if (l.method) return &l;
    PF_ASSIGN(std::unique_ptr<Method> loaded, Method::load(program, method, {.pool = pool, .state = state}));
    l.method = std::move(loaded);
    PF_TRY(describe(&l));
    return &l;
  }
  return Error::make(Code::bad_argument, "no method \"%.*s\" (the first is \"%.*s\")", static_cast<int>(method.size()), method.data(),
                     static_cast<int>(name(0).size()), name(0).data());
}

Error Module::Impl::run(LoadedMethod& l, std::string_view name, std::span<const TensorView> inputs) {
  Method& m = *l.method;
  if (inputs.size() != m.input_count())
    return Error::make(Code::bad_argument, "%.*s: wrong number of inputs (expected %zu, got %zu)", static_cast<int>(name.size()), name.data(),
                       m.input_count(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) PF_TRY(m.set_input(i, inputs[i]));
  return m.execute();
}

Result<std::unique_ptr<Module::Impl>> Module::Impl::make(std::shared_ptr<const Program> program, const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->program = std::move(program);
  if (options.threads == 0) {
    impl->pool = &process_pool();
  } else if (options.threads > 1) {
    impl->own_pool = std::make_unique<ThreadPool>(static_cast<size_t>(options.threads));
    impl->pool = impl->own_pool.get();
  } else if (options.threads < 0) {
    return Error::make(Code::bad_argument, "threads (expected 0 or more, got %d)", options.threads);
  }
  impl->methods = std::make_unique<LoadedMethod[]>(impl->count());
  PF_ASSIGN(impl->state, State::create(impl->program));
  return impl;
}

namespace {

template <class ModuleImpl>
Error load_forward(ModuleImpl& impl) {
  for (size_t i = 0; i < impl.count(); ++i)
    if (impl.name(i) == "forward")
      if (auto l = impl.find("forward"); !l.ok()) return l.error();
  return {};
}

}  // namespace

Module::Module(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Module::Module(Module&&) noexcept = default;
Module& Module::operator=(Module&&) noexcept = default;
Module::~Module() = default;

Result<Module> Module::open(const char* path, const Options& options) {
  PF_ASSIGN(auto program, Program::open(path));
  PF_ASSIGN(auto impl, Impl::make(std::move(program), options));
  if (const Error e = load_forward(*impl)) return e.at(path);
  return Module(std::move(impl));
}

Result<Module> Module::from_bytes(std::span<const std::byte> bytes, const Options& options) {
  PF_ASSIGN(auto program, Program::from_bytes(bytes));
  PF_ASSIGN(auto impl, Impl::make(std::move(program), options));
  PF_TRY(load_forward(*impl));
  return Module(std::move(impl));
}

Result<std::span<const TensorView>> Module::call(std::string_view name, std::span<const TensorView> inputs) {
  PF_ASSIGN(LoadedMethod * l, impl_->find(name));
  PF_TRY(Impl::run(*l, name, inputs));
  return Impl::outputs(*l);
}

size_t Module::method_count() const { return impl_->count(); }
std::string_view Module::method_name(size_t i) const { return impl_->name(i); }

Result<std::span<const TensorInfo>> Module::inputs(std::string_view method) {
  PF_ASSIGN(LoadedMethod * l, impl_->find(method));
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
