#include "portfire/trainer.h"

#include <cmath>
#include <cstring>

#include "core/crc32c.h"
#include "core/state_names.h"
#include "format/checkpoint.h"
#include "ops/element.h"
#include "runtime/module_impl.h"
#include "runtime/non_finite.h"

namespace portfire {
namespace {

constexpr std::string_view kStep = "train_step", kEvaluate = "evaluate";
constexpr std::string_view kRate = "lr";

int length(std::string_view s) { return static_cast<int>(s.size()); }

Trainer::Role role_of(std::string_view role) {
  return role == "parameter" ? Trainer::Role::parameter
         : role == "buffer"  ? Trainer::Role::buffer
         : role == "optimizer" ? Trainer::Role::optimizer
                               : Trainer::Role::hyperparameter;
}

}  // namespace

Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

Result<Trainer> Trainer::make(Module module, const Options& options) {
  Trainer t(std::move(module), options);
  if (!t.module_.impl_->program->view().shared_state()) return Error::make(Code::unsupported, "not a training program (compile it with --train)");
  if (const auto step = t.module_.impl_->find(kStep); !step.ok()) return step.error();
  t.module_.impl_->state->random_counter = t.first_random_number();
  return t;
}

Result<Trainer> Trainer::open(const char* path, const Options& options) {
  PF_ASSIGN(auto program, Program::open(path));
  PF_ASSIGN(auto impl, Module::Impl::make(std::move(program), {.threads = options.threads}));
  Result<Trainer> t = make(Module(std::move(impl)), options);
  return t.ok() ? std::move(t) : Result<Trainer>(t.error().at(path));
}

Result<Trainer> Trainer::from_bytes(std::span<const std::byte> bytes, const Options& options) {
  PF_ASSIGN(auto program, Program::from_bytes(bytes));
  PF_ASSIGN(auto impl, Module::Impl::make(std::move(program), {.threads = options.threads}));
  return make(Module(std::move(impl)), options);
}

Error Trainer::reset() {
  PF_TRY(module_.reset());
  module_.impl_->state->random_counter = first_random_number();
  cursor = {};
  return {};
}

std::span<const TensorInfo> Trainer::inputs() const {
  const LoadedMethod& l = **module_.impl_->find(kStep);
  const size_t n = l.method->input_count();
  return {l.inputs.get(), n > 0 && l.inputs[n - 1].name == kRate ? n - 1 : n};
}

Result<Trainer::Answer> Trainer::answer(std::string_view method, std::span<const TensorView> inputs) {
  PF_ASSIGN(LoadedMethod * l, module_.impl_->find(method));
  const uint64_t random_counter = module_.impl_->state->random_counter;
  if (const Error e = Module::Impl::run(*l, method, inputs)) {
    module_.impl_->state->random_counter = random_counter;  // no number was drawn
    return e;
  }
  const std::span<const TensorView> outputs = Module::Impl::outputs(*l);
  return Answer{ops::load_real(outputs[0], 0), outputs.subspan(1)};
}

Result<Trainer::Answer> Trainer::step(std::span<const TensorView> inputs, float learning_rate) {
  constexpr size_t kMost = 64;
  TensorView all[kMost];
  if (inputs.size() >= kMost) return Error::make(Code::unsupported, "%zu inputs (expected at most %zu)", inputs.size(), kMost - 1);
  for (size_t i = 0; i < inputs.size(); ++i) all[i] = inputs[i];
  size_t count = inputs.size();
  const LoadedMethod& l = **module_.impl_->find(kStep);
  if (this->inputs().size() < l.method->input_count()) all[count++] = TensorView::of(&learning_rate, {});
  Result<Answer> a = answer(kStep, {all, count});
  if (!a.ok() && a.error().code() == Code::failed) return explain(a.error(), {all, count});
  return a;
}

Result<Trainer::Answer> Trainer::evaluate(std::span<const TensorView> inputs) { return answer(kEvaluate, inputs); }

// Which step failed, and what the NaN or infinity of its loss comes from.
Error Trainer::explain(const Error& e, std::span<const TensorView> inputs) {
  const auto step = static_cast<unsigned long long>(steps() + 1);
  LoadedMethod& l = **module_.impl_->find(kStep);
  Method& m = *l.method;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (has_non_finite(inputs[i], true) || has_non_finite(inputs[i], false))
      return Error::make(e.code(), "step %llu: %s; input %zu \"%.*s\" holds a NaN or an infinity", step, e.text(), i, length(m.input_name(i)), m.input_name(i).data());
  const uint64_t random_counter = module_.impl_->state->random_counter;
  for (const bool nan : {true, false}) {
    const NonFinite from = find_non_finite(m, nan);
    module_.impl_->state->random_counter = random_counter;
    const char* what = nan ? "NaN" : "infinity";
    if (from.instruction != SIZE_MAX) {
      const Method::InstructionInfo in = m.instruction(from.instruction);
      char where[160] = "";
      if (!in.file.empty()) snprintf(where, sizeof where, " (%.*s:%d)", length(in.file), in.file.data(), in.line);
      return Error::make(e.code(), "step %llu: %s; the first %s is of %.*s%s", step, e.text(), what, length(in.op), in.op.data(), where);
    }
    for (const State::Tensor& s : module_.impl_->state->tensors())
      if (from.operand && s.view.data == from.operand->data)
        return Error::make(e.code(), "step %llu: %s; \"%.*s\" holds a %s", step, e.text(), length(s.name), s.name.data(), what);
  }
  return Error::make(e.code(), "step %llu: %s", step, e.text());
}

size_t Trainer::state_count() const { return module_.impl_->state->tensors().size(); }
Trainer::StateInfo Trainer::state(size_t i) const {
  const State::Tensor& t = module_.impl_->state->tensors()[i];
  return {t.name, role_of(t.role), t.view};
}

Result<TensorView> Trainer::parameter(std::string_view name) const {
  const State::Tensor* t = module_.impl_->state->find(name);
  if (t && (t->role == "parameter" || t->role == "buffer")) return t->view;
  return Error::make(Code::bad_argument, "no trained parameter or buffer \"%.*s\"", length(name), name.data());
}

namespace {

Result<TensorView> find_hyperparameter(const State& state, std::string_view name) {
  char full[256];
  snprintf(full, sizeof full, "%.*s%.*s", length(kOwnNames), kOwnNames.data(), length(name), name.data());
  const State::Tensor* t = state.find(full);
  if (t && t->role == "hyperparameter" && t->view.rank() == 0) return t->view;
  char known[200] = "";
  for (const State::Tensor& s : state.tensors())
    if (s.role == "hyperparameter") {
      const size_t used = std::strlen(known);
      snprintf(known + used, sizeof known - used, "%s%.*s", used ? ", " : "", length(s.name) - length(kOwnNames), s.name.data() + kOwnNames.size());
    }
  return Error::make(Code::bad_argument, "no hyper-parameter \"%.*s\" (expected one of: %s)", length(name), name.data(), known);
}

}  // namespace

Result<double> Trainer::hyperparameter(std::string_view name) const {
  PF_ASSIGN(const TensorView t, find_hyperparameter(*module_.impl_->state, name));
  return ops::load_real(t, 0);
}

Error Trainer::set_hyperparameter(std::string_view name, double value) {
  PF_ASSIGN(const TensorView t, find_hyperparameter(*module_.impl_->state, name));
  ops::store_real(t, 0, value);
  return {};
}

uint64_t Trainer::steps() const {
  const State::Tensor* t = module_.impl_->state->find(kStepName);
  return t ? static_cast<uint64_t>(ops::load_int(t->view, 0)) : 0;
}

// Of names and types of all state: programs with the same may go on from each other's checkpoints.
uint64_t Trainer::fingerprint() const {
  uint32_t names = 0, types = 0;
  for (const State::Tensor& t : module_.impl_->state->tensors()) {
    names = crc32c(std::as_bytes(std::span(t.name.data(), t.name.size())), names);
    types = crc32c(std::as_bytes(std::span(t.view.shape.sizes, static_cast<size_t>(t.view.rank()))), types);
    types = crc32c(std::as_bytes(std::span(&t.view.dtype, 1)), types);
  }
  return uint64_t{names} << 32 | types;
}

Error Trainer::save(const char* path) const {
  const auto tensors = module_.impl_->state->tensors();
  std::unique_ptr<NamedTensor[]> named(new (std::nothrow) NamedTensor[tensors.size()]);
  if (!named) return Error::make(Code::out_of_memory, "%s: no memory to write it", path);
  for (size_t i = 0; i < tensors.size(); ++i) named[i] = {tensors[i].name, tensors[i].view};
  CheckpointInfo info;
  info.step = steps();
  info.random_seed = seed_;
  info.random_counter = module_.impl_->state->random_counter;
  info.epoch = cursor.epoch;
  info.position = cursor.position;
  info.data_seed = cursor.seed;
  info.program = fingerprint();
  return write_checkpoint(path, {named.get(), tensors.size()}, info);
}

Error Trainer::resume(const char* path) {
  PF_ASSIGN(const CheckpointFile file, CheckpointFile::open(path));
  State& state = *module_.impl_->state;
  for (const State::Tensor& t : state.tensors()) {  // all of it is looked at before any of it is taken
    const auto saved = file.find(t.name);
    if (!saved) return Error::make(Code::bad_argument, "%s: no \"%.*s\" (a checkpoint of another program)", path, length(t.name), t.name.data());
    if (saved->dtype != t.view.dtype || !(saved->shape == t.view.shape))
      return Error::make(Code::bad_argument, "%s: \"%.*s\" is %s (expected %s: a checkpoint of another program)", path, length(t.name), t.name.data(),
                         TypeText(*saved).c_str(), TypeText(t.view).c_str());
  }
  if (file.size() != state.tensors().size())
    return Error::make(Code::bad_argument, "%s: %zu tensors (expected %zu: a checkpoint of another program)", path, file.size(), state.tensors().size());
  for (const State::Tensor& t : state.tensors())
    if (const size_t bytes = t.view.bytes()) std::memcpy(t.view.data, file.find(t.name)->data, bytes);
  seed_ = file.info().random_seed;
  state.random_counter = file.info().random_counter;
  cursor = {file.info().epoch, file.info().position, file.info().data_seed};
  return {};
}

}  // namespace portfire
