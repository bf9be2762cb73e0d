#include "runtime/state.h"

#include <cstring>

#include "format/reading.h"

namespace portfire {

Result<std::shared_ptr<State>> State::create(std::shared_ptr<const Program> program) {
  if (!program->view().shared_state()) return std::shared_ptr<State>();
  const std::shared_ptr<State> state(new (std::nothrow) State(std::move(program)));
  const Error no_memory = Error::make(Code::out_of_memory, "no memory for the program's state");
  if (!state) return no_memory;
  const auto* list = state->file_->tensors();
  state->tensors_ = state->load_memory_.make<Tensor>(count(list));
  if (count(list) && !state->tensors_.data()) return no_memory;
  PF_TRY(state->memory_.reserve(state->file_->bytes()));
  for (uint32_t i = 0; i < count(list); ++i) {
    const pte::StateTensor& from = *list->Get(i);
    Tensor& to = state->tensors_[i];
    to.name = from.name()->string_view();
    to.role = from.role()->string_view();
    to.view.dtype = static_cast<DType>(from.scalar_type());
    for (uint32_t d = 0; d < count(from.sizes()); ++d) to.view.shape.push(from.sizes()->Get(d));
    to.view.set_contiguous();
    to.view.data = state->memory_.data() + from.offset();
  }
  state->fill(/*fresh=*/true);
  return state;
}

// Fresh memory is zero, and untouched: pages come when they are used.
void State::fill(bool fresh) {
  for (uint32_t i = 0; i < tensors_.size(); ++i) {
    const uint32_t initial = file_->tensors()->Get(i)->initial();
    const TensorView& t = tensors_[i].view;
    if (initial) {
      const std::byte* from = program_->view().initial_state(initial);
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
