// The names of a training program's state that is not the model's own, as programs and checkpoints have them.
#pragma once

#include <string_view>

namespace portfire {

// All begin so: no parameter of a model does.
inline constexpr std::string_view kOwnNames = "portfire.";
inline constexpr std::string_view kStepName = "portfire.step";             // steps that the optimizer made
inline constexpr std::string_view kMicroStepName = "portfire.micro_step";  // batches accumulated since the last of them
inline constexpr std::string_view kLoraScaleName = "portfire.lora_scale";  // alpha / rank

}  // namespace portfire
