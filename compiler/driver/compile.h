// From files to a `.pte`: import, passes, emission.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/dump.h"
#include "compiler/passes/pipeline.h"
#include "core/error.h"

namespace portfire {

// The graphs of a `.pt2` (one), a dump (`.txt`, one) or a `.pte` (its methods), and the pass they stand after. `data`: the files of tensors
// (`.ptd`) that a `.pte` takes.
Result<std::vector<ir::Dump>> read_graphs(const std::string& path, const std::vector<std::string>& data = {});

// A method to be: its graph, the pass that stands before, and what the passes are to do.
struct MethodSource {
  ir::Dump input;
  passes::PipelineOptions passes;
  // Other transforms than that of `passes`, which need less memory: they are tried in this order until arena and shared state together
  // take at most so many bytes. Where none does, that is an error which says what the least is.
  std::vector<std::function<Result<ir::Graph>(ir::Graph)>> smaller;
  uint64_t memory_limit = 0;  // 0: any
};

struct CompileOptions {
  // Method name and the file it comes from, as for read_graphs. An empty name leaves the graphs' own: those of a `.pte`'s methods, a
  // dump's, or "forward". Of a `.pte` with several methods a name takes the one that is called so, or else "forward".
  std::vector<std::pair<std::string, std::string>> methods;
  std::vector<std::string> data;  // files of tensors that a `.pte` takes
  std::string output;
  // A file of tensors (`.ptd`, `.safetensors`) that take the place of the archives' parameters and buffers of the same names
  // (compiler/import/new_weights.h). Empty: the archives' own.
  std::string weights;
  passes::PipelineOptions passes;
  // What becomes of a graph: one method or several, each named by its graph (training). May be empty.
  std::function<Result<std::vector<MethodSource>>(ir::Dump, const passes::PipelineOptions&)> expand;
};

struct CompileReport {
  size_t bf16_products = 0;  // that became so: those with constant weights, and attentions
  size_t new_weights = 0;    // tensors of CompileOptions::weights that were used
  struct Method {
    std::string name;
    uint64_t arena = 0;           // planned for what lives within a call
    uint64_t live = 0;            // the most of it that is needed at a time: what no plan is smaller than
    uint64_t live_gradients = 0;  // the most that gradients of parameters take of it at a time
  };
  std::vector<Method> methods;
  // Bytes of state that methods share.
  uint64_t parameters = 0, buffers = 0, optimizer = 0;
};

// On any error nothing is written.
Error compile(const CompileOptions& options, CompileReport* report = nullptr);

// The same in memory: the bytes of a `.pt2` to those of a `.pte` with one method, "forward".
Result<std::vector<std::byte>> compile_bytes(std::span<const std::byte> archive, const passes::PipelineOptions& options = {});

// Of a program of ExecuTorch's (a `.pte`; `data`: its files of tensors) to one for this machine, all methods. Errors do not name the file.
Result<std::vector<std::byte>> recompile_bytes(std::span<const std::byte> program, const std::vector<std::string>& data = {},
                                               const passes::PipelineOptions& options = {});

}  // namespace portfire
