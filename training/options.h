// What a training program is to do. Names and defaults are PyTorch's (torch.nn.functional, torch.optim); lion's are of Chen et al. 2023,
// "Symbolic Discovery of Optimization Algorithms".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace portfire::training {

// Losses, reduced to their mean. `output`: the model computes it.
#define PF_LOSSES(X) X(cross_entropy) X(mse) X(l1) X(huber) X(bce_with_logits) X(nll) X(kl_div) X(output)
#define PF_OPTIMIZERS(X) X(sgd) X(adam) X(adamw) X(rmsprop) X(adagrad) X(lion) X(none)

#define X(name) name,
enum class Loss { PF_LOSSES(X) };
enum class Optimizer { PF_OPTIMIZERS(X) };
#undef X

// Parameters whose names match have hyper-parameters of their own; the first group that matches counts.
struct Group {
  std::string glob;
  std::map<std::string, double> hyperparameters;  // beside the optimizer's: "lr_scale", a factor of the learning rate
};

// W + alpha / rank * B A in place of each matching weight W, which stays as it is (Hu et al. 2021, "LoRA"). A [rank, in] is drawn
// uniformly from +-1/sqrt(in), as torch's linear layers are, B [out, rank] is zero.
struct Lora {
  std::vector<std::string> globs;
  int64_t rank = 8;
  double alpha = 16;
  uint64_t seed = 0;
};

struct Options {
  Loss loss = Loss::cross_entropy;
  size_t output = 0;       // which output the loss is of, or is
  int64_t class_dim = 1;   // of scores, where the loss is of classes; negative counts from the back
  Optimizer optimizer = Optimizer::sgd;
  std::map<std::string, double> hyperparameters;  // other values than the defaults
  std::vector<Group> groups;
  std::vector<std::string> trainable;             // globs of parameters' names; none: all, or with LoRA its matrices alone
  Lora lora;
  bool bf16 = false;       // products of the step in bf16 (training/autocast.h)
  bool clip = false;       // gradients, all together, to the 2-norm "clip_norm"
  double clip_norm = 1;
  uint64_t memory_limit = 0;  // bytes of state and arena together that train_step may take; 0: any
  int64_t accumulate = 1;  // calls whose gradients' mean makes one step
};

}  // namespace portfire::training
