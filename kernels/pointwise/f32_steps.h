#pragma once

#include "kernels/pointwise/steps.h"

namespace portfire::pointwise {

// The vector loop for a step in f32 on the best ISA of this machine; null where there is none.
StepFn f32_step(const ops::Pointwise& op);

}  // namespace portfire::pointwise
