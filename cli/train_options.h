// The options of `portfire compile --train` as text, and what they mean.
#pragma once

#include <string>
#include <vector>

#include "core/error.h"
#include "training/options.h"

namespace portfire::cli {

struct TrainFlags {
  bool train = false;
  std::string loss, optimizer = "sgd";
  std::vector<std::string> trainable, lora;       // globs
  std::vector<std::string> hyperparameters;       // "weight_decay=0.01"
  std::vector<std::string> groups;                // "*.bias:weight_decay=0,lr_scale=2"
  int64_t rank = 8, accumulate = 1, class_dim = 1, prediction = 0;
  double alpha = 16, clip_norm = 0;               // clip_norm 0: gradients are not clipped
  double memory_limit = 0;                        // MiB; 0: any
  uint64_t seed = 0;
};

// Code::bad_argument with the option and what it may be.
Result<training::Options> training_options(const TrainFlags& flags);

}  // namespace portfire::cli
