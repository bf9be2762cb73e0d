#include "cli/text.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace portfire::cli {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) parts.emplace_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

bool number(std::string_view text, double* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

bool assignment(std::string_view item, std::string_view* name, double* value) {
  const size_t eq = item.rfind('=');
  if (eq == item.npos || eq == 0) return false;
  *name = item.substr(0, eq);
  return number(item.substr(eq + 1), value);
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 4096) return fmt::format("{} bytes", bytes);
  const double kib = static_cast<double>(bytes) / 1024;
  return kib < 1024 ? fmt::format("{:.1f} KiB", kib) : fmt::format("{:.1f} MiB", kib / 1024);
}

}  // namespace portfire::cli
