#include "compiler/import/origin.h"

namespace portfire::import {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\n')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\n')) s.remove_suffix(1);
  return s;
}

}  // namespace

ir::Origin parse_origin(std::string_view trace, std::string_view module_stack) {
  ir::Origin best;
  constexpr std::string_view kFile = "File \"";
  for (size_t at = trace.find(kFile); at != trace.npos;) {
    const size_t next = trace.find(kFile, at + kFile.size());
    std::string_view frame = trace.substr(at + kFile.size(), next == trace.npos ? trace.npos : next - at - kFile.size());
    at = next;
    const size_t quote = frame.find('"'), line = frame.find("line ");
    if (quote == frame.npos || line == frame.npos) continue;
    const std::string_view path = frame.substr(0, quote);
    if (path.find("/torch/") != path.npos && !best.line.empty()) continue;
    const size_t end = frame.find_first_not_of("0123456789", line + 5);
    ir::Origin o;
    o.line = std::string(path.substr(path.rfind('/') + 1)) + ":" + std::string(frame.substr(line + 5, end - line - 5));
    if (const size_t newline = frame.find('\n'); newline != frame.npos) o.code = trim(frame.substr(newline));
    best = std::move(o);
  }
  // "key,path,class;key,path,class;...": the last is the innermost.
  const std::string_view last = module_stack.substr(module_stack.rfind(';') + 1);
  if (const size_t comma = last.find(','); comma != last.npos) {
    const std::string_view rest = last.substr(comma + 1);
    best.module = std::string(rest.substr(0, rest.find(',')));
    if (best.module.starts_with("_empty_nn_module_stack")) best.module.clear();
  }
  return best;
}

}  // namespace portfire::import
