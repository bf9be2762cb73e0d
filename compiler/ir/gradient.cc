#include "compiler/ir/gradient.h"

namespace portfire::ir {

size_t Gradient::index_of(std::string_view arg) const {
  const int i = frame_.op->schema.index_of(arg);
  PF_CHECK(i >= 0);
  return static_cast<size_t>(i);
}

bool Gradient::is_wanted(const Arg& a) const {
  if (const Ref* r = a.ref()) return r->id < wanted_->size() && (*wanted_)[r->id];
  if (const Arg::List* l = a.list())
    for (const Arg& item : *l)
      if (is_wanted(item)) return true;
  return false;
}
bool Gradient::wants_at(size_t arg) const { return is_wanted((*frame_.args)[arg]); }
bool Gradient::wants(std::string_view arg) const { return wants_at(index_of(arg)); }

bool Gradient::arg_is_tensor(size_t arg) const {
  const Ref* r = (*frame_.args)[arg].ref();
  return r && graph().type(r->id).is_tensor();
}

Tensor Gradient::operand(size_t arg) { return tensor(frame_.op->schema.args[arg].name); }

// Sums over the dimensions along which `like` was repeated.
Tensor Gradient::shaped_as(Tensor gradient, ValueId like) {
  const Type type = graph().type(like);
  const int lead = gradient.rank() - type.rank();
  std::vector<int64_t> leading, repeated;
  for (int d = 0; d < lead; ++d) leading.push_back(d);
  if (!leading.empty()) gradient = (*this)("aten::sum.dim_IntList", gradient, leading, false);
  for (int d = 0; d < type.rank(); ++d)
    if (type.sizes[static_cast<size_t>(d)] == Dim(1) && !(gradient.type().sizes[static_cast<size_t>(d)] == Dim(1))) repeated.push_back(d);
  if (!repeated.empty()) gradient = (*this)("aten::sum.dim_IntList", gradient, repeated, true);
  return cast(gradient, type.dtype);
}

void Gradient::answer(const Arg& arg, Tensor gradient) {
  if (!gradient || !is_wanted(arg)) return;
  const ValueId id = arg.ref()->id;
  answer_.emplace_back(id, shaped_as(gradient, id));
}
void Gradient::give_at(size_t arg, Tensor gradient) { answer((*frame_.args)[arg], gradient); }
void Gradient::give(std::string_view arg, Tensor gradient) { give_at(index_of(arg), gradient); }
void Gradient::give(std::string_view arg, const std::vector<Tensor>& gradients) {
  const Arg::List* items = (*frame_.args)[index_of(arg)].list();
  if (!items || items->size() != gradients.size()) reject("argument " + std::string(arg) + " is not a list of " + std::to_string(gradients.size()));
  for (size_t i = 0; i < items->size(); ++i) answer((*items)[i], gradients[i]);
}

Gradient::Answer Gradient::ask(const Node& node, std::vector<Tensor> grads, const std::vector<bool>& wanted) {
  // Nodes are appended meanwhile: the graph's own may move.
  const Node call = node;
  const Frame outer = frame_;
  frame_ = {call.op, &call.args};
  grads_ = std::move(grads);
  outs_ = &call.outs;
  wanted_ = &wanted;
  answer_.clear();
  call.op->gradient(*this);
  frame_ = outer;
  return std::move(answer_);
}

}  // namespace portfire::ir
