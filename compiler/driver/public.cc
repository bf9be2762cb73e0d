// The public face of the compiler.
#include "compiler/driver/compile.h"
#include "portfire/compiler.h"
#include "portfire/module.h"

namespace portfire {

Error compile_program(std::span<const std::byte> program, std::span<const std::string> data, std::vector<std::byte>* compiled) {
  PF_ASSIGN(*compiled, recompile_bytes(program, {data.begin(), data.end()}));
  return {};
}

}  // namespace portfire

extern "C" {
extern portfire::Compiler* const portfire_compiler;
portfire::Compiler* const portfire_compiler = portfire::compile_program;
}
