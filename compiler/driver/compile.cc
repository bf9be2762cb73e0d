#include "compiler/driver/compile.h"

#include <filesystem>
#include <fstream>

#include "compiler/emit/text.h"
#include "compiler/emit/write_pte.h"
#include "compiler/import/pt2.h"

namespace portfire {

Result<ir::Dump> read_graph(const std::string& path) {
  if (path.ends_with(".txt")) {
    PF_ASSIGN(ir::Dump dump, ir::read_dump(path));
    if (dump.after.empty()) dump.after = passes::kImport;
    // People edit dumps: passes rely on what the text may not keep.
    PF_ASSIGN(const ir::Stage stage, passes::stage_after(dump.after));
    if (const Error e = ir::verify(dump.graph, stage)) return Error::make(Code::bad_file, "%s: %s", path.c_str(), e.text());
    return dump;
  }
  PF_ASSIGN(ir::Graph imported, import::import_pt2(path));
  return ir::Dump{passes::kImport, std::move(imported)};
}

namespace {

bool same_folder(const std::string& a, const std::string& b) {
  std::error_code none_there;
  return std::filesystem::equivalent(a.empty() ? "." : a, b.empty() ? "." : b, none_there);
}

Result<emit::EmitMethod> compile_method(ir::Dump input, const passes::PipelineOptions& options) {
  PF_ASSIGN(const ir::Graph graph, passes::run_pipeline(std::move(input.graph), options, input.after));
  PF_ASSIGN(emit::Lowered lowered, emit::lower(graph));
  emit::EmitMethod method{std::move(lowered), {}};
  method.memory = emit::plan_memory(method.program);
  if (!options.dump_dir.empty()) {
    std::ofstream out(options.dump_dir + "/program.txt");
    if (!(out << emit::to_text(method.program, method.memory)).flush())
      return Error::make(Code::io, "%s/program.txt: cannot write", options.dump_dir.c_str());
  }
  return method;
}

}  // namespace

Error compile(const CompileOptions& options) {
  std::vector<emit::EmitMethod> methods;
  for (const auto& [name, path] : options.methods) {
    PF_ASSIGN(ir::Dump input, read_graph(path));
    if (!name.empty()) input.graph.name = name;
    passes::PipelineOptions passes = options.passes;
    if (!passes.dump_dir.empty() && options.methods.size() > 1) passes.dump_dir += "/" + input.graph.name;
    if (!passes.dump_dir.empty() && same_folder(passes.dump_dir, std::filesystem::path(path).parent_path().string()))
      return Error::make(Code::bad_argument, "%s: dumps would overwrite it (expected another folder)", path.c_str());
    Result<emit::EmitMethod> method = compile_method(std::move(input), passes);
    if (!method.ok()) return method.error().at(path.c_str());
    methods.push_back(*std::move(method));
  }
  return emit::write_pte(methods, options.output);
}

}  // namespace portfire
