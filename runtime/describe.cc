// What a loaded method says of itself: its instructions, and where in the model they come from.
#include <cstdio>

#include "runtime/instruction.h"

namespace portfire {

// The innermost line of Python that an instruction came from; null where the file does not say.
const pte::Frame* Method::frame_of(const Instruction& in) const {
  const auto* traces = plan_->chains()->Get(0)->stacktrace();
  const pte::FrameList* frames = traces && in.index < traces->size() ? traces->Get(in.index) : nullptr;
  const pte::Frame* frame = frames && frames->items() && frames->items()->size() ? frames->items()->Get(frames->items()->size() - 1) : nullptr;
  return frame && frame->filename() && frame->filename()->size() > 0 ? frame : nullptr;
}

// "forward, instruction 12: aten::_softmax (model.py:41): ..."
Error Method::located(const Error& e, const Instruction& in) const {
  char where[200];
  const std::string_view name = !in.name.empty() ? in.name : in.op ? in.op->name() : std::string_view("control flow");
  if (const pte::Frame* frame = frame_of(in))
    snprintf(where, sizeof where, "%s: %.*s (%s:%d)", plan_->name()->c_str(), static_cast<int>(name.size()), name.data(),
             frame->filename()->c_str(), frame->lineno());
  else
    snprintf(where, sizeof where, "%s: instruction %u: %.*s", plan_->name()->c_str(), in.index, static_cast<int>(name.size()), name.data());
  return e.at(where);
}

Method::InstructionInfo Method::instruction(size_t i) const {
  const Instruction& in = code_[i];
  InstructionInfo info{};
  info.args = in.args;
  switch (in.kind) {
    case Instruction::Kind::kernel:
    case Instruction::Kind::checked_kernel: info.by = RunBy::kernel; break;
    case Instruction::Kind::reference: info.by = RunBy::reference; break;
    case Instruction::Kind::view: info.by = RunBy::view; break;
    case Instruction::Kind::symbolic: info.by = RunBy::number; break;
    case Instruction::Kind::copy_index: info.by = RunBy::kernel; break;
    case Instruction::Kind::steps:
      info.by = RunBy::kernel;
      for (const Instruction& step : in.variant->steps)
        if (step.kind == Instruction::Kind::reference) info.by = RunBy::reference;
      break;
    case Instruction::Kind::move:
    case Instruction::Kind::jump_false:
    case Instruction::Kind::none: info.by = RunBy::control; break;
  }
  info.op = !in.name.empty()                               ? in.name
            : in.op                                        ? in.op->name()
            : in.kind == Instruction::Kind::move           ? "move"
            : in.kind == Instruction::Kind::jump_false     ? "jump"
                                                           : "free";
  if (in.kind != Instruction::Kind::symbolic) info.outs = in.outs;
  if (const pte::Frame* frame = frame_of(in)) {
    info.file = frame->filename()->string_view();
    info.line = frame->lineno();
  }
  return info;
}

}  // namespace portfire
