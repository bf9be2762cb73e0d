#include "format/program_view.h"

#include <algorithm>
#include <cstring>

#include "format/reading.h"

namespace portfire {
namespace {

constexpr uint64_t kMaxBuffer = uint64_t{1} << 46;
constexpr size_t kMaxValues = size_t{1} << 24;

// flatbuffers' verifier sees to the alignment of a vector's length, not of wider elements.
template <class V>
bool is_aligned(const V* vector) {
  return !vector || vector->size() == 0 || reinterpret_cast<uintptr_t>(vector->Data()) % sizeof(typename V::value_type) == 0;
}
constexpr const char* kOddVector = "a vector of 8-byte numbers lies at an odd address";

}  // namespace

Result<ProgramView> ProgramView::open(std::span<const std::byte> file) {
  ProgramView view;
  view.file_ = file;
  if (reinterpret_cast<uintptr_t>(file.data()) % 16 != 0)
    return Error::make(Code::bad_argument, "the program lies at an odd address (expected 16-byte alignment)");
  if (file.size() < 16) return bad("%zu bytes are too few for a .pte program", file.size());
  if (std::memcmp(file.data() + 4, "ET12", 4) != 0) return bad("not a .pte program (expected ET12 at byte 4)");
  uint64_t program_size = file.size();
  if (std::memcmp(file.data() + 8, "eh00", 4) == 0) {
    const uint32_t length = file.size() >= 32 ? load<uint32_t>(file, 12) : 0;
    if (length < 24) return bad("extended header of %u bytes (expected 24 or more)", length);
    program_size = load<uint64_t>(file, 16);
    view.segment_base_ = load<uint64_t>(file, 24);
    if (program_size > file.size() || view.segment_base_ > file.size())
      return bad("truncated: header wants %llu program bytes and segments at %llu, file has %zu",
                 static_cast<unsigned long long>(program_size), static_cast<unsigned long long>(view.segment_base_), file.size());
    if (length >= 32) {
      if (file.size() < 40) return bad("truncated header");
      const uint64_t data = load<uint64_t>(file, 32);
      if (data > file.size() - view.segment_base_)
        return bad("truncated: segments of %llu bytes at %llu, file has %zu", static_cast<unsigned long long>(data),
                   static_cast<unsigned long long>(view.segment_base_), file.size());
    }
  }
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(file.data()), program_size, /*max_depth=*/32,
                                 /*max_tables=*/10'000'000);
  if (!pte::VerifyProgramBuffer(verifier)) return bad("damaged flatbuffer");
  view.root_ = pte::GetProgram(file.data());
  PF_TRY(view.verify());
  return view;
}

std::span<const std::byte> ProgramView::segment(uint32_t i) const {
  const pte::DataSegment* s = root_->segments()->Get(i);
  return file_.subspan(segment_base_ + s->offset(), s->size());
}

std::span<const std::byte> ProgramView::sub_segment(const pte::SubsegmentOffsets* table, uint32_t idx) const {
  if (!table || !table->offsets() || idx >= table->offsets()->size() || table->segment_index() >= count(root_->segments()))
    return {};
  const auto bytes = segment(table->segment_index());
  const uint64_t offset = table->offsets()->Get(idx);
  return offset > bytes.size() ? std::span<const std::byte>() : bytes.subspan(offset);
}

const std::byte* ProgramView::constant(uint32_t idx) const {
  if (count(root_->constant_buffer()) > idx && root_->constant_buffer()->Get(idx)->storage())
    return reinterpret_cast<const std::byte*>(root_->constant_buffer()->Get(idx)->storage()->data());
  return sub_segment(root_->constant_segment(), idx).data();
}

const std::byte* ProgramView::initial_state(uint32_t idx) const {
  return sub_segment(count(root_->mutable_data_segments()) ? root_->mutable_data_segments()->Get(0) : nullptr, idx).data();
}

const pte::ExecutionPlan* ProgramView::plan(std::string_view name) const {
  for (const pte::ExecutionPlan* p : *root_->execution_plan())
    if (p->name()->string_view() == name) return p;
  return nullptr;
}

const pte::MethodInterface* ProgramView::interface_of(const pte::ExecutionPlan& plan) const {
  for (size_t i = 0; interface_ && i < count(interface_->methods()); ++i) {
    const pte::MethodInterface* m = interface_->methods()->Get(static_cast<uint32_t>(i));
    if (m->name()->string_view() == plan.name()->string_view()) return m;
  }
  return nullptr;
}

Error ProgramView::verify() {
  if (root_->version() != 0) return bad("program version %u (expected 0)", root_->version());
  if (root_->constant_segment() && !is_aligned(root_->constant_segment()->offsets())) return bad("%s", kOddVector);
  for (size_t i = 0; i < count(root_->mutable_data_segments()); ++i)
    if (!is_aligned(root_->mutable_data_segments()->Get(static_cast<uint32_t>(i))->offsets())) return bad("%s", kOddVector);
  for (size_t i = 0; i < count(root_->segments()); ++i) {
    const pte::DataSegment* s = root_->segments()->Get(static_cast<uint32_t>(i));
    const uint64_t room = file_.size() - segment_base_;
    if (s->offset() > room || s->size() > room - s->offset()) return bad("segment %zu reaches past the end of the file", i);
  }
  for (size_t i = 0; i < count(root_->named_data()); ++i) {
    const pte::NamedData* n = root_->named_data()->Get(static_cast<uint32_t>(i));
    if (!n->key() || n->segment_index() >= count(root_->segments())) return bad("named data %zu has no segment", i);
  }
  if (count(root_->execution_plan()) == 0) return bad("no methods");
  for (const pte::ExecutionPlan* plan : *root_->execution_plan()) {
    if (!plan->name()) return bad("a method without a name");
    if (Error e = verify_plan(*plan)) return e.at(plan->name()->c_str());
  }
  for (size_t i = 0; i < count(root_->named_data()); ++i) {
    const pte::NamedData* n = root_->named_data()->Get(static_cast<uint32_t>(i));
    if (n->key()->string_view() == kInterfaceKey) PF_TRY(verify_interface(n->segment_index()));
  }
  return {};
}

Error ProgramView::verify_interface(uint32_t segment_index) {
  const auto bytes = segment(segment_index);
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), /*max_depth=*/8,
                                 /*max_tables=*/1'000'000);
  if (!verifier.VerifyBuffer<pte::Interface>(nullptr)) return bad("%s: damaged flatbuffer", kInterfaceKey);
  interface_ = flatbuffers::GetRoot<pte::Interface>(bytes.data());
  for (size_t i = 0; i < count(interface_->methods()); ++i)
    if (Error e = verify_interface(*interface_->methods()->Get(static_cast<uint32_t>(i)))) return e.at(kInterfaceKey);
  if (!interface_->state()) return {};
  const Error e = verify_state(*interface_->state());
  return e ? e.at(kInterfaceKey) : e;
}

Error ProgramView::verify_state(const pte::SharedState& state) const {
  if (state.buffer() == 0 || state.bytes() > kMaxBuffer) return bad("state of %llu bytes in buffer %u", static_cast<unsigned long long>(state.bytes()), state.buffer());
  for (const pte::ExecutionPlan* plan : *root_->execution_plan())
    if (count(plan->non_const_buffer_sizes()) > state.buffer() &&
        static_cast<uint64_t>(plan->non_const_buffer_sizes()->Get(state.buffer())) != state.bytes())
      return bad("%s: buffer %u is not the shared state", plan->name()->c_str(), state.buffer());
  for (uint32_t i = 0; i < count(state.tensors()); ++i) {
    const pte::StateTensor& t = *state.tensors()->Get(i);
    if (!t.name() || !t.role() || !is_dtype(t.scalar_type()) || count(t.sizes()) > static_cast<size_t>(kMaxRank)) return bad("state %u has no name, role or type", i);
    if (!is_aligned(t.sizes())) return bad("%s", kOddVector);
    Shape shape;
    for (uint32_t d = 0; d < count(t.sizes()); ++d) shape.push(t.sizes()->Get(d));
    const auto dtype = static_cast<DType>(t.scalar_type());
    int64_t bytes;
    if (!checked_bytes(dtype, shape, &bytes)) return bad("state %s of impossible sizes", t.name()->c_str());
    if (t.offset() > state.bytes() || static_cast<uint64_t>(bytes) > state.bytes() - t.offset() || t.offset() % 16 != 0)
      return bad("state %s reaches past its buffer", t.name()->c_str());
    const auto* table = count(root_->mutable_data_segments()) ? root_->mutable_data_segments()->Get(0) : nullptr;
    if (t.initial() && static_cast<uint64_t>(bytes) > sub_segment(table, t.initial()).size()) return bad("state %s begins as what is not there", t.name()->c_str());
  }
  return {};
}

Error ProgramView::verify_interface(const pte::MethodInterface& method) const {
  const pte::ExecutionPlan* owner = method.name() ? plan(method.name()->string_view()) : nullptr;
  if (!owner) return bad("no method \"%s\"", method.name() ? method.name()->c_str() : "");
  auto verify_ports = [&](const auto* ports, const flatbuffers::Vector<int32_t>* values) -> Error {
    if (count(ports) != count(values)) return bad("%zu inputs or outputs (expected %zu)", count(ports), count(values));
    for (uint32_t i = 0; i < count(ports); ++i) {
      const pte::Port* port = ports->Get(i);
      const pte::Tensor* tensor = owner->values()->Get(static_cast<uint32_t>(values->Get(i)))->val_as_Tensor();
      const size_t rank = tensor ? count(tensor->sizes()) : 0;
      if (!port->name()) return bad("input or output %u has no name", i);
      if (count(port->sizes()) != rank) return bad("%zu sizes (expected %zu)", count(port->sizes()), rank);
    }
    return {};
  };
  PF_TRY(verify_ports(method.inputs(), owner->inputs()));
  PF_TRY(verify_ports(method.outputs(), owner->outputs()));
  for (uint32_t i = 0; i < count(method.symbols()); ++i) {
    const pte::Symbol* symbol = method.symbols()->Get(i);
    if (!symbol->name() || symbol->lower() > symbol->upper()) return bad("symbol %u has no name or an empty range", i);
  }
  return {};
}

Error ProgramView::verify_tensor(const pte::ExecutionPlan& plan, const pte::Tensor& t) const {
  const size_t rank = count(t.sizes());
  if (!is_dtype(t.scalar_type())) return bad("dtype number %d is not supported", t.scalar_type());
  if (rank > static_cast<size_t>(kMaxRank)) return bad("rank %zu (at most %d is supported)", rank, kMaxRank);
  if (t.storage_offset() != 0) return bad("storage offset %d (expected 0)", t.storage_offset());
  if (t.shape_dynamism() < 0 || t.shape_dynamism() > 2) return bad("shape dynamism %d", t.shape_dynamism());
  const auto dtype = static_cast<DType>(t.scalar_type());
  int64_t bytes;
  if (!checked_bytes(dtype, shape_of(t), &bytes)) return bad("impossible sizes %s", TypeText(dtype, shape_of(t)).c_str());
  const uint64_t alignment = std::min<uint64_t>(byte_size(dtype), 8);
  if (count(t.dim_order()) != rank && count(t.dim_order()) != 0)
    return bad("%zu dimension orders for rank %zu", count(t.dim_order()), rank);
  uint32_t seen = 0;
  for (size_t d = 0; d < count(t.dim_order()); ++d) {
    const unsigned at = t.dim_order()->Get(static_cast<uint32_t>(d));
    if (at >= rank || (seen & (1u << at))) return bad("dimension order is no permutation");
    seen |= 1u << at;
  }
  if (const pte::AllocationDetails* a = t.allocation_info()) {
    if (a->memory_id() == 0 || a->memory_id() >= count(plan.non_const_buffer_sizes())) return bad("memory id %u", a->memory_id());
    const auto room = static_cast<uint64_t>(plan.non_const_buffer_sizes()->Get(a->memory_id()));
    if (memory_offset(*a) > room || (t.shape_dynamism() != 2 && static_cast<uint64_t>(bytes) > room - memory_offset(*a)))
      return bad("planned memory reaches past its buffer");
    if (memory_offset(*a) % alignment) return bad("planned memory is not aligned");
    if ((t.data_buffer_idx() > 0 || is_external(t)) && t.shape_dynamism() == 2) return bad("state without a bound");
  }
  if (is_external(t) && !t.extra_tensor_info()->fully_qualified_name()) return bad("data in another file, without a name");
  if (t.data_buffer_idx() > 0 && !is_external(t)) {
    const bool state = t.allocation_info() != nullptr;
    const pte::SubsegmentOffsets* table =
        !state ? root_->constant_segment()
               : count(root_->mutable_data_segments()) ? root_->mutable_data_segments()->Get(0) : nullptr;
    std::span<const std::byte> data = sub_segment(table, t.data_buffer_idx());
    if (!state && count(root_->constant_buffer()) > t.data_buffer_idx()) {
      const auto* storage = root_->constant_buffer()->Get(t.data_buffer_idx())->storage();
      data = storage ? std::as_bytes(std::span(storage->data(), storage->size())) : std::span<const std::byte>();
    }
    if (reinterpret_cast<uintptr_t>(data.data()) % alignment) return bad("constant %u is not aligned", t.data_buffer_idx());
    if (static_cast<uint64_t>(bytes) > data.size())
      return bad("data of %lld bytes at constant %u reaches past its segment", static_cast<long long>(bytes), t.data_buffer_idx());
  }
  return {};
}

Error ProgramView::verify_plan(const pte::ExecutionPlan& plan) const {
  const size_t values = count(plan.values());
  if (values > kMaxValues) return bad("%zu values are too many", values);
  if (!is_aligned(plan.non_const_buffer_sizes())) return bad("%s", kOddVector);
  for (size_t i = 0; i < count(plan.non_const_buffer_sizes()); ++i) {
    const int64_t size = plan.non_const_buffer_sizes()->Get(static_cast<uint32_t>(i));
    if (size < 0 || static_cast<uint64_t>(size) > kMaxBuffer) return bad("buffer %zu of %lld bytes", i, static_cast<long long>(size));
  }
  auto is = [&](int64_t i, pte::KernelTypes kind) {
    return i >= 0 && static_cast<size_t>(i) < values && plan.values()->Get(static_cast<uint32_t>(i))->val_type() == kind;
  };
  for (size_t i = 0; i < values; ++i) {
    const pte::EValue* v = plan.values()->Get(static_cast<uint32_t>(i));
    if (v->val_type() != pte::KernelTypes_NONE && !v->val()) return bad("value %zu is empty", i);
    switch (v->val_type()) {
      case pte::KernelTypes_Tensor:
        if (Error e = verify_tensor(plan, *v->val_as_Tensor())) return bad("value %zu: %s", i, e.text());
        break;
      case pte::KernelTypes_DoubleList:
        if (!is_aligned(v->val_as_DoubleList()->items())) return bad("value %zu: %s", i, kOddVector);
        break;
      case pte::KernelTypes_IntList:
        if (!is_aligned(v->val_as_IntList()->items())) return bad("value %zu: %s", i, kOddVector);
        for (size_t k = 0; k < count(v->val_as_IntList()->items()); ++k)
          if (!is(v->val_as_IntList()->items()->Get(static_cast<uint32_t>(k)), pte::KernelTypes_Int))
            return bad("value %zu: item %zu of an int list is no int", i, k);
        break;
      case pte::KernelTypes_TensorList:
        for (size_t k = 0; k < count(v->val_as_TensorList()->items()); ++k)
          if (!is(v->val_as_TensorList()->items()->Get(static_cast<uint32_t>(k)), pte::KernelTypes_Tensor))
            return bad("value %zu: item %zu of a tensor list is no tensor", i, k);
        break;
      case pte::KernelTypes_OptionalTensorList:
        for (size_t k = 0; k < count(v->val_as_OptionalTensorList()->items()); ++k) {
          const int32_t item = v->val_as_OptionalTensorList()->items()->Get(static_cast<uint32_t>(k));
          if (item != -1 && !is(item, pte::KernelTypes_Tensor))
            return bad("value %zu: item %zu of a tensor list is no tensor", i, k);
        }
        break;
      case pte::KernelTypes_String:
        if (!v->val_as_String()->value()) return bad("value %zu: a string without text", i);
        break;
      case pte::KernelTypes_BoolList:
        for (size_t k = 0; k < count(v->val_as_BoolList()->items()); ++k)
          if (v->val_as_BoolList()->items()->Get(static_cast<uint32_t>(k)) > 1) return bad("value %zu: item %zu is no bool", i, k);
        break;
      case pte::KernelTypes_Null: case pte::KernelTypes_Int: case pte::KernelTypes_Bool: case pte::KernelTypes_Double:
      case pte::KernelTypes_NONE: break;
      default: return bad("value %zu: unknown kind %d", i, v->val_type());
    }
  }
  for (const auto* list : {plan.inputs(), plan.outputs()})
    for (size_t k = 0; k < count(list); ++k) {
      const int32_t i = list->Get(static_cast<uint32_t>(k));
      if (i < 0 || static_cast<size_t>(i) >= values) return bad("input or output %zu is no value", k);
    }
  for (size_t i = 0; i < count(plan.operators()); ++i)
    if (!plan.operators()->Get(static_cast<uint32_t>(i))->name()) return bad("operator %zu has no name", i);
  if (count(plan.chains()) != 1) return bad("%zu chains (expected 1)", count(plan.chains()));
  return verify_chain(plan, *plan.chains()->Get(0));
}

Error ProgramView::verify_chain(const pte::ExecutionPlan& plan, const pte::Chain& chain) const {
  const size_t values = count(plan.values()), instructions = count(chain.instructions());
  auto is_value = [&](int32_t i) { return i >= 0 && static_cast<size_t>(i) < values; };
  for (size_t i = 0; i < instructions; ++i) {
    const pte::Instruction* in = chain.instructions()->Get(static_cast<uint32_t>(i));
    if (!in->instr_args()) return bad("instruction %zu is empty", i);
    bool ok = true;
    const flatbuffers::Vector<int32_t>* args = nullptr;
    switch (in->instr_args_type()) {
      case pte::InstructionArguments_KernelCall: {
        const pte::KernelCall* call = in->instr_args_as_KernelCall();
        ok = call->op_index() >= 0 && static_cast<size_t>(call->op_index()) < count(plan.operators());
        args = call->args();
        break;
      }
      case pte::InstructionArguments_DelegateCall: {
        const pte::DelegateCall* call = in->instr_args_as_DelegateCall();
        ok = call->delegate_index() >= 0 && static_cast<size_t>(call->delegate_index()) < count(plan.delegates());
        args = call->args();
        break;
      }
      case pte::InstructionArguments_MoveCall:
        ok = is_value(in->instr_args_as_MoveCall()->move_from()) && is_value(in->instr_args_as_MoveCall()->move_to());
        break;
      case pte::InstructionArguments_JumpFalseCall: {
        const pte::JumpFalseCall* jump = in->instr_args_as_JumpFalseCall();
        ok = is_value(jump->cond_value_index()) && jump->destination_instruction() >= 0 &&
             static_cast<size_t>(jump->destination_instruction()) <= instructions;
        break;
      }
      case pte::InstructionArguments_FreeCall: ok = is_value(in->instr_args_as_FreeCall()->value_index()); break;
      default: ok = false;
    }
    for (size_t k = 0; ok && k < count(args); ++k) ok = is_value(args->Get(static_cast<uint32_t>(k)));
    if (!ok) return bad("instruction %zu refers to what does not exist", i);
  }
  return {};
}

bool is_external(const pte::Tensor& t) { return t.extra_tensor_info() && t.extra_tensor_info()->location() == 1; }

Shape shape_of(const pte::Tensor& t) {
  Shape s;
  for (size_t d = 0; d < count(t.sizes()); ++d) s.push(t.sizes()->Get(static_cast<uint32_t>(d)));
  return s;
}

uint64_t memory_offset(const pte::AllocationDetails& a) {
  return uint64_t{a.memory_offset_high()} << 32 | a.memory_offset_low();
}

void set_strides(const pte::Tensor& t, TensorView* view) {
  if (count(t.dim_order()) == 0) return view->set_contiguous();
  int64_t stride = 1;
  for (int i = view->rank() - 1; i >= 0; --i) {
    const int d = t.dim_order()->Get(static_cast<uint32_t>(i));
    view->strides[d] = stride;
    stride *= view->size(d) > 0 ? view->size(d) : 1;
  }
}

uint32_t written_inputs(const pte::ExecutionPlan& plan) {
  const pte::ContainerMetadata* structure = plan.container_meta_type();
  if (!structure || count(structure->encoded_out_str()) == 0) return 0;
  const std::string_view text = structure->encoded_out_str()->string_view();
  constexpr std::string_view kNode = "\"type\": ", kLeaf = "\"type\": null";
  if (text.find(kNode) == text.npos) return 0;
  int64_t extra = static_cast<int64_t>(count(plan.outputs()));
  for (size_t at = text.find(kLeaf); at != text.npos; at = text.find(kLeaf, at + 1)) --extra;
  if (extra <= 0 || !plan.inputs()) return 0;
  for (int64_t i = 0; i < extra; ++i)
    if (std::find(plan.inputs()->begin(), plan.inputs()->end(), plan.outputs()->Get(static_cast<uint32_t>(i))) ==
        plan.inputs()->end())
      return 0;
  return static_cast<uint32_t>(extra);
}

bool is_unplanned_state(const pte::Tensor& t) {
  const pte::ExtraTensorInfo* extra = t.extra_tensor_info();
  return !t.allocation_info() && t.data_buffer_idx() == 0 && t.shape_dynamism() == 0 && extra && extra->location() == 0 && count(extra->fully_qualified_name()) > 0;
}

bool has_delegates(const pte::Program& program) {
  for (const pte::ExecutionPlan* plan : *program.execution_plan())
    if (count(plan->delegates()) > 0) return true;
  return false;
}

}  // namespace portfire
