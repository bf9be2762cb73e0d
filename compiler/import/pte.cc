#include "compiler/import/pte.h"

#include <exception>
#include <map>
#include <new>

#include "compiler/import/pt2_types.h"
#include "compiler/import/pte_graph.h"
#include "compiler/import/pte_sizes.h"
#include "compiler/ir/pytree.h"
#include "format/reading.h"

namespace portfire::import {
namespace {

using ir::Arg;
using ir::Int;
using ir::Refusal;
using Sizes = std::vector<std::vector<ir::Dim>>;

std::string symbol_name(int i) { return "s" + std::to_string(i); }

Sizes sizes_of(const InputSizes& found, Symbols& symbols) {
  Sizes sizes;
  for (const auto& tensor : found.sizes) {
    sizes.emplace_back();
    for (const InputSize& s : tensor) {
      ir::Dim dim = s.upper;
      if (s.symbol >= 0) {
        const InputSizes::Range range = found.symbols[static_cast<size_t>(s.symbol)];
        const ir::Symbol& symbol = symbols.define(symbol_name(s.symbol), range.lower, range.upper);
        for (int k = 0; k < ir::kAssignments; ++k) dim.at[k] = s.step * symbol.samples.at[k] + s.offset;
      }
      sizes.back().push_back(dim);
    }
  }
  return sizes;
}

// The first size of a symbol gives its value; the others must agree.
void check_sizes(ir::Builder& build, ir::Graph& graph, const InputSizes& found) {
  std::map<int, Int> known;
  const ir::OpInfo &equal = *ir::find_op_info("portfire::check_equal"), &range = *ir::find_op_info("portfire::check_range");
  size_t tensor = 0;
  for (const ir::Input& input : graph.inputs) {
    if (!graph.type(input.value).is_tensor()) continue;
    const auto& sizes = found.sizes.at(tensor++);
    for (size_t d = 0; d < sizes.size(); ++d) {
      const InputSize& s = sizes[d];
      if (s.symbol < 0) continue;
      const std::string what = "input \"" + input.name + "\": size of dim " + std::to_string(d);
      const Int size = build.size({&build, input.value}, static_cast<int64_t>(d));
      if (const auto it = known.find(s.symbol); it != known.end()) {
        build.append(equal, {Arg(size), Arg(it->second * s.step + s.offset), what}, {});
        continue;
      }
      const InputSizes::Range r = found.symbols[static_cast<size_t>(s.symbol)];
      build.append(range, {Arg(size), s.step * r.lower + s.offset, s.upper, what}, {});
      const Int symbol = floor_div(size - s.offset, s.step);
      if (s.step > 1) build.append(equal, {Arg(size), Arg(symbol * s.step + s.offset), what}, {});
      known[s.symbol] = symbol;
    }
  }
}

// Names as the caller's structure gives them.
void name_ports(ir::Graph& graph, const pte::ExecutionPlan& plan) {
  const pte::ContainerMetadata* c = plan.container_meta_type();
  if (!c) return;
  if (count(c->encoded_inp_str())) graph.input_structure = c->encoded_inp_str()->str();
  if (count(c->encoded_out_str())) graph.output_structure = c->encoded_out_str()->str();
  if (const auto tree = ir::parse_pytree(graph.output_structure); tree.ok())
    if (const auto paths = ir::leaf_paths(*tree, "output"); paths.size() == graph.outputs.size())
      for (size_t i = 0; i < paths.size(); ++i) graph.outputs[i].name = paths[i];
}

ir::Graph import_method(const std::shared_ptr<const PteFile>& file, const pte::ExecutionPlan& plan) {
  const InputSizes found = find_sizes(plan, [&](const Sizes& sizes) {
    try {
      PlanImporter(file, plan, sizes).import();
      return true;
    } catch (const Refusal&) {
      return false;
    }
  });
  Symbols symbols;
  PlanImporter importer(file, plan, sizes_of(found, symbols));
  ir::Graph graph = importer.import([&](ir::Builder& build, ir::Graph& g) { check_sizes(build, g, found); });
  graph.symbols = symbols.all();
  name_ports(graph, plan);
  return graph;
}

}  // namespace

Result<std::vector<ir::Graph>> import_pte(std::shared_ptr<const PteFile> file) {
  std::vector<ir::Graph> graphs;
  for (const pte::ExecutionPlan* plan : *file->view().root().execution_plan()) {
    const char* method = plan->name()->c_str();
    try {
      graphs.push_back(import_method(file, *plan));
    } catch (const Refusal& r) {
      return Error::make(r.code, "method %s: %s", method, r.text.c_str());
    } catch (const std::bad_alloc&) {
      return Error::make(Code::out_of_memory, "method %s: no memory to read it", method);
    } catch (const std::exception& e) {  // what a standard container throws on nonsense
      return Error::make(Code::bad_file, "method %s: inconsistent program (%s)", method, e.what());
    }
  }
  return graphs;
}

}  // namespace portfire::import
