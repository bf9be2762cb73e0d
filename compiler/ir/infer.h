// Types of an operator's results, by running its shape rule under each assignment of the symbols.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::ir {

Result<std::vector<Type>> infer(const Graph& graph, const OpInfo& op, std::span<const Arg> args);

// The arguments of one call as the device sees them, under assignment `k`. Constants come with
// their data where `with_data`. Owns what the values point to; not copyable, not movable. Throws Refusal where a
// list holds what the schema does not allow; kinds beside lists are `check_kinds`' affair.
class CallArgs {
 public:
  CallArgs(const Graph& graph, const OpInfo& op, std::span<const Arg> args, int k, bool with_data = false);
  CallArgs(const CallArgs&) = delete;
  CallArgs& operator=(const CallArgs&) = delete;
  ~CallArgs();
  Args args(bool sampled = false) const;
  std::span<const Value* const> pointers() const;
  // A tensor or number that stands for a graph value; its TensorView may be altered by the caller.
  Value& value(size_t arg);

 private:
  struct Storage;
  std::unique_ptr<Storage> storage_;
};

TensorView view_of(const Type& type, int k);

}  // namespace portfire::ir
