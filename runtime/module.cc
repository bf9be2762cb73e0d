// The public face of Program and Method.
#include "portfire/module.h"

#include "runtime/module_impl.h"

// Of the library portfire::compiler, which has the linker ask for it. Its address is null where that is not linked.
extern "C" [[gnu::weak]] portfire::Compiler* const portfire_compiler;

namespace portfire {
namespace {

DType dtype_of(Value::Kind kind) {
  return kind == Value::Kind::real ? DType::f64 : kind == Value::Kind::boolean ? DType::boolean : DType::i64;
}

// As the program declares it; a name only where it has one.
TensorInfo describe(const Value& v, std::string_view name, bool dynamic) {
  switch (v.kind) {
    case Value::Kind::tensor: return {name, v.tensor->dtype, v.tensor->shape, dynamic};
    case Value::Kind::string:
      return {name, DType::u8, Shape{.rank = 1, .sizes = {static_cast<int64_t>(v.string.size())}}, false, TensorInfo::Kind::string};
    default: return {name, dtype_of(v.kind), Shape(), false, TensorInfo::Kind::number};
  }
}

Error describe(LoadedMethod* l) {
  const Method& m = *l->method;
  l->inputs.reset(new (std::nothrow) TensorInfo[m.input_count()]);
  l->output_types.reset(new (std::nothrow) TensorInfo[m.output_count()]);
  l->outputs.reset(new (std::nothrow) TensorView[m.output_count()]);
  l->numbers.reset(new (std::nothrow) Value[m.output_count()]);
  if (!l->inputs || !l->output_types || !l->outputs || !l->numbers) return Error::make(Code::out_of_memory, "no memory to load the method");
  for (size_t i = 0; i < m.input_count(); ++i) l->inputs[i] = describe(m.input_type(i), m.input_name(i), m.input_is_dynamic(i));
  for (size_t i = 0; i < m.output_count(); ++i)
    if (m.output(i).kind != Value::Kind::none) l->output_types[l->output_count++] = describe(m.output(i), {}, m.output_is_dynamic(i));
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
    } else if (v.kind == Value::Kind::string) {
      const int64_t bytes = static_cast<int64_t>(v.string.size());
      out = TensorView::of(v.string.data(), DType::u8, {&bytes, 1});
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

Compiler* compiler_of(const Module::Options& options) {
  return options.compiler ? options.compiler : &portfire_compiler ? portfire_compiler : nullptr;
}

}  // namespace

Module::Module(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Module::Module(Module&&) noexcept = default;
Module& Module::operator=(Module&&) noexcept = default;
Module::~Module() = default;

Result<Module> Module::open(const char* path, const Options& options) {
  PF_ASSIGN(auto program, Program::open(path, options.data, compiler_of(options)));
  PF_ASSIGN(auto impl, Impl::make(std::move(program), options));
  if (const Error e = load_forward(*impl)) return e.at(path);
  return Module(std::move(impl));
}

Result<Module> Module::from_bytes(std::span<const std::byte> bytes, const Options& options) {
  PF_ASSIGN(auto program, Program::from_bytes(bytes, options.data, compiler_of(options)));
  PF_ASSIGN(auto impl, Impl::make(std::move(program), options));
  PF_TRY(load_forward(*impl));
  return Module(std::move(impl));
}

Result<std::span<const TensorView>> Module::call(std::string_view name, std::span<const TensorView> inputs) {
  PF_ASSIGN(LoadedMethod * l, impl_->find(name));
  PF_TRY(Impl::run(*l, name, inputs));
  return Impl::outputs(*l);
}

bool Module::unload(std::string_view method) {
  for (size_t i = 0; i < impl_->count(); ++i)
    if (impl_->name(i) == method && impl_->methods[i].method) return impl_->methods[i] = LoadedMethod(), true;
  return false;
}

size_t Module::method_count() const { return impl_->count(); }
std::string_view Module::method_name(size_t i) const { return impl_->name(i); }

Result<std::span<const TensorInfo>> Module::inputs(std::string_view method) {
  PF_ASSIGN(LoadedMethod * l, impl_->find(method));
  return std::span<const TensorInfo>(l->inputs.get(), l->method->input_count());
}

Result<std::span<const TensorInfo>> Module::outputs(std::string_view method) {
  PF_ASSIGN(LoadedMethod * l, impl_->find(method));
  return std::span<const TensorInfo>(l->output_types.get(), l->output_count);
}

Error Module::reset() {
  if (impl_->state) impl_->state->reset();
  for (size_t i = 0; i < impl_->count(); ++i)
    if (impl_->methods[i].method) PF_TRY(impl_->methods[i].method->reset());
  return {};
}

size_t Module::arena_bytes() const {
  size_t sum = impl_->state ? impl_->state->memory().bytes() : 0;
  for (size_t i = 0; i < impl_->count(); ++i)
    if (const Method* m = impl_->methods[i].method.get()) sum += m->arena_bytes() - m->shared_bytes();
  return sum;
}

}  // namespace portfire
