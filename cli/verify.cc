// `portfire verify`: runs the test sets of a `.bpte` bundle on the program inside it.
#include <fmt/format.h>

#include "cli/answers.h"
#include "cli/commands.h"
#include "cli/open_program.h"
#include "cli/precision.h"
#include "core/file_map.h"
#include "format/bundle_view.h"
#include "kernels/thread_pool.h"

namespace portfire::cli {
namespace {

struct Tally {
  size_t sets = 0, differ = 0, without_answers = 0;
};

const char* plural(size_t n) { return n == 1 ? "" : "s"; }

// What is wrong with inputs that the bundle holds is wrong with the bundle.
Error of_the_file(const Error& e) { return e.code() == Code::bad_argument ? Error::make(Code::bad_file, "%s", e.text()) : e; }

Error set_inputs(const BundleView& bundle, size_t m, size_t s, Method& method, std::vector<TensorView>* held) {
  const size_t n = bundle.input_count(m, s);
  if (n != method.input_count())
    return Error::make(Code::bad_file, "wrong number of inputs (expected %zu, got %zu)", method.input_count(), n);
  held->resize(n);
  std::string types;
  for (size_t i = 0; i < n; ++i) {
    const Value v = bundle.input(m, s, i, &(*held)[i]);
    types += (i ? ", " : "") + std::string(v.kind == Value::Kind::tensor ? TypeText(*v.tensor).c_str() : name_of(v.kind));
    PF_TRY(of_the_file(v.kind == Value::Kind::tensor ? method.set_input(i, *v.tensor) : method.set_input(i, v)));
  }
  fmt::print("{}, test set {}: {} input{}{}{}\n", bundle.method(m), s, n, plural(n), n ? ": " : "", types);
  return {};
}

// One test set on the method as the one before left it, as ExecuTorch's runner does: state goes on.
Error run_set(const BundleView& bundle, size_t m, size_t s, double tolerance, Method& method, Tally* tally) {
  std::vector<TensorView> inputs;
  PF_TRY(set_inputs(bundle, m, s, method, &inputs));
  PF_TRY(method.execute());
  ++tally->sets;
  const std::vector<Array> answers = answers_of(method);
  const size_t expected = bundle.output_count(m, s);
  if (expected == 0) {
    ++tally->without_answers;
    for (size_t i = 0; i < answers.size(); ++i) fmt::print("output {}: {}, nothing to compare with\n", i,
                                                           TypeText(answers[i].view).c_str());
    return {};
  }
  if (expected != answers.size()) return Error::make(Code::bad_file, "wrong number of outputs (expected %zu, got %zu)", answers.size(),
                                                     expected);
  bool ok = true;
  for (size_t i = 0; i < answers.size(); ++i) {
    TensorView view;
    const Array want = answer_of(bundle.output(m, s, i, &view));
    if (want.view.dtype != answers[i].view.dtype) {
      fmt::print("output {}: {}: DIFFERS\n", i, TypeText(answers[i].view).c_str());
      fmt::print(stderr, "portfire: output {}: wrong type (expected {}, got {})\n", i, TypeText(want.view).c_str(),
                 TypeText(answers[i].view).c_str());
      ok = false;
      continue;
    }
    ok &= print_comparison(i, answers[i].view, want.view, fmt::format("test set {} of {}", s, bundle.method(m)), tolerance);
  }
  tally->differ += !ok;
  return {};
}

Error verify_bundle(const VerifyCommand& c, Tally* tally) {
  PF_ASSIGN(const FileMap file, FileMap::open(c.model.c_str()));
  const Result<BundleView> bundle = BundleView::open(file.bytes());
  if (!bundle.ok()) return bundle.error().at(c.model.c_str());
  PF_ASSIGN(const std::shared_ptr<const Program> program, open_program(c.model, c.data));
  ThreadPool pool(static_cast<size_t>(c.threads));
  Result<std::shared_ptr<State>> state = State::create(program);
  if (!state.ok()) return state.error().at(c.model.c_str());
  bool found = c.method.empty();
  for (size_t m = 0; m < bundle->method_count(); ++m) {
    const std::string name(bundle->method(m));
    if (!c.method.empty() && name != c.method) continue;
    found = true;
    if (!program->view().plan(name)) return Error::make(Code::bad_file, "%s: test sets for a method \"%s\" that the program has not",
                                                        c.model.c_str(), name.c_str());
    Result<std::unique_ptr<Method>> method = Method::load(program, name, {.pool = &pool, .state = *state});
    if (!method.ok()) return method.error().at(c.model.c_str());
    note_precision(**method);
    for (size_t s = 0; s < bundle->set_count(m); ++s)
      if (const Error e = run_set(*bundle, m, s, c.tolerance, **method, tally))
        return e.at(fmt::format("{}: {}, test set {}", c.model, name, s).c_str());
  }
  if (!found) return Error::make(Code::bad_argument, "verify: --method %s (expected one that has test sets in %s)", c.method.c_str(),
                                 c.model.c_str());
  return {};
}

}  // namespace

int verify(const VerifyCommand& c) {
  Tally tally;
  if (const Error e = verify_bundle(c, &tally)) return report(e);
  fmt::print("{}: {} test set{}, {} differ{}", c.model, tally.sets, plural(tally.sets), tally.differ, tally.differ == 1 ? "s" : "");
  if (tally.without_answers) fmt::print(", {} without answers", tally.without_answers);
  fmt::print("\n");
  return tally.differ ? 1 : 0;
}

}  // namespace portfire::cli
