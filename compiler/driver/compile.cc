#include "compiler/driver/compile.h"

#include "compiler/emit/write_pte.h"
#include "compiler/import/pt2.h"

namespace portfire {

Error compile(const CompileOptions& options) {
  std::vector<emit::EmitMethod> methods;
  for (const auto& [name, path] : options.methods) {
    Result<ir::Graph> imported = import::import_pt2(path);
    if (!imported.ok()) return imported.error();
    imported->name = name;
    passes::PipelineOptions passes = options.passes;
    if (!passes.dump_dir.empty() && options.methods.size() > 1) passes.dump_dir += "/" + name;
    Result<ir::Graph> graph = passes::run_pipeline(*std::move(imported), passes);
    if (!graph.ok()) return graph.error().at(path.c_str());
    Result<emit::Lowered> lowered = emit::lower(*graph);
    if (!lowered.ok()) return lowered.error().at(path.c_str());
    emit::EmitMethod method{*std::move(lowered), {}};
    method.memory = emit::plan_memory(method.program);
    methods.push_back(std::move(method));
  }
  return emit::write_pte(methods, options.output);
}

}  // namespace portfire
