// Optimizers as graphs: what a parameter becomes, given its gradient. Formulas are those of torch.optim (single tensor, not capturable),
// lion's of Chen et al. 2023, algorithm 2.
#pragma once

#include <map>
#include <string>

#include "compiler/ir/builder.h"
#include "training/options.h"

namespace portfire::training {

// The hyper-parameters of an optimizer with their defaults.
std::map<std::string, double> hyperparameters(Optimizer optimizer);

// Appends updates to a graph, and the state that they need: slots of the parameters' sizes that begin as zeros, the count of steps,
// hyper-parameters as f64 numbers. All is shared state.
class Updates {
 public:
  // `lr`: of rank 0. Code::bad_argument (Refusal) for a hyper-parameter that the optimizer does not have.
  Updates(const Options& options, ir::ValueId lr);

  // The buffer of that number takes a step along `gradient`, a tensor of its type.
  void step(ir::Builder& b, size_t parameter, ir::Tensor gradient);
  // A hyper-parameter of all parameters, as f64.
  ir::Tensor hyperparameter(ir::Builder& b, const std::string& name, double value);

 private:
  struct Call;
  void sgd(Call& c);
  void adam(Call& c);
  void rmsprop(Call& c);
  void adagrad(Call& c);
  void lion(Call& c);
  const Group* group_of(const std::string& parameter) const;
  double initial(const std::string& name) const;
  bool given(const std::string& name) const;  // and not 0, for some parameter
  ir::Tensor step_count(ir::Builder& b);

  const Options& options_;
  std::map<std::string, double> defaults_;
  ir::ValueId lr_;
  std::map<std::string, ir::ValueId> known_;  // scalars, by what they are
};

}  // namespace portfire::training
