// `portfire diff`: runs two programs on the same inputs and names the first operator whose value differs.
#include <algorithm>

#include <fmt/format.h>

#include "cli/answers.h"
#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/open_program.h"
#include "cli/listing_text.h"
#include "cli/measure_pairs.h"
#include "cli/text.h"
#include "kernels/thread_pool.h"

namespace portfire::cli {
namespace {

struct Side {
  std::string path;
  std::unique_ptr<Method> method;
  std::vector<Trace> traces;                 // of each call
  std::vector<std::vector<Array>> answers;
};

Error load(const std::string& path, const DiffCommand& d, ThreadPool* pool, Side* side) {
  side->path = path;
  PF_ASSIGN(std::shared_ptr<const Program> program, open_program(path, d.data));
  Result<std::unique_ptr<Method>> method = Method::load(program, d.method, {pool});
  if (!method.ok()) return method.error().at(path.c_str());
  side->method = *std::move(method);
  return {};
}

// What a takes, as b takes it.
Result<std::vector<Array>> for_other(const std::vector<Array>& inputs, const Method& b) {
  std::vector<Array> result;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& want = b.input_type(i);
    result.push_back(convert(inputs[i].view, want.kind == Value::Kind::tensor ? want.tensor->dtype : inputs[i].view.dtype));
  }
  return result;
}

Result<Calls> read_calls(const DiffCommand& d, const Side& a, const Side& b) {
  if (a.method->input_count() != b.method->input_count())
    return Error::make(Code::bad_argument, "%s: other inputs than %s (expected %zu, got %zu)", b.path.c_str(), a.path.c_str(),
                       a.method->input_count(),
                       b.method->input_count());
  std::vector<std::vector<std::string>> files;
  for (const std::string& call : d.calls) files.push_back(split(call));
  if (files.empty()) files.push_back(d.inputs);
  Calls calls;
  for (const auto& paths : files) {
    PF_ASSIGN(std::vector<Array> inputs, read_inputs(*a.method, paths));
    PF_ASSIGN(std::vector<Array> others, for_other(inputs, *b.method));
    calls.a.push_back(std::move(inputs));
    calls.b.push_back(std::move(others));
  }
  return calls;
}

Error trace(Side* side, const std::vector<std::vector<Array>>& calls) {
  Tracer tracer(*side->method);
  for (const std::vector<Array>& inputs : calls) {
    Result<Trace> trace = tracer.trace(inputs);
    if (!trace.ok()) return trace.error().at(side->path.c_str());
    side->traces.push_back(*std::move(trace));
    if (!tracer.complete()) fmt::print("{}: only the first {} values of a call are looked at\n", side->path, Tracer::kMostValues);
    side->answers.emplace_back();
    for (size_t i = 0; i < side->method->output_count(); ++i)
      if (side->method->output(i).kind != Value::Kind::none) side->answers.back().push_back(answer_of(side->method->output(i)));
  }
  return {};
}

std::string origin_text(const TracedValue& v) {
  return fmt::format("{} {}{}", v.instruction, name_text(v.op), v.source.empty() ? "" : fmt::format(" ({})", name_text(v.source)));
}

std::string type_text(const TracedValue& v) { return TypeText(v.dtype, v.shape).c_str(); }

std::string special_text(const Summary& s) {
  return fmt::format("{:.6g} to {:.6g}, mean {:.6g}{}{}", s.low, s.high, s.mean, s.nans ? fmt::format(", {} NaN", s.nans) : "",
                     s.infinities ? fmt::format(", {} infinite", s.infinities) : "");
}

std::string error_text(const Difference& d) {
  return d.same_shape ? fmt::format("largest error {:.3g}, relative {:.3g}{}", d.largest, d.relative, d.same_special ? ""
                                    : ", NaN or infinities in other places")
                      : "other sizes";
}

// True where all agree.
bool print_outputs(const std::vector<Array>& a, const std::vector<Array>& b, double tolerance, const std::string& call) {
  bool same = a.size() == b.size();
  if (!same) fmt::print("{}DIFFERS: {} outputs (expected {})\n", call, b.size(), a.size());
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const Difference d = compare(b[i].view, a[i].view);
    const bool ok = d.within(tolerance);
    same &= ok;
    fmt::print("{}output {}: {} {} (tolerance {:g}): {}\n", call, i, TypeText(b[i].view).c_str(), error_text(d), tolerance, ok ? "agrees"
               : "DIFFERS");
  }
  return same;
}

void print_all(const Trace& a, const Trace& b, const std::vector<Measured>& measured, double tolerance) {
  fmt::print("   largest  relative         type                 a = b\n");
  for (const Measured& m : measured) {
    const TracedValue &x = a.values[static_cast<size_t>(m.pair.a)], &y = b.values[static_cast<size_t>(m.pair.b)];
    fmt::print("{:10.3g} {:9.3g} {:7} {:<20} {} = {}{}\n", m.difference.largest, m.difference.relative, m.difference.within(tolerance) ? ""
               : "DIFFERS", type_text(y),
               origin_text(x), origin_text(y), m.pair.permuted ? ", reordered" : "");
  }
}

// "12 aten::mm (model.py:4), 13 aten::add, ..." of instructions.
std::string list_text(const Trace& t, const std::vector<int32_t>& values) {
  constexpr size_t kMost = 12;
  std::string text;
  const size_t begin = values.size() > kMost ? values.size() - kMost : 0;  // the last are the nearest
  if (begin > 0) text = fmt::format("{} more, ", begin);
  for (size_t k = begin; k < values.size(); ++k) text += (k > begin ? ", " : "") + origin_text(t.values[static_cast<size_t>(values[k])]);
  return text;
}

void print_first(const Trace& a, const Trace& b, const std::vector<Measured>& measured, const Blame& blame) {
  if (blame.pair < 0) {
    fmt::print("first difference: not found; no value on the way to the outputs is known to be the same in both\n");
    return;
  }
  const Measured& m = measured[static_cast<size_t>(blame.pair)];
  const TracedValue &x = a.values[static_cast<size_t>(m.pair.a)], &y = b.values[static_cast<size_t>(m.pair.b)];
  fmt::print("first difference, in what these give:\n");
  fmt::print("  a: {} : {}, {}\n  b: {} : {}, {}\n", origin_text(x), type_text(x), special_text(x.summary), origin_text(y), type_text(y),
             special_text(y.summary));
  fmt::print("  {}", error_text(m.difference));
  if (m.difference.at >= 0) {
    std::string at;
    for (int64_t i : m.at.dims()) at += (at.empty() ? "" : ",") + std::to_string(i);
    fmt::print(" at [{}]: {:.6g} in a, {:.6g} in b", at, m.value_a, m.value_b);
  }
  fmt::print("\n");
  std::string agreed;
  for (const int32_t p : blame.agreed) {
    const Pair& pair = measured[static_cast<size_t>(p)].pair;
    agreed += fmt::format("{}{} = {}{}", agreed.empty() ? "" : "; ", origin_text(a.values[static_cast<size_t>(pair.a)]),
                          origin_text(b.values[static_cast<size_t>(pair.b)]), pair.permuted ? ", reordered" : "");
  }
  fmt::print("  computed of what agrees: {}\n", agreed.empty() ? "the inputs" : agreed);
  if (blame.between_a.size() > 1 || blame.between_b.size() > 1)
    fmt::print("  by, in a: {}\n  by, in b: {}\n", list_text(a, blame.between_a), list_text(b, blame.between_b));
  const bool one_line = !x.source.empty() && x.source == y.source;
  fmt::print("  taken for the same value: {}alike to {:.0f}%{}\n", m.pair.strong ? "" : "by their place alone, ",
             100 * likeness(x.summary, y.summary), one_line ? ", of one line" : "");
}

// Gives whether the outputs are the same.
Result<bool> diff_programs(const DiffCommand& d) {
  ThreadPool pool(static_cast<size_t>(d.threads));
  Side a, b;
  PF_TRY(load(d.a, d, &pool, &a));
  PF_TRY(load(d.b, d, &pool, &b));
  PF_ASSIGN(const Calls calls, read_calls(d, a, b));
  PF_TRY(trace(&a, calls.a));
  PF_TRY(trace(&b, calls.b));
  std::vector<std::vector<Pair>> pairs;
  for (size_t c = 0; c < calls.a.size(); ++c) pairs.push_back(align(a.traces[c], b.traces[c], d.tolerance));
  PF_ASSIGN(const auto measured, measure(*a.method, *b.method, calls, pairs, d.tolerance, static_cast<size_t>(d.memory_mib) << 20));
  fmt::print("a: {}\nb: {}\n", d.a, d.b);
  bool same = true;
  for (size_t c = 0; c < calls.a.size(); ++c) {
    const std::string call = calls.a.size() > 1 ? fmt::format("call {}: ", c) : "";
    const bool ok = print_outputs(a.answers[c], b.answers[c], d.tolerance, call);
    std::vector<bool> differs;
    const Measured* worst = nullptr;
    for (const Measured& m : measured[c]) {
      differs.push_back(!m.difference.within(d.tolerance));
      if (m.pair.strong && (!worst || m.difference.relative > worst->difference.relative)) worst = &m;
    }
    fmt::print("{}{} values of a, {} of b; {} are the same in both, of which {} agree\n", call, a.traces[c].values.size(),
               b.traces[c].values.size(),
               measured[c].size(), std::count(differs.begin(), differs.end(), false));
    if (d.all) print_all(a.traces[c], b.traces[c], measured[c], d.tolerance);
    if (!ok && same) print_first(a.traces[c], b.traces[c], measured[c], find_first(a.traces[c], b.traces[c], pairs[c], differs));
    if (ok && worst && worst->difference.relative > d.tolerance)
      fmt::print("{}on the way {} = {} differ: {}\n", call, origin_text(a.traces[c].values[static_cast<size_t>(worst->pair.a)]),
                 origin_text(b.traces[c].values[static_cast<size_t>(worst->pair.b)]), error_text(worst->difference));
    same &= ok;
  }
  return same;
}

}  // namespace

int diff(const DiffCommand& command) {
  const Result<bool> same = diff_programs(command);
  if (!same.ok()) return report(same.error());
  if (!*same) fmt::print(stderr, "portfire: {}: its outputs differ from those of {}\n", command.b, command.a);
  return *same ? 0 : 1;
}

}  // namespace portfire::cli
