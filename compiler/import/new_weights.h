// Other values for an archive's parameters and buffers: those of a file of tensors, by name, as training leaves them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/import/tensor_file.h"
#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::import {

class NewWeights {
 public:
  static Result<NewWeights> open(const std::string& path);

  // Gives a graph, as it was imported, the file's tensors under its fully qualified names; what the file lacks keeps its
  // value. Names that are one tensor in the archive (tied weights) stay one: where the file has only some, the others follow.
  // Code::bad_argument where dtype or shape differ. What LoRA learned beside a weight ("M.lora_A.weight", "M.lora_B.weight" of "M.weight",
  // with kLoraScaleName) is added to it. Other names that begin with kOwnNames are not looked at.
  Error replace(ir::Graph& graph);

  // Code::bad_argument where some tensor of the file was in none of the graphs: it is of another model.
  Error check_used() const;
  // How many of the file's tensors were used.
  size_t used() const;

 private:
  explicit NewWeights(std::shared_ptr<const TensorFile> file);
  std::shared_ptr<const ir::Constant> constant(size_t i);
  // Weights that stand frozen beside matrices of low rank take these in: W + scale B A.
  Error add_low_rank(ir::Graph& graph);

  std::shared_ptr<const TensorFile> file_;
  std::map<std::string_view, size_t> names_;
  std::vector<bool> used_;
  std::vector<std::shared_ptr<const ir::Constant>> constants_;  // made when first used: methods share them
};

}  // namespace portfire::import
