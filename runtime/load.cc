// Loading a method: values and memory. Its instructions: bind.cc.
#include <algorithm>
#include <cstring>

#include "format/reading.h"
#include "runtime/instruction.h"
#include "runtime/numbers.h"

namespace portfire {
namespace {

const Error kOutOfMemory = Error::make(Code::out_of_memory, "%s", kNoMemoryToLoad);

// How many tensors the file gives neither memory nor content.
uint32_t unplanned(const pte::ExecutionPlan& plan) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count(plan.values()); ++i)
    if (const pte::Tensor* t = plan.values()->Get(i)->val_as_Tensor()) n += !t->allocation_info() && t->data_buffer_idx() == 0;
  return n;
}

// Whether an instruction reads the value, or a list that holds it.
bool is_used(const pte::ExecutionPlan& plan, int32_t value) {
  const auto has = [&](const flatbuffers::Vector<int32_t>* args) {
    return args && std::find(args->begin(), args->end(), value) != args->end();
  };
  const auto* code = plan.chains()->Get(0)->instructions();
  for (uint32_t i = 0; i < count(code); ++i) {
    const pte::Instruction* in = code->Get(i);
    const pte::KernelCall* call = in->instr_args_as_KernelCall();
    const pte::DelegateCall* delegate = in->instr_args_as_DelegateCall();
    const pte::MoveCall* move = in->instr_args_as_MoveCall();
    const pte::JumpFalseCall* jump = in->instr_args_as_JumpFalseCall();
    if ((call && has(call->args())) || (delegate && has(delegate->args())) || (move && move->move_from() == value) ||
        (jump && jump->cond_value_index() == value))
      return true;
  }
  for (uint32_t i = 0; i < count(plan.values()); ++i)
    if (const auto* list = plan.values()->Get(i)->val_as_IntList())
      for (uint32_t k = 0; k < count(list->items()); ++k)
        if (list->items()->Get(k) == value) return true;
  return false;
}

}  // namespace

Method::~Method() {
  for (Buffer& b : buffers_) b.~Buffer();  // load memory frees bytes, but ends nobody's life
}

Result<std::unique_ptr<Method>> Method::load(std::shared_ptr<const Program> program, std::string_view name, const Options& options) {
  const pte::ExecutionPlan* plan = program->view().plan(name);
  if (!plan)
    return Error::make(Code::bad_argument, "no method \"%.*s\" (the first is \"%s\")", static_cast<int>(name.size()), name.data(),
                       program->view().root().execution_plan()->Get(0)->name()->c_str());
  std::unique_ptr<Method> m(new (std::nothrow) Method(std::move(program), options));
  if (!m) return kOutOfMemory;
  m->plan_ = plan;
  PF_TRY(m->load_values(*plan));
  m->fill_values();
  PF_TRY(m->load_instructions(*plan));
  return m;
}

Error Method::load_values(const pte::ExecutionPlan& plan) {
  const size_t n = count(plan.values());
  values_ = memory_.make<Value>(n);
  versions_ = memory_.make<uint32_t>(n);
  tensors_ = memory_.make<TensorInfo>(n);
  next_buffer_ = std::max(static_cast<uint32_t>(count(plan.non_const_buffer_sizes())), 1u);
  buffers_ = memory_.make<Buffer>(next_buffer_ + unplanned(plan));
  inputs_ = memory_.make<Input>(count(plan.inputs()));
  outputs_ = memory_.make<Value*>(count(plan.outputs()));
  if ((n && !tensors_.data()) || (count(plan.outputs()) && !outputs_.data())) return kOutOfMemory;
  PF_TRY(load_state());
  for (uint32_t i = 0; i < count(plan.non_const_buffer_device()); ++i)
    if (const pte::NonConstBufferDevice* d = plan.non_const_buffer_device()->Get(i); d->device_type() != 0)
      return Error::make(Code::unsupported, "buffer %d lies on a device of type %d (expected 0, the CPU)", d->buffer_idx(),
                         d->device_type());
  for (uint32_t i = 1; i < count(plan.non_const_buffer_sizes()); ++i)
    PF_TRY(reserve(buffers_[i], static_cast<size_t>(plan.non_const_buffer_sizes()->Get(i))));
  for (size_t i = 0; i < n; ++i) {
    const pte::EValue* v = plan.values()->Get(static_cast<uint32_t>(i));
    switch (v->val_type()) {
      case pte::KernelTypes_Int: values_[i] = Value::of(int64_t{v->val_as_Int()->value()}); break;
      case pte::KernelTypes_Bool: values_[i] = Value::of(v->val_as_Bool()->value()); break;
      case pte::KernelTypes_Double: values_[i] = Value::of(v->val_as_Double()->value()); break;
      case pte::KernelTypes_String: values_[i] = Value::of(v->val_as_String()->value()->string_view()); break;
      case pte::KernelTypes_Tensor: PF_TRY(load_tensor(plan, i, *v->val_as_Tensor())); break;
      default: break;
    }
  }
  for (size_t i = 0; i < n; ++i) PF_TRY(load_list(plan, i));
  PF_TRY(load_inputs(plan));
  // State for which ExecuTorch's caller would give memory: it has a name, and nothing else.
  for (size_t i = 0; i < n; ++i)
    if (tensors_[i].file && is_unplanned_state(*tensors_[i].file) && !tensors_[i].input) PF_TRY(give_memory(i));
  const uint32_t first = program_->view().interface_of(plan) ? 0 : written_inputs(plan);
  outputs_ = outputs_.subspan(first);
  for (uint32_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i] = &values_[static_cast<size_t>(plan.outputs()->Get(first + i))];
    if (const auto kind = outputs_[i]->kind; kind >= Value::Kind::int_list)
      return Error::make(Code::unsupported, "output %u is %s (expected a tensor, number or string)", i, name_of(kind));
  }
  return {};
}

Error Method::load_state() {
  if (!options_.state) {
    PF_ASSIGN(options_.state, State::create(program_));
    owns_state_ = true;
  }
  if (!options_.state) return {};
  if (options_.state->buffer() < count(plan_->non_const_buffer_sizes())) buffers_[options_.state->buffer()].borrow(options_.state->memory());
  random_counter_ = &options_.state->random_counter;
  return {};
}

Error Method::load_inputs(const pte::ExecutionPlan& plan) {
  size_t n = 0;
  for (uint32_t i = 0; i < count(plan.inputs()); ++i) {
    const auto v = static_cast<size_t>(plan.inputs()->Get(i));
    // None and strings are what the program was made for: there is nothing to give.
    if (values_[v].kind == Value::Kind::none || values_[v].kind == Value::Kind::string) continue;
    Input& in = inputs_[n++];
    TensorInfo& info = tensors_[v];
    in.value = &values_[v];
    info.input = true;
    if (is_number(values_[v].kind)) {
      // ExecuTorch's programs take numbers that they were made for, and compute with others.
      in.fixed = !program_->view().interface_of(plan) && !is_used(plan, static_cast<int32_t>(v));
      dynamic_ |= !in.fixed;
      continue;
    }
    if (values_[v].kind != Value::Kind::tensor || info.constant || info.initial)
      return Error::make(Code::bad_file, "input %u is %s (expected a tensor without content, or a number)", i,
                         info.file ? "a weight" : name_of(values_[v].kind));
    // Where the program wants another order of dimensions than callers have, there must be room for a copy.
    if (info.buffer == 0 && !values_[v].tensor->is_contiguous()) PF_TRY(give_memory(v));
    in.dynamism = info.dynamism;
    in.planned = info.buffer != 0;
    info.backed = true;
    const pte::ExtraTensorInfo* extra = info.file->extra_tensor_info();
    if (extra && extra->fully_qualified_name()) in.name = extra->fully_qualified_name()->string_view();
  }
  inputs_ = inputs_.first(n);
  return {};
}

Error Method::load_tensor(const pte::ExecutionPlan& plan, size_t i, const pte::Tensor& t) {
  auto view = memory_.make<TensorView>(1);
  if (view.empty()) return kOutOfMemory;
  TensorView& v = view[0];
  TensorInfo& info = tensors_[i];
  v.dtype = static_cast<DType>(t.scalar_type());
  v.shape = shape_of(t);
  set_strides(t, &v);
  values_[i] = Value::of(&v);
  info.file = &t;
  info.dynamism = t.shape_dynamism();
  dynamic_ |= info.dynamism != 0;
  info.capacity = v.bytes();
  if (t.extra_tensor_info() && t.extra_tensor_info()->device_type() != 0)
    return Error::make(Code::unsupported, "value %zu lies on a device of type %d (expected 0, the CPU)", i,
                       t.extra_tensor_info()->device_type());
  if (const pte::AllocationDetails* a = t.allocation_info()) {
    info.buffer = a->memory_id();
    info.backed = true;
    info.fixed = info.dynamism != 2;
    v.data = buffers_[a->memory_id()].data() + memory_offset(*a);
    PF_ASSIGN(info.initial, program_->initial(t));
    if (info.dynamism == 2 && buffers_[a->memory_id()].borrowed()) return Error::make(Code::bad_file, "value %zu grows in shared state", i);
    if (info.dynamism == 2) {
      info.capacity = static_cast<size_t>(plan.non_const_buffer_sizes()->Get(a->memory_id())) - memory_offset(*a);
      if (v.bytes() > info.capacity) v.data = nullptr;  // until the first result finds memory
    }
  } else if (t.data_buffer_idx() > 0 || is_external(t)) {
    info.backed = info.fixed = info.constant = true;
    const std::byte* data = is_external(t) ? nullptr : program_->view().constant(t.data_buffer_idx());
    if (is_external(t)) {
      PF_ASSIGN(data, program_->external(t));
    }
    v.data = const_cast<std::byte*>(data);  // constants are never written: `bind` refuses that
  }
  return {};
}

Error Method::load_list(const pte::ExecutionPlan& plan, size_t i) {
  const pte::EValue* v = plan.values()->Get(static_cast<uint32_t>(i));
  switch (v->val_type()) {
    case pte::KernelTypes_IntList: {
      const auto* items = v->val_as_IntList()->items();
      auto numbers = memory_.make<int64_t>(count(items));
      auto sources = memory_.make<const Value*>(count(items));
      if (count(items) && !sources.data()) return kOutOfMemory;
      for (uint32_t k = 0; k < count(items); ++k) {
        sources[k] = &values_[static_cast<size_t>(items->Get(k))];
        numbers[k] = sources[k]->integer;
      }
      values_[i] = Value::of(IntList{numbers.data(), count(items), sources.data()});
      return {};
    }
    case pte::KernelTypes_DoubleList: {
      const auto* items = v->val_as_DoubleList()->items();
      values_[i] = Value::of(std::span<const double>(items ? items->data() : nullptr, count(items)));
      return {};
    }
    case pte::KernelTypes_BoolList: {
      const auto* items = v->val_as_BoolList()->items();
      values_[i] = Value::of(std::span<const bool>(reinterpret_cast<const bool*>(items ? items->data() : nullptr), count(items)));
      return {};
    }
    case pte::KernelTypes_TensorList:
    case pte::KernelTypes_OptionalTensorList: {
      const auto* items = v->val_type() == pte::KernelTypes_TensorList ? v->val_as_TensorList()->items()
                                                                        : v->val_as_OptionalTensorList()->items();
      auto views = memory_.make<TensorView*>(count(items));
      if (count(items) && !views.data()) return kOutOfMemory;
      for (uint32_t k = 0; k < count(items); ++k)
        views[k] = items->Get(k) < 0 ? nullptr : values_[static_cast<size_t>(items->Get(k))].tensor;
      values_[i] = Value::of(std::span<TensorView* const>(views));
      return {};
    }
    default: return {};
  }
}

// Tensors of the method's own that the file gives a beginning. What is shared begins with the state.
void Method::fill_values() {
  for (size_t i = 0; i < values_.size(); ++i) {
    const TensorInfo& info = tensors_[i];
    if (!info.initial || buffers_[info.buffer].borrowed()) continue;
    TensorView& v = *values_[i].tensor;
    v.shape = shape_of(*info.file);
    set_strides(*info.file, &v);
    std::memcpy(v.data, info.initial, v.bytes());
    ++versions_[i];
  }
}

Error Method::reset() {
  for (Buffer& b : buffers_) b.clear();  // what the program reads before it writes, state without a beginning among it, begins as zeros
  fill_values();
  if (owns_state_ && options_.state) options_.state->reset();
  if (!options_.state) *random_counter_ = 0;
  return {};
}

size_t Method::arena_bytes() const {
  size_t sum = 0;
  for (const Buffer& b : buffers_) sum += b.bytes();
  return sum;
}

size_t Method::shared_bytes() const {
  size_t sum = 0;
  for (const Buffer& b : buffers_) sum += b.borrowed() ? b.bytes() : 0;
  return sum;
}

}  // namespace portfire
