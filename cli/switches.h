// The switches of the environment, all of them read here. HACKING.md has the table.
#pragma once

#include <string>
#include <vector>

#include "compiler/passes/pipeline.h"
#include "core/error.h"

namespace portfire::cli {

struct Switches {
  int debug = 0;                      // PORTFIRE_DEBUG: 1 reports each pass
  std::string dump;                   // PORTFIRE_DUMP: a folder, as compile --dump
  // PORTFIRE_VERIFY: 1 checks what each pass gives.
  bool verify = passes::kVerifyByDefault;
  bool check_reference = false;       // PORTFIRE_CHECK_REFERENCE: 1 checks what each kernel gives
  std::string trace;                  // PORTFIRE_TRACE: where `run` writes a trace, as profile --trace
  std::vector<std::string> disabled;  // PORTFIRE_DISABLE: passes to leave out
  std::string isa;                    // PORTFIRE_ISA: the best instruction set to use
};

// Code::bad_argument where a switch has a value that means nothing.
Result<Switches> switches();

}  // namespace portfire::cli
