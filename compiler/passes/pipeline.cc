#include "compiler/passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "compiler/ir/dump.h"

namespace portfire::passes {

std::span<const Pass> pipeline() {
  static constexpr Pass kPasses[] = {
      {"decompose", decompose},
      {"functionalise", functionalise},
      {"fold_constants", fold_constants},
      {"simplify", simplify},
      {"pack_convolution", pack_convolution},
      {"pack_linear", pack_linear},
      {"fuse_pointwise", fuse_pointwise},
      {"sink_permutes", sink_permutes},
      {"simplify_again", simplify},
  };
  return kPasses;
}

const Pass* find_pass(std::string_view name) {
  for (const Pass& pass : pipeline())
    if (pass.name == name) return &pass;
  return nullptr;
}

namespace {

// The dumps of one compile, in a folder that holds no others.
class Dumps {
 public:
  static Result<Dumps> open(const std::string& folder) {
    Dumps dumps;
    if (folder.empty()) return dumps;
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
      const std::string name = entry.path().filename().string();
      if (name.size() > 3 && isdigit(name[0]) && isdigit(name[1]) && name[2] == '-' && name.ends_with(".txt"))
        std::filesystem::remove(entry.path(), ec);
    }
    dumps.folder_ = folder;
    PF_ASSIGN(dumps.writer_, ir::DumpWriter::open(folder + "/constants.bin"));
    return dumps;
  }
  Error write(const Graph& graph, size_t number, const std::string& pass) {
    if (!writer_) return {};
    char prefix[32];
    snprintf(prefix, sizeof prefix, "/%02zu-", number);
    return writer_->write(graph, folder_ + prefix + pass + ".txt", pass);
  }

 private:
  std::string folder_;
  std::unique_ptr<ir::DumpWriter> writer_;  // null: none are written
};

Error check_names(const PipelineOptions& options) {
  for (const std::string& name : options.disabled)
    if (!find_pass(name)) return Error::make(Code::bad_argument, "no pass \"%s\" to leave out", name.c_str());
  return {};
}

}  // namespace

Result<Graph> run_pipeline(Graph graph, const PipelineOptions& options, const std::string& after) {
  PF_TRY(check_names(options));
  const Pass* done = find_pass(after);
  if (!done && after != kImport) return Error::make(Code::bad_file, "no pass \"%s\" to go on after", after.c_str());
  PF_ASSIGN(Dumps dumps, Dumps::open(options.dump_dir));
  size_t number = done ? static_cast<size_t>(done - pipeline().data()) + 1 : 0;
  PF_TRY(dumps.write(graph, number, after));
  for (const Pass& pass : pipeline().subspan(number)) {
    ++number;
    if (std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end()) continue;
    const auto start = std::chrono::steady_clock::now();
    Result<Graph> next = pass.run(std::move(graph));
    if (!next.ok()) return next.error();
    graph = *std::move(next);
    if (options.report_times) {
      const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - start;
      fprintf(stderr, "%-20s %8.2f ms  %5zu nodes\n", pass.name, ms.count(), graph.nodes.size());
    }
    PF_TRY(dumps.write(graph, number, pass.name));
  }
  return graph;
}

}  // namespace portfire::passes
