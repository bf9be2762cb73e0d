// `portfire merge`: what a training learned, in a program for inference.
#include <fmt/format.h>

#include "cli/commands.h"
#include "compiler/emit/merge.h"
#include "format/checkpoint.h"
#include "runtime/program.h"

namespace portfire::cli {
namespace {

Error merge_program(const MergeCommand& c) {
  PF_ASSIGN(const auto program, Program::open(c.model.c_str()));
  PF_ASSIGN(const CheckpointFile checkpoint, CheckpointFile::open(c.checkpoint.c_str()));
  std::map<std::string, TensorView> values;
  for (size_t i = 0; i < checkpoint.size(); ++i) values[std::string(checkpoint.name(i))] = checkpoint.tensor(i);
  const Error e = emit::merge_state(
      program->view(),
      [&](const std::string& name) {
        const auto found = values.find(name);
        return found == values.end() ? nullptr : &found->second;
      },
      c.output);
  return e ? e.at((c.model + " with " + c.checkpoint).c_str()) : e;
}

}  // namespace

int merge(const MergeCommand& c, const Switches& s) {
  if (c.model.ends_with(".pt2") || c.model.ends_with(".txt")) {
    CompileCommand compile_again;
    compile_again.input = c.model;
    compile_again.weights = c.checkpoint;
    compile_again.output = c.output;
    compile_again.precision = c.precision;
    return compile(compile_again, s);
  }
  if (const Error e = merge_program(c)) return report(e);
  fmt::print("{}: method forward of {} with the state of {}\n", c.output, c.model, c.checkpoint);
  return 0;
}

}  // namespace portfire::cli
