#include <fmt/format.h>

#include "cli/answers.h"
#include "cli/commands.h"
#include "cli/npy.h"
#include "cli/open_program.h"
#include "cli/precision.h"
#include "cli/recorder.h"
#include "cli/text.h"
#include "compiler/ir/text.h"
#include "kernels/thread_pool.h"
#include "runtime/method.h"

namespace portfire::cli {
namespace {

struct Call {
  std::vector<std::string> inputs, expects, outputs;
  bool compare = false;
};

// Their types; numbers and texts, as constant methods give them, as they are.
void print_answers(const Method& m, const std::vector<Array>& answers) {
  size_t at = 0;
  for (size_t i = 0; i < m.output_count(); ++i) {
    const Value& v = m.output(i);
    if (v.kind == Value::Kind::none) continue;
    fmt::print("output {}: {}", at, TypeText(answers[at].view).c_str());
    if (v.kind == Value::Kind::integer) fmt::print(" {}", v.integer);
    if (v.kind == Value::Kind::boolean) fmt::print(" {}", v.boolean);
    if (v.kind == Value::Kind::real) fmt::print(" {}", v.real);
    if (v.kind == Value::Kind::string) fmt::print(" {}", ir::quoted(v.string));
    fmt::print("\n");
    ++at;
  }
}

// 0: fine, else the exit code.
int run_call(Method& m, const Call& call, double tolerance) {
  if (call.inputs.size() != m.input_count()) {
    fmt::print(stderr, "portfire: run: wrong number of inputs (expected {}, got {})\n", m.input_count(), call.inputs.size());
    return 2;
  }
  std::vector<Array> held;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    Result<Array> a = read_npy(call.inputs[i]);
    if (!a.ok()) return report(a.error());
    held.push_back(*std::move(a));
    const Value& want = m.input_type(i);
    // `.npy` has no bf16.
    if (want.kind == Value::Kind::tensor && want.tensor->dtype == DType::bf16 && held.back().view.dtype == DType::f32)
      held.back() = convert(held.back().view, DType::bf16);
    if (Error e = m.set_input(i, held.back().view)) return report(e.at(call.inputs[i].c_str()));
  }
  if (Error e = m.execute()) return report(e);
  const std::vector<Array> answers = answers_of(m);
  for (size_t i = 0; i < call.outputs.size() && i < answers.size(); ++i)
    if (Error e = write_npy(call.outputs[i], answers[i].view)) return report(e);
  if (!call.compare) {
    print_answers(m, answers);
    return 0;
  }
  if (call.expects.size() != answers.size()) {
    fmt::print(stderr, "portfire: run: wrong number of outputs (expected {}, got {})\n", call.expects.size(), answers.size());
    return 1;
  }
  int code = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    Result<Array> b = read_npy(call.expects[i]);
    if (!b.ok()) return report(b.error());
    if (!print_comparison(i, answers[i].view, b->view, call.expects[i], tolerance)) code = 1;
  }
  return code;
}

}  // namespace

int run(const RunOptions& o, const Switches& environment) {
  Result<std::shared_ptr<const Program>> program = open_program(o.model, o.data);
  if (!program.ok()) return report(program.error());
  ThreadPool pool(static_cast<size_t>(o.threads));
  Recorder recorder;
  Method::Options options;
  options.pool = &pool;
  options.check_reference = environment.check_reference;
  if (!environment.trace.empty()) options.hook = recorder.hook();
  Result<std::unique_ptr<Method>> method = Method::load(*program, o.method, options);
  if (!method.ok()) return report(method.error().at(o.model.c_str()));
  note_precision(**method);
  std::vector<Call> calls;
  for (const std::string& text : o.calls) {
    const size_t eq = text.find('=');
    calls.push_back({split(text.substr(0, eq)), eq == text.npos ? std::vector<std::string>() : split(text.substr(eq + 1)), {}, eq != text.npos});
  }
  if (calls.empty()) calls.push_back({o.inputs, o.expects, o.outputs, !o.expects.empty()});
  int code = 0;
  for (const Call& c : calls) {
    recorder.begin_run();
    const int one = run_call(**method, c, o.tolerance);
    if (one > 1) return one;
    code = std::max(code, one);
  }
  if (!environment.trace.empty())
    if (Error e = write_trace(environment.trace, **method, o.model + " " + o.method, recorder)) return report(e.at("PORTFIRE_TRACE"));
  return code;
}

}  // namespace portfire::cli
