#include "compiler/driver/compile.h"

#include <exception>
#include <filesystem>
#include <fstream>
#include <new>

#include "compiler/emit/text.h"
#include "compiler/emit/write_pte.h"
#include "compiler/import/pt2.h"
#include "compiler/ir/builder.h"
#include "core/new_file.h"

namespace portfire {
namespace {

// Calls f, which yields a Result. What is thrown on nonsense in a file is an error of that file, not the end of the
// process; and shape rules that blame arguments mean those of the file.
template <class F>
auto guarded(const std::string& where, F f) -> decltype(f()) {
  try {
    auto result = f();
    if (!result.ok() && result.error().code() == Code::bad_argument) return Error::make(Code::bad_file, "%s", result.error().text());
    return result;
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

// Nonsense that only emission notices is that of the first file.
Result<bool> write(const std::vector<emit::EmitMethod>& methods, const std::string& where, const emit::Sink& sink) {
  return guarded(where, [&]() -> Result<bool> {
    PF_TRY(emit::write_pte(methods, sink));
    return true;
  });
}

}  // namespace

Result<ir::Dump> read_graph(const std::string& path) {
  return guarded(path, [&]() -> Result<ir::Dump> {
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
  });
}

Error compile(const CompileOptions& options) {
  std::vector<emit::EmitMethod> methods;
  for (const auto& entry : options.methods) {
    const std::string &name = entry.first, &path = entry.second;
    PF_ASSIGN(ir::Dump input, read_graph(path));
    if (!name.empty()) input.graph.name = name;
    passes::PipelineOptions passes = options.passes;
    if (!passes.dump_dir.empty() && options.methods.size() > 1) passes.dump_dir += "/" + input.graph.name;
    if (!passes.dump_dir.empty() && same_folder(passes.dump_dir, std::filesystem::path(path).parent_path().string()))
      return Error::make(Code::bad_argument, "%s: dumps would overwrite it (expected another folder)", path.c_str());
    Result<emit::EmitMethod> method = guarded(path, [&]() -> Result<emit::EmitMethod> {
      Result<emit::EmitMethod> one = compile_method(std::move(input), passes);
      if (!one.ok()) return one.error().at(path.c_str());
      return one;
    });
    if (!method.ok()) return method.error();
    methods.push_back(*std::move(method));
  }
  NewFile file(options.output.c_str());
  const std::string& where = options.methods.empty() ? options.output : options.methods[0].second;
  const Result<bool> written = write(methods, where, [&](const void* data, size_t bytes) { return file.write(data, bytes); });
  return written.ok() ? file.finish() : written.error();
}

Result<std::vector<std::byte>> compile_bytes(std::span<const std::byte> bytes) {
  return guarded("archive", [&]() -> Result<std::vector<std::byte>> {
    PF_ASSIGN(const std::shared_ptr<const import::Archive> archive, import::Archive::from_bytes(bytes, "archive"));
    PF_ASSIGN(ir::Graph imported, import::import_pt2(archive));
    std::vector<emit::EmitMethod> methods;
    PF_ASSIGN(emit::EmitMethod method, compile_method({passes::kImport, std::move(imported)}, {}));
    methods.push_back(std::move(method));
    std::vector<std::byte> program;
    PF_TRY(emit::write_pte(methods, [&](const void* data, size_t size) {
      const auto* from = static_cast<const std::byte*>(data);
      program.insert(program.end(), from, from + size);
      return Error();
    }));
    return program;
  });
}

}  // namespace portfire
