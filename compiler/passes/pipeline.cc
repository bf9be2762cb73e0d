#include "compiler/passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "compiler/ir/text.h"

namespace portfire::passes {

std::span<const Pass> pipeline() {
  static constexpr Pass kPasses[] = {
      {"decompose", decompose},
      {"functionalise", functionalise},
      {"fold_constants", fold_constants},
      {"simplify", simplify},
      {"recompose", recompose},
      {"pack_convolution", pack_convolution},
      {"pack_linear", pack_linear},
      {"pack_recurrent", pack_recurrent},
      {"fuse_pointwise", fuse_pointwise},
      {"sink_permutes", sink_permutes},
      {"simplify_again", simplify},
  };
  return kPasses;
}

namespace {

Error dump(const Graph& graph, const std::string& dir, size_t number, const char* name) {
  if (dir.empty()) return {};
  std::error_code ec;
  std::filesystem::create_directories(dir, ec);
  char file[64];
  snprintf(file, sizeof file, "%02zu-%s.txt", number, name);
  const std::string path = dir + "/" + file;
  std::ofstream out(path);
  out << ir::to_text(graph);
  return out.flush() ? Error() : Error::make(Code::io, "%s: cannot write", path.c_str());
}

}  // namespace

Result<Graph> run_pipeline(Graph graph, const PipelineOptions& options) {
  PF_TRY(dump(graph, options.dump_dir, 0, "import"));
  size_t number = 0;
  for (const Pass& pass : pipeline()) {
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
    PF_TRY(dump(graph, options.dump_dir, number, pass.name));
  }
  return graph;
}

}  // namespace portfire::passes
