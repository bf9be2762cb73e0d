#include "compiler/driver/compile.h"

#include <exception>
#include <filesystem>
#include <fstream>
#include <new>
#include <optional>

#include "compiler/emit/text.h"
#include "compiler/emit/write_pte.h"
#include "compiler/import/new_weights.h"
#include "compiler/import/pt2.h"
#include "compiler/import/pte.h"
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

Result<bool> begins_as_program(const std::string& path) {
  PF_ASSIGN(const FileMap file, FileMap::open(path.c_str()));
  return import::is_pte(file.bytes());
}

// Of a file that holds several methods the one called `name`, or "forward".
Error choose_method(std::vector<ir::Dump>& graphs, const std::string& name) {
  if (name.empty()) return {};
  for (const std::string& wanted : {name, std::string("forward"), graphs.size() == 1 ? graphs[0].graph.name : name})
    for (ir::Dump& d : graphs)
      if (d.graph.name == wanted) {
        ir::Dump chosen = std::move(d);
        chosen.graph.name = name;
        graphs.clear();
        graphs.push_back(std::move(chosen));
        return {};
      }
  return Error::make(Code::bad_argument, "no method \"%s\" (the first is \"%s\")", name.c_str(), graphs.empty() ? "" : graphs[0].graph.name.c_str());
}

// Passes make other constants of an archive's, so only what no pass has seen is taken.
Error take_weights(import::NewWeights& weights, ir::Dump& graph, const std::string& path, bool last) {
  if (graph.after != passes::kImport)
    return Error::make(Code::bad_argument, "%s: a graph after %s cannot take other weights (expected one as imported)", path.c_str(), graph.after.c_str());
  PF_TRY(weights.replace(graph.graph));
  return last ? weights.check_used() : Error();
}

Result<emit::Lowered> lower_method(ir::Dump input, const passes::PipelineOptions& options) {
  PF_ASSIGN(const ir::Graph graph, passes::run_pipeline(std::move(input.graph), options, input.after));
  return emit::lower(graph, options.target == passes::Target::executorch);
}

// The first of its transforms that fits the limit.
Result<emit::Lowered> lower_within(MethodSource s) {
  if (s.memory_limit == 0) return lower_method(std::move(s.input), s.passes);
  uint64_t least = UINT64_MAX;
  for (size_t k = 0; k <= s.smaller.size(); ++k) {
    if (k > 0) s.passes.transform = s.smaller[k - 1];
    PF_ASSIGN(emit::Lowered lowered, lower_method(s.input, s.passes));
    PF_ASSIGN(const emit::SharedState state, emit::lay_out_state({lowered}));
    const uint64_t bytes = state.bytes + static_cast<uint64_t>(emit::plan_memory(lowered, state).buffer_sizes[1]);
    if (bytes <= s.memory_limit) return lowered;
    least = std::min(least, bytes);
  }
  return Error::make(Code::bad_argument, "%s takes %.2f MiB at the least, state and arena (expected at most %.2f MiB)", s.input.graph.name.c_str(),
                     static_cast<double>(least) / (1 << 20), static_cast<double>(s.memory_limit) / (1 << 20));
}

void note_memory(const emit::EmitProgram& program, CompileReport* report) {
  for (const emit::EmitMethod& m : program.methods)
    report->methods.push_back({m.program.name, static_cast<uint64_t>(m.memory.buffer_sizes[1]), m.memory.live, m.memory.live_gradients});
  for (const auto& t : program.state.tensors) {
    const auto bytes = static_cast<uint64_t>(t.type.upper_bytes());
    (t.role == ir::Role::parameter ? report->parameters : t.role == ir::Role::buffer ? report->buffers : report->optimizer) += bytes;
  }
}

Result<emit::EmitProgram> plan(std::vector<emit::Lowered> lowered, const std::vector<std::string>& dump_dirs) {
  emit::EmitProgram program;
  PF_ASSIGN(program.state, emit::lay_out_state(lowered));
  for (size_t i = 0; i < lowered.size(); ++i) {
    emit::MemoryPlan memory = emit::plan_memory(lowered[i], program.state);
    if (!dump_dirs[i].empty()) {
      std::ofstream out(dump_dirs[i] + "/program.txt");
      if (!(out << emit::to_text(lowered[i], memory)).flush()) return Error::make(Code::io, "%s/program.txt: cannot write", dump_dirs[i].c_str());
    }
    program.methods.push_back({std::move(lowered[i]), std::move(memory)});
  }
  return program;
}

// What is to become of a graph, the graph itself or what `expand` makes of it, lowered; `dumps`: where each is dumped.
Error lower_input(ir::Dump input, const std::string& path, const CompileOptions& options, const passes::PipelineOptions& passes,
                  std::vector<emit::Lowered>* lowered, std::vector<std::string>* dumps) {
  if (!passes.dump_dir.empty() && same_folder(passes.dump_dir, std::filesystem::path(path).parent_path().string()))
    return Error::make(Code::bad_argument, "%s: dumps would overwrite it (expected another folder)", path.c_str());
  std::vector<MethodSource> sources;
  if (options.expand) {
    PF_ASSIGN(sources, options.expand(std::move(input), passes));
    for (MethodSource& s : sources)
      if (!passes.dump_dir.empty() && sources.size() > 1) s.passes.dump_dir += "/" + s.input.graph.name;
  } else {
    sources.push_back({std::move(input), passes});
  }
  for (MethodSource& s : sources) {
    const std::string dump = s.passes.dump_dir;
    Result<emit::Lowered> method = lower_within(std::move(s));
    if (!method.ok()) return options.expand ? method.error().at(path.c_str()) : in_file(method.error(), path);
    lowered->push_back(*std::move(method));
    dumps->push_back(dump);
  }
  return {};
}

}  // namespace

Result<std::vector<ir::Dump>> read_graphs(const std::string& path, const std::vector<std::string>& data) {
  std::vector<ir::Dump> read;
  if (path.ends_with(".txt")) {
    PF_ASSIGN(ir::Dump dump, ir::read_dump(path));
    if (dump.after.empty()) dump.after = passes::kImport;
    // People edit dumps: passes rely on what the text may not keep.
    PF_ASSIGN(const ir::Stage stage, passes::stage_after(dump.after));
    if (const Error e = ir::verify(dump.graph, stage)) return Error::make(Code::bad_file, "%s: %s", path.c_str(), e.text());
    read.push_back(std::move(dump));
    return read;
  }
  PF_ASSIGN(const bool program, begins_as_program(path));
  if (program) {
    PF_ASSIGN(auto file, import::PteFile::open(path, data));
    PF_ASSIGN(std::vector<ir::Graph> graphs, import::import_pte(std::move(file)));
    for (ir::Graph& g : graphs) read.push_back({passes::kImport, std::move(g)});
    return read;
  }
  PF_ASSIGN(std::shared_ptr<const import::Archive> archive, import::Archive::open(path));
  PF_ASSIGN(ir::Dump dump, import_archive(std::move(archive)));
  read.push_back(std::move(dump));
  return read;
}

Error compile(const CompileOptions& options, CompileReport* report) {
  std::vector<emit::Lowered> lowered;
  std::vector<std::string> dumps;  // of each, where
  std::optional<import::NewWeights> weights;
  if (!options.weights.empty())
    PF_TRY(guarded(options.weights, [&]() -> Error {
      PF_ASSIGN(weights, import::NewWeights::open(options.weights));
      return {};
    }));
  for (const auto& [name, path] : options.methods)
    PF_TRY(guarded(path, [&, &name = name, &path = path]() -> Error {
      PF_ASSIGN(std::vector<ir::Dump> inputs, read_graphs(path, options.data));
      PF_TRY(choose_method(inputs, name));
      const bool last_file = &path == &options.methods.back().second, several = options.methods.size() + inputs.size() > 2;
      for (ir::Dump& input : inputs) {
        if (weights) PF_TRY(take_weights(*weights, input, path, last_file && &input == &inputs.back()));
        passes::PipelineOptions passes = options.passes;
        if (!passes.dump_dir.empty() && several) passes.dump_dir += "/" + input.graph.name;
        PF_TRY(lower_input(std::move(input), path, options, passes, &lowered, &dumps));
      }
      return {};
    }));
  if (report && weights) report->new_weights = weights->used();
  if (report)
    for (const emit::Lowered& method : lowered) report->bf16_products += emit::count_bf16_products(method);
  return guarded(options.output, [&]() -> Error {
    PF_ASSIGN(const emit::EmitProgram program, plan(std::move(lowered), dumps));
    if (report) note_memory(program, report);
    return emit::write_pte(program, options.output);
  });
}

namespace {

// Plans and writes what `lower` gives, in memory.
template <class F>
Result<std::vector<std::byte>> written(const char* where, const std::string& dump_dir, F lower) {
  std::vector<std::byte> program;
  PF_TRY(guarded(where, [&]() -> Error {
    PF_ASSIGN(std::vector<emit::Lowered> lowered, lower());
    const std::vector<std::string> dumps(lowered.size(), dump_dir);
    PF_ASSIGN(const emit::EmitProgram planned, plan(std::move(lowered), dumps));
    return emit::write_pte(planned, [&](const void* data, size_t bytes) {
      const auto* from = static_cast<const std::byte*>(data);
      program.insert(program.end(), from, from + bytes);
      return Error();
    });
  }));
  return program;
}

}  // namespace

Result<std::vector<std::byte>> compile_bytes(std::span<const std::byte> archive_bytes, const passes::PipelineOptions& options) {
  return written("archive", options.dump_dir, [&]() -> Result<std::vector<emit::Lowered>> {
    PF_ASSIGN(std::shared_ptr<const import::Archive> archive, import::Archive::from_bytes(archive_bytes, "archive"));
    PF_ASSIGN(ir::Dump input, import_archive(std::move(archive)));
    Result<emit::Lowered> method = lower_method(std::move(input), options);
    if (!method.ok()) return in_file(method.error(), "archive");
    std::vector<emit::Lowered> lowered;
    lowered.push_back(*std::move(method));
    return lowered;
  });
}

Result<std::vector<std::byte>> recompile_bytes(std::span<const std::byte> program, const std::vector<std::string>& data,
                                               const passes::PipelineOptions& options) {
  return written("program", options.dump_dir, [&]() -> Result<std::vector<emit::Lowered>> {
    PF_ASSIGN(auto file, import::PteFile::from_bytes(program, data));
    PF_ASSIGN(std::vector<ir::Graph> graphs, import::import_pte(std::move(file)));
    std::vector<emit::Lowered> lowered;
    for (ir::Graph& g : graphs) {
      PF_ASSIGN(emit::Lowered method, lower_method({passes::kImport, std::move(g)}, options));
      lowered.push_back(std::move(method));
    }
    return lowered;
  });
}

}  // namespace portfire
