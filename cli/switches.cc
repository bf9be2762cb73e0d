#include "cli/switches.h"

#include <algorithm>
#include <cstdlib>

#include "compiler/passes/pipeline.h"

namespace portfire::cli {
namespace {

std::string text(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Error read_number(const char* name, int most, int* out) {
  const std::string value = text(name);
  if (value.empty()) return {};
  if (value.size() != 1 || value[0] < '0' || value[0] > '0' + most)
    return Error::make(Code::bad_argument, "%s: wrong value (expected 0 to %d, got \"%s\")", name, most, value.c_str());
  *out = value[0] - '0';
  return {};
}

std::vector<std::string> list(const char* name) {
  std::vector<std::string> items;
  const std::string value = text(name);
  for (size_t at = 0; at < value.size();) {
    const size_t comma = std::min(value.find(',', at), value.size());
    if (comma > at) items.push_back(value.substr(at, comma - at));
    at = comma + 1;
  }
  return items;
}

}  // namespace

Result<Switches> switches() {
  Switches s;
  PF_TRY(read_number("PORTFIRE_DEBUG", 4, &s.debug));
  int verify = passes::kVerifyByDefault;
  PF_TRY(read_number("PORTFIRE_VERIFY", 1, &verify));
  s.verify = verify != 0;
  s.dump = text("PORTFIRE_DUMP");
  s.disabled = list("PORTFIRE_DISABLE");
  return s;
}

}  // namespace portfire::cli
