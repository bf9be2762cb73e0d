#include "compiler/driver/compile.h"

#include <exception>
#include <filesystem>
#include <fstream>
#include <new>

#include "compiler/emit/text.h"
#include "compiler/emit/write_pte.h"
#include "compiler/import/pt2.h"
#include "compiler/ir/builder.h"

namespace portfire {
namespace {

// Shape rules blame arguments; here those come from a file.
Error in_file(const Error& e, const std::string& path) {
  const Code code = e.code() == Code::bad_argument || e.code() == Code::failed ? Code::bad_file : e.code();
  return Error::make(code, "%s: %s", path.c_str(), e.text());
}

// What a standard container throws on nonsense in a file is an error of that file, not the end of the process.
template <class F>
Error guarded(const std::string& where, F f) {
  try {
    return f();
  } catch (const ir::Refusal& r) {
    return Error::make(r.code, "%s: %s", where.c_str(), r.text.c_str());
  } catch (const std::bad_alloc&) {
    return Error::make(Code::out_of_memory, "%s: no memory to compile it", where.c_str());
  } catch (const std::exception& e) {
    return Error::make(Code::bad_file, "%s: inconsistent program (%s)", where.c_str(), e.what());
  }
}

bool same_folder(const std::string& a, const std::string& b) {
  std::error_code none_there;
  return std::filesystem::equivalent(a.empty() ? "." : a, b.empty() ? "." : b, none_there);
}

Result<ir::Dump> import_archive(std::shared_ptr<const import::Archive> archive) {
  PF_ASSIGN(ir::Graph imported, import::import_pt2(std::move(archive)));
  return ir::Dump{passes::kImport, std::move(imported)};
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

Result<ir::Dump> read_graph(const std::string& path) {
  if (path.ends_with(".txt")) {
    PF_ASSIGN(ir::Dump dump, ir::read_dump(path));
    if (dump.after.empty()) dump.after = passes::kImport;
    // People edit dumps: passes rely on what the text may not keep.
    PF_ASSIGN(const ir::Stage stage, passes::stage_after(dump.after));
    if (const Error e = ir::verify(dump.graph, stage)) return Error::make(Code::bad_file, "%s: %s", path.c_str(), e.text());
    return dump;
  }
  PF_ASSIGN(std::shared_ptr<const import::Archive> archive, import::Archive::open(path));
  return import_archive(std::move(archive));
}

Error compile(const CompileOptions& options, CompileReport* report) {
  std::vector<emit::EmitMethod> methods;
  for (const auto& [name, path] : options.methods)
    PF_TRY(guarded(path, [&, &name = name, &path = path]() -> Error {
      PF_ASSIGN(ir::Dump input, read_graph(path));
      if (!name.empty()) input.graph.name = name;
      passes::PipelineOptions passes = options.passes;
      if (!passes.dump_dir.empty() && options.methods.size() > 1) passes.dump_dir += "/" + input.graph.name;
      if (!passes.dump_dir.empty() && same_folder(passes.dump_dir, std::filesystem::path(path).parent_path().string()))
        return Error::make(Code::bad_argument, "%s: dumps would overwrite it (expected another folder)", path.c_str());
      Result<emit::EmitMethod> method = compile_method(std::move(input), passes);
      if (!method.ok()) return in_file(method.error(), path);
      if (report) report->bf16_products += emit::count_bf16_products(method->program);
      methods.push_back(*std::move(method));
      return {};
    }));
  return guarded(options.output, [&] { return emit::write_pte(methods, options.output); });
}

Result<std::vector<std::byte>> compile_bytes(std::span<const std::byte> archive_bytes, const passes::PipelineOptions& options) {
  std::vector<std::byte> program;
  PF_TRY(guarded("archive", [&]() -> Error {
    PF_ASSIGN(std::shared_ptr<const import::Archive> archive, import::Archive::from_bytes(archive_bytes, "archive"));
    PF_ASSIGN(ir::Dump input, import_archive(std::move(archive)));
    std::vector<emit::EmitMethod> methods;
    Result<emit::EmitMethod> method = compile_method(std::move(input), options);
    if (!method.ok()) return in_file(method.error(), "archive");
    methods.push_back(*std::move(method));
    return emit::write_pte(methods, [&](const void* data, size_t bytes) {
      const auto* from = static_cast<const std::byte*>(data);
      program.insert(program.end(), from, from + bytes);
      return Error();
    });
  }));
  return program;
}

}  // namespace portfire
