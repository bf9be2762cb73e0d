#include "runtime/state.h"

#include <cstring>

#include "format/reading.h"

namespace portfire {
namespace {

const Error kOutOfMemory = Error::make(Code::out_of_memory, "no memory for the program's state");

}  // namespace

Result<std::shared_ptr<State>> State::create(std::shared_ptr<const Program> program) {
  const pte::SharedState* ours = program->view().shared_state();
  const SharedBuffer found = ours ? SharedBuffer() : find_shared_buffer(program->view());
  if (!ours && found.id == 0) return std::shared_ptr<State>();
  const std::shared_ptr<State> state(new (std::nothrow) State(std::move(program)));
  if (!state) return kOutOfMemory;
  PF_TRY(ours ? state->take(*ours) : state->take(found));
  state->fill(/*fresh=*/true);
  return state;
}

Error State::take(const pte::SharedState& file) {
  const auto* list = file.tensors();
  buffer_ = file.buffer();
  tensors_ = load_memory_.make<Tensor>(count(list));
  if (count(list) && !tensors_.data()) return kOutOfMemory;
  PF_TRY(memory_.reserve(file.bytes()));
  for (uint32_t i = 0; i < count(list); ++i) {
    const pte::StateTensor& from = *list->Get(i);
    Tensor& to = tensors_[i];
    to.name = from.name()->string_view();
    to.role = from.role()->string_view();
    to.view.dtype = static_cast<DType>(from.scalar_type());
    for (uint32_t d = 0; d < count(from.sizes()); ++d) to.view.shape.push(from.sizes()->Get(d));
    to.view.set_contiguous();
    to.view.data = memory_.data() + from.offset();
    if (from.initial()) to.initial = program_->view().initial_state(from.initial());
  }
  return {};
}

Error State::take(const SharedBuffer& found) {
  buffer_ = found.id;
  tensors_ = load_memory_.make<Tensor>(found.tensors.size());
  if (!found.tensors.empty() && !tensors_.data()) return kOutOfMemory;
  PF_TRY(memory_.reserve(found.bytes));
  for (size_t i = 0; i < found.tensors.size(); ++i) {
    const SharedTensor& from = found.tensors[i];
    Tensor& to = tensors_[i];
    to.name = from.name;
    to.role = "buffer";
    to.view.dtype = static_cast<DType>(from.file->scalar_type());
    to.view.shape = shape_of(*from.file);
    set_strides(*from.file, &to.view);
    to.view.data = memory_.data() + from.offset;
    if (from.initial) {
      PF_ASSIGN(to.initial, program_->initial(*from.initial));
    }
  }
  return {};
}

// Fresh memory is zero, and untouched: pages come when they are used.
void State::fill(bool fresh) {
  for (uint32_t i = 0; i < tensors_.size(); ++i) {
    const TensorView& t = tensors_[i].view;
    if (const std::byte* from = tensors_[i].initial) {
      std::memcpy(t.data, from, t.bytes());
      program_->forget(from, t.bytes());
    } else if (!fresh) {
      std::memset(t.data, 0, t.bytes());
    }
  }
  random_counter = 0;
}

const State::Tensor* State::find(std::string_view name) const {
  for (const Tensor& t : tensors_)
    if (t.name == name) return &t;
  return nullptr;
}

}  // namespace portfire
