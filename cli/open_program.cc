#include "cli/open_program.h"

#include "portfire/compiler.h"

namespace portfire::cli {
Result<std::shared_ptr<const Program>> open_program(const std::string& path, const std::vector<std::string>& data) {
  return Program::open(path.c_str(), data, compile_program);
}

}  // namespace portfire::cli
