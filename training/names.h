// The names of a training program's state that is not the model's own.
#pragma once

#include <string>

namespace portfire::training {

// All begin so: no parameter of a model does.
inline constexpr const char* kPrefix = "portfire.";

inline std::string step_name() { return "portfire.step"; }
inline std::string lora_scale_name() { return "portfire.lora_scale"; }  // alpha / rank
inline std::string micro_step_name() { return "portfire.micro_step"; }
// "weight_decay", or "weight_decay[*.bias]" of a group.
inline std::string hyperparameter_name(const std::string& name, const std::string& glob = {}) {
  return kPrefix + name + (glob.empty() ? "" : "[" + glob + "]");
}
// "exp_avg" of "encoder.weight".
inline std::string slot_name(const std::string& slot, const std::string& parameter) { return kPrefix + slot + "/" + parameter; }

}  // namespace portfire::training
