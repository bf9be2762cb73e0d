// Errors as the command line tells them, and its exit codes.
#include <fmt/format.h>

#include "cli/commands.h"

namespace portfire::cli {

int report(const Error& e) {
  if (e.ok()) return 0;
  fmt::print(stderr, "portfire: {}\n", e.text());
  switch (e.code()) {
    case Code::ok: return 0;
    case Code::bad_file:
    case Code::unsupported:
    case Code::io: return 3;
    case Code::bad_argument: return 2;
    case Code::out_of_memory:
    case Code::failed: return 1;
  }
  return 1;
}

}  // namespace portfire::cli
