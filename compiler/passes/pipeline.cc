#include "compiler/passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "compiler/ir/dump.h"

namespace portfire::passes {

using ir::Stage;

constexpr const char* kTransformBefore = "recompose";  // from there on operators are not only ATen's

std::span<const Pass> pipeline() {
  static constexpr Pass kPasses[] = {
      {"decompose", decompose, Stage::decomposed},
      {"functionalise", functionalise, Stage::functional},
      {"fold_constants", fold_constants, Stage::functional},
      {"lift_products", lift_products, Stage::functional, std::nullopt, Target::native},
      {"simplify", simplify, Stage::functional},
      {"join_quantized", join_quantized, Stage::functional, std::nullopt, Target::native},
      {"fold_dequantized", fold_dequantized, Stage::functional},
      {"recompose", recompose, Stage::functional, std::nullopt, Target::native},
      {"roll_recurrent", roll_recurrent, Stage::functional, std::nullopt, Target::native},
      {"join_scatters", join_scatters, Stage::functional},
      {"recompose_attention", recompose_attention, Stage::functional, std::nullopt, Target::native},
      {"simplify_masks", simplify_masks, Stage::functional},
      {"attention_to_bf16", attention_to_bf16, Stage::functional, Precision::bf16, Target::native},
      {"pack_convolution", pack_convolution, Stage::functional, Precision::f32, Target::native},
      {"pack_convolution_bf16", pack_convolution_bf16, Stage::functional, Precision::bf16, Target::native},
      {"pack_linear", pack_linear, Stage::functional, Precision::f32, Target::native},
      {"pack_linear_bf16", pack_linear_bf16, Stage::functional, Precision::bf16, Target::native},
      {"pack_recurrent", pack_recurrent, Stage::functional, std::nullopt, Target::native},
      {"fuse_pointwise", fuse_pointwise, Stage::functional, std::nullopt, Target::native},
      {"sink_permutes", sink_permutes, Stage::functional, std::nullopt, Target::native},
      {"simplify_again", simplify, Stage::functional, std::nullopt, Target::native},
      {"fuse_depthwise", fuse_depthwise, Stage::functional, std::nullopt, Target::native},
      {"merge_pointwise", merge_pointwise, Stage::functional, std::nullopt, Target::native},
      {"fold_channels", fold_channels, Stage::functional, std::nullopt, Target::executorch},
      {"decompose_portable", decompose_portable, Stage::functional, std::nullopt, Target::executorch},
      {"fold_portable", fold_constants, Stage::functional, std::nullopt, Target::executorch},
      {"simplify_portable", simplify, Stage::functional, std::nullopt, Target::executorch},
      {"to_portable", to_portable, Stage::portable, std::nullopt, Target::executorch},
      {"join_for_xnnpack", join_for_xnnpack, Stage::portable, std::nullopt, Target::executorch, /*xnnpack=*/true},
      {"delegate_xnnpack", delegate_xnnpack, Stage::portable, std::nullopt, Target::executorch, /*xnnpack=*/true},
  };
  return kPasses;
}

const Pass* find_pass(std::string_view name) {
  for (const Pass& pass : pipeline())
    if (pass.name == name) return &pass;
  return nullptr;
}

Result<Stage> stage_after(const std::string& name) {
  if (name == kImport) return Stage::imported;
  if (const Pass* pass = find_pass(name)) return pass->stage;
  return Error::make(Code::bad_file, "no pass \"%s\" to go on after", name.c_str());
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

Error check(const Graph& graph, Stage stage, const std::string& pass) {
  const Error e = ir::verify(graph, stage);
  return e.ok() ? e : e.at(("after " + pass).c_str());
}

}  // namespace

Result<Graph> run_pipeline(Graph graph, const PipelineOptions& options, const std::string& after) {
  PF_ASSIGN(Stage stage, stage_after(after));
  const Pass* done = find_pass(after);
  if (options.transform && done && done >= find_pass(kTransformBefore))
    return Error::make(Code::bad_argument, "a graph after \"%s\" (expected one before \"%s\", to be differentiated)", after.c_str(), kTransformBefore);
  PF_ASSIGN(Dumps dumps, Dumps::open(options.dump_dir));
  size_t number = done ? static_cast<size_t>(done - pipeline().data()) + 1 : 0;
  if (options.verify) PF_TRY(check(graph, stage, after));
  PF_TRY(dumps.write(graph, number, after));
  for (const Pass& pass : pipeline().subspan(number)) {
    ++number;
    if (options.transform && pass.name == std::string_view(kTransformBefore)) {  // whether or not that pass is left out
      PF_ASSIGN(Graph transformed, options.transform(std::move(graph)));
      PF_ASSIGN(transformed, drop_detach(std::move(transformed)));
      PF_ASSIGN(graph, simplify(std::move(transformed)));
    }
    if (pass.precision.value_or(options.precision) != options.precision || pass.target.value_or(options.target) != options.target || (pass.xnnpack && !options.xnnpack))
      continue;
    if (std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end()) continue;
    const auto start = std::chrono::steady_clock::now();
    Result<Graph> next = pass.run(std::move(graph));
    if (!next.ok()) return next.error();
    graph = *std::move(next);
    if (!options.transform && stage < Stage::functional) {
      PF_ASSIGN(graph, drop_detach(std::move(graph)));
    }
    if (options.report_times) {
      const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - start;
      fprintf(stderr, "%-20s %8.2f ms  %5zu nodes\n", pass.name, ms.count(), graph.nodes.size());
    }
    stage = std::max(stage, pass.stage);
    if (options.verify) PF_TRY(check(graph, stage, pass.name));
    PF_TRY(dumps.write(graph, number, pass.name));
  }
  return graph;
}

}  // namespace portfire::passes
