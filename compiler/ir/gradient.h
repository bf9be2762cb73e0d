// Gradient: a Builder that asks a call for the gradients of its arguments. An operator's rule stands with it, in ops/:
//
//   template <class G> static void gradient(G& g) {
//     auto x = g.tensor("self");
//     g.give("self", g.grad() * g("aten::cos", x));
//   }
//
// Arguments are read as in a decomposition. The gradient of a result has its sizes; what is given for an argument may have
// those of the result that it was broadcast to, or another floating dtype: it is summed and cast. An argument for which
// nothing is given has the gradient 0.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "compiler/ir/builder.h"

namespace portfire::ir {

class Gradient : public Builder {
 public:
  using Builder::Builder;

  // The gradient of a result; false where nothing depends on it.
  Tensor grad(size_t result = 0) const { return grads_[result]; }
  // What the call gave.
  Tensor value(size_t result = 0) { return {this, (*outs_)[result]}; }
  size_t value_count() const { return outs_->size(); }
  // Whether a gradient of this argument, or of an item of it, is asked for.
  bool wants(std::string_view arg) const;
  bool wants_at(size_t arg) const;
  // The arguments from that number on, as they are.
  std::vector<Arg> args_from(size_t arg) const { return {frame_.args->begin() + static_cast<std::ptrdiff_t>(arg), frame_.args->end()}; }
  bool has_arg(std::string_view arg) const { return frame_.op->schema.index_of(arg) >= 0; }
  bool arg_is_tensor(size_t arg) const;
  // The argument of that number, as a tensor of rank 0 where it is a number.
  Tensor operand(size_t arg);

  void give(std::string_view arg, Tensor gradient);
  void give_at(size_t arg, Tensor gradient);
  // Of a list, an item each; false where there is none.
  void give(std::string_view arg, const std::vector<Tensor>& gradients);

  // Asks the rule of `node`, which must have one, for the gradients of the values that `wanted` holds for. `grads`: one for
  // each result.
  using Answer = std::vector<std::pair<ValueId, Tensor>>;
  Answer ask(const Node& node, std::vector<Tensor> grads, const std::vector<bool>& wanted);

 private:
  size_t index_of(std::string_view arg) const;
  bool is_wanted(const Arg& a) const;
  void answer(const Arg& arg, Tensor gradient);
  Tensor shaped_as(Tensor gradient, ValueId like);

  std::vector<Tensor> grads_;
  const std::vector<ValueId>* outs_ = nullptr;
  const std::vector<bool>* wanted_ = nullptr;
  Answer answer_;
};

}  // namespace portfire::ir
