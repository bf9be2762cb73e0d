#include "compiler/driver/compile.h"

#include <exception>
#include <new>

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

Result<emit::EmitMethod> compile_method(const std::string& name, std::shared_ptr<const import::Archive> archive,
                                        const passes::PipelineOptions& options) {
  const std::string path = archive->path();
  PF_ASSIGN(ir::Graph imported, import::import_pt2(std::move(archive)));
  imported.name = name;
  Result<ir::Graph> graph = passes::run_pipeline(std::move(imported), options);
  if (!graph.ok()) return in_file(graph.error(), path);
  Result<emit::Lowered> lowered = emit::lower(*graph);
  if (!lowered.ok()) return in_file(lowered.error(), path);
  emit::EmitMethod method{*std::move(lowered), {}};
  method.memory = emit::plan_memory(method.program);
  return method;
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

}  // namespace

Error compile(const CompileOptions& options) {
  std::vector<emit::EmitMethod> methods;
  for (const auto& [name, path] : options.methods)
    PF_TRY(guarded(path, [&, &name = name, &path = path]() -> Error {
      PF_ASSIGN(std::shared_ptr<const import::Archive> archive, import::Archive::open(path));
      passes::PipelineOptions passes = options.passes;
      if (!passes.dump_dir.empty() && options.methods.size() > 1) passes.dump_dir += "/" + name;
      PF_ASSIGN(emit::EmitMethod method, compile_method(name, std::move(archive), passes));
      methods.push_back(std::move(method));
      return {};
    }));
  return guarded(options.output, [&] { return emit::write_pte(methods, options.output); });
}

Result<std::vector<std::byte>> compile_bytes(std::span<const std::byte> archive_bytes) {
  std::vector<std::byte> program;
  PF_TRY(guarded("archive", [&]() -> Error {
    PF_ASSIGN(std::shared_ptr<const import::Archive> archive, import::Archive::from_bytes(archive_bytes, "archive"));
    PF_ASSIGN(emit::EmitMethod method, compile_method("forward", std::move(archive), {}));
    std::vector<emit::EmitMethod> methods;
    methods.push_back(std::move(method));
    return emit::write_pte(methods, [&](const void* data, size_t bytes) {
      const auto* from = static_cast<const std::byte*>(data);
      program.insert(program.end(), from, from + bytes);
      return Error();
    });
  }));
  return program;
}

}  // namespace portfire
