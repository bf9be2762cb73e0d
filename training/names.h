// The names of state that are made of others (core/state_names.h has the fixed ones).
#pragma once

#include <string>

#include "core/state_names.h"

namespace portfire::training {

// "weight_decay", or "weight_decay[*.bias]" of a group.
inline std::string hyperparameter_name(const std::string& name, const std::string& glob = {}) {
  return std::string(kOwnNames) + name + (glob.empty() ? "" : "[" + glob + "]");
}
// "exp_avg" of "encoder.weight".
inline std::string slot_name(const std::string& slot, const std::string& parameter) { return std::string(kOwnNames) + slot + "/" + parameter; }

}  // namespace portfire::training
