#include "cli/switches.h"

#include <algorithm>
#include <cstdlib>
#include <type_traits>

namespace portfire::cli {
namespace {

std::string text(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// A bool takes 0 and 1, an int a digit up to kMostDebug. Unset or empty: `out` stays.
constexpr int kMostDebug = 4;

template <class T>
Error read_number(const char* name, T* out) {
  constexpr int kMost = std::is_same_v<T, bool> ? 1 : kMostDebug;
  const std::string value = text(name);
  if (value.empty()) return {};
  if (value.size() != 1 || value[0] < '0' || value[0] > '0' + kMost)
    return Error::make(Code::bad_argument, "%s: wrong value (expected 0 to %d, got \"%s\")", name, kMost, value.c_str());
  *out = static_cast<T>(value[0] - '0');
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
  PF_TRY(read_number("PORTFIRE_DEBUG", &s.debug));
  PF_TRY(read_number("PORTFIRE_VERIFY", &s.verify));
  PF_TRY(read_number("PORTFIRE_CHECK_REFERENCE", &s.check_reference));
  s.dump = text("PORTFIRE_DUMP");
  s.trace = text("PORTFIRE_TRACE");
  s.isa = text("PORTFIRE_ISA");
  s.disabled = list("PORTFIRE_DISABLE");
  for (const std::string& pass : s.disabled)
    if (!passes::find_pass(pass)) return Error::make(Code::bad_argument, "PORTFIRE_DISABLE: no pass \"%s\"", pass.c_str());
  return s;
}

}  // namespace portfire::cli
