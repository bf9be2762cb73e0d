// `portfire compile` and `portfire pass`.
#include <filesystem>

#include <fmt/format.h>

#include "autodiff/differentiate.h"
#include "cli/commands.h"
#include "cli/text.h"
#include "compiler/ir/text.h"
#include "training/program.h"

namespace portfire::cli {
namespace {

// Of all floating outputs with respect to all floating inputs.
Result<ir::Graph> vector_jacobian_product(ir::Graph graph) {
  const auto floating = [&](ir::ValueId v) { return v != ir::kNoValue && graph.type(v).is_tensor() && is_floating(graph.type(v).dtype); };
  autodiff::Problem p;
  for (size_t k = 0; k < graph.outputs.size(); ++k)
    if (floating(graph.outputs[k].value)) p.outputs.push_back(k);
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    if (floating(graph.inputs[i].value)) p.inputs.push_back(i);
  return autodiff::vector_jacobian_product(std::move(graph), p);
}

void print_memory(const CompileReport& r) {
  fmt::print("trained weights {}, optimizer {}, buffers {}\n", bytes_text(r.parameters), bytes_text(r.optimizer), bytes_text(r.buffers));
  for (const CompileReport::Method& m : r.methods) {
    fmt::print("{}: arena {}, of which {} must be there at a time", m.name, bytes_text(m.arena), bytes_text(m.live));
    if (m.live_gradients) fmt::print(" (gradients of weights at most {})", bytes_text(m.live_gradients));
    fmt::print("\n");
  }
}

}  // namespace

int compile(const CompileCommand& c, const Switches& s) {
  if (c.precision != "f32" && c.precision != "bf16")
    return report(Error::make(Code::bad_argument, "compile: --precision %s (expected f32 or bf16)", c.precision.c_str()));
  const bool executorch = c.target == "executorch";
  if (c.target != "native" && !executorch)
    return report(Error::make(Code::bad_argument, "compile: --target %s (expected native or executorch)", c.target.c_str()));
  if (executorch && c.precision != "f32")
    return report(Error::make(Code::unsupported, "compile: --target executorch --precision %s (expected f32)", c.precision.c_str()));
  if (c.xnnpack && !executorch) return report(Error::make(Code::bad_argument, "compile: --xnnpack without --target executorch"));
  if (!c.data.empty() && !c.input.ends_with(".pte"))
    return report(Error::make(Code::bad_argument, "compile: --data %s (expected with a program, .pte, got %s)", c.data[0].c_str(),
                              c.input.c_str()));
  CompileOptions o;
  o.output = c.output;
  o.weights = c.weights;
  o.data = c.data;
  if (c.precision == "bf16") o.passes.precision = passes::Precision::bf16;
  if (executorch) o.passes.target = passes::Target::executorch;
  o.passes.xnnpack = c.xnnpack;
  o.passes.dump_dir = c.dump.empty() ? s.dump : c.dump;
  o.passes.disabled = s.disabled;
  o.passes.verify = s.verify;
  o.passes.report_times = s.debug >= 1;
  if (c.vjp) o.passes.transform = vector_jacobian_product;
  if (c.train.train) {
    const Result<training::Options> parsed = training_options(c.train);
    if (!parsed.ok()) return report(parsed.error());
    training::Options t = *parsed;
    t.bf16 = c.precision == "bf16";
    o.expand = [t](ir::Dump dump, const passes::PipelineOptions& passes) -> Result<std::vector<MethodSource>> {
      if (dump.after != passes::kImport) return Error::make(Code::bad_argument, "a graph after \"%s\" (expected one after \"%s\", to be trained)", dump.after.c_str(), passes::kImport);
      return training::methods(std::move(dump.graph), t, passes);
    };
  }
  o.methods.emplace_back("", c.input);
  for (const std::string& m : c.methods) {
    const size_t eq = m.find('=');
    if (eq == m.npos || eq == 0)
      return report(Error::make(Code::bad_argument, "compile: --method %s (expected NAME=IN.pt2)", m.c_str()));
    o.methods.emplace_back(m.substr(0, eq), m.substr(eq + 1));
  }
  CompileReport done;
  if (const Error e = portfire::compile(o, &done)) return report(e);
  if (c.train.train) print_memory(done);
  if (!c.weights.empty()) fmt::print("{}: {} parameters and buffers are those of {}\n", c.output, done.new_weights, c.weights);
  if (o.passes.precision == passes::Precision::bf16)
    fmt::print("{}: {} products in bf16; all else is as in f32\n", c.output, done.bf16_products);
  return 0;
}

namespace {

Error write_graph(const ir::Graph& graph, const std::string& path, const std::string& after) {
  if (path.empty()) {
    fmt::print("after {}\n\n{}", after, ir::to_text(graph));
    return {};
  }
  const std::string constants = std::filesystem::path(path).replace_extension(".bin").string();
  PF_ASSIGN(const auto writer, ir::DumpWriter::open(constants));
  return writer->write(graph, path, after);
}

}  // namespace

int pass(const PassCommand& c) {
  const passes::Pass* pass = passes::find_pass(c.pass);
  if (!pass) {
    std::string names;
    for (const passes::Pass& p : passes::pipeline()) names += (names.empty() ? "" : ", ") + std::string(p.name);
    return report(Error::make(Code::bad_argument, "pass: no pass \"%s\" (expected one of %s)", c.pass.c_str(), names.c_str()));
  }
  Result<std::vector<ir::Dump>> in = read_graphs(c.input);
  if (!in.ok()) return report(in.error());
  Result<ir::Graph> out = pass->run(std::move(in->at(0).graph));
  if (!out.ok()) return report(out.error().at(c.input.c_str()));
  if (Error e = ir::verify(*out, pass->stage)) return report(e.at(pass->name));
  return report(write_graph(*out, c.output, pass->name));
}

}  // namespace portfire::cli
