#include "training/executorch.h"

namespace portfire::training {

using ir::kNoValue;
using ir::Output;

Result<ir::Graph> give_parameters(ir::Graph g, Convention* c) {
  c->names.clear();
  c->parameters = g.outputs.size();
  for (size_t k = c->gradients; k < c->parameters; ++k) {
    const std::string name = g.outputs[k].name.substr(std::min(g.outputs[k].name.size(), kGradientOutput.size()));
    for (const ir::Buffer& b : g.buffers)
      if (b.name == name) {
        g.outputs.push_back({b.value, name, {}});
        c->names.push_back(name);
      }
  }
  if (c->names.size() != c->parameters - c->gradients)
    return Error::make(Code::failed, "%zu parameters have gradients (expected %zu)", c->names.size(), c->parameters - c->gradients);
  return g;
}

std::vector<std::pair<const char*, Answer>> convention_methods() {
  return {
      {"__et_training_gradients_index_forward", [](const Convention& c, auto& outputs) { outputs.push_back({kNoValue, "index", c.gradients}); }},
      {"__et_training_parameters_index_forward", [](const Convention& c, auto& outputs) { outputs.push_back({kNoValue, "index", c.parameters}); }},
      {"__et_training_fqn_forward",
       [](const Convention& c, auto& outputs) {
         for (const std::string& name : c.names) outputs.push_back({kNoValue, name, name});
       }},
  };
}

}  // namespace portfire::training
