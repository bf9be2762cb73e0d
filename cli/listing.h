// A method of a `.pte` taken apart for people: what each instruction reads and writes, where values lie and how long they are
// needed. Read out of the verified file alone, so programs that this build cannot run are listed like any other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/program_view.h"

namespace portfire::cli {

struct Listing {
  enum class Role : uint8_t { plain, input, constant, state, computed };  // plain: no tensor
  struct Value {
    const pte::EValue* file = nullptr;
    const pte::Tensor* tensor = nullptr;  // null: a number, a string, a list, nothing
    Role role = Role::plain;
    std::string name;                     // of an input or output, or fully qualified; empty where the file gives none
    uint64_t bytes = 0;                   // at the upper bounds of its sizes
    uint32_t memory = 0;                  // the planned buffer that it lies in; 0: none
    uint64_t offset = 0;
    bool written = false;                 // by an instruction, or from outside
    std::vector<int32_t> shows;           // values with memory of their own that a view, or the target of a move, may show
    int64_t from = -1, to = -1;           // the instructions between which its content is needed, both included; -1: none
  };
  enum class Kind : uint8_t { call, delegate, move, jump, free };
  struct Instruction {
    Kind kind = Kind::free;
    std::string op;                       // "aten::add.out", "XnnpackBackend", "move", "jump", "free"
    std::vector<int32_t> args;            // values; without those that only say where results go
    std::vector<int32_t> outs;            // tensors and numbers; lists are taken apart
    std::vector<int32_t> reads;           // the tensors and numbers among args, lists taken apart
    std::vector<int64_t> producers;       // of each of `reads`: the instruction it comes from; -1: none, or from a later one in a loop
    uint32_t target = 0;                  // jump: where to where the condition is false; delegate: which
    const pte::FrameList* frames = nullptr;  // lines of Python, the innermost last; null where the file does not say
  };
  // A buffer of planned memory.
  struct Memory {
    uint64_t size = 0;
    std::vector<uint64_t> live;           // bytes in use at each instruction; what shares memory counts once
    uint64_t peak = 0;
    size_t peak_at = 0;                   // an instruction
  };

  const ProgramView* program = nullptr;   // it and its file must outlive the listing
  const pte::ExecutionPlan* plan = nullptr;
  const pte::MethodInterface* names = nullptr;
  std::vector<Value> values;
  std::vector<Instruction> code;
  std::vector<Memory> memory;             // by id; 0 is not used
};

Listing list_method(const ProgramView& program, const pte::ExecutionPlan& plan);

// The innermost line of Python of an instruction, and the module it belongs to; empty where the file does not say.
struct Source {
  std::string file, module, code;
  int line = 0;
};
Source source_of(const Listing::Instruction& instruction);

std::string operator_name(const pte::Operator& op);

}  // namespace portfire::cli
