// Which of our operators `to_portable` says in ExecuTorch's.
#pragma once

#include <string_view>

namespace portfire::passes {

bool has_portable_form(std::string_view op);

}  // namespace portfire::passes
