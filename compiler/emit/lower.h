// Lowering: a functional graph, control flow included, becomes a flat list of instructions over one
// table of values. Sub-graphs are inlined between jumps; state updates become writes at the end.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::emit {

using ir::Arg;
using ir::ValueId;

struct Instruction {
  enum class Kind : uint8_t { call, move, jump_false };
  Kind kind = Kind::call;
  const ir::OpInfo* op = nullptr;
  std::vector<Arg> args;        // call: schema arguments; move: source; jump_false: condition
  std::vector<ValueId> outs;    // call: results; move: destination
  uint32_t target = 0;          // jump_false: where to go
  uint32_t origin = 0;
};

struct Lowered {
  std::string name;
  std::vector<ir::ValueInfo> values;
  std::vector<Instruction> code;
  std::vector<ir::Input> inputs;
  std::vector<ir::Output> outputs;   // values, or literals
  std::vector<ir::Buffer> state;     // value: the memory; constant: its initial content
  std::vector<std::pair<ValueId, ValueId>> in_state;  // results that are computed in the memory of state: result, state
  std::vector<ir::Origin> origins;
  std::vector<ir::Symbol> symbols;
  std::string input_structure, output_structure;
  bool executorch = false;           // calls are those of ExecuTorch's portable library (compiler/emit/out_variant.h)
};

// `executorch`: of a graph for ExecuTorch (compiler/passes/to_portable.cc), whose runtime has no views.
Result<Lowered> lower(const ir::Graph& graph, bool executorch = false);

// Weights that products take packed in bf16, and attentions in bf16.
size_t count_bf16_products(const Lowered& program);

}  // namespace portfire::emit
