#include "cli/inspect.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "compiler/import/tensor_file.h"
#include "compiler/ir/pytree.h"
#include "core/file_map.h"
#include "format/bundle_view.h"

namespace portfire::cli {

std::string structure_text(std::string_view json) {
  const Result<ir::PyTree> tree = ir::parse_pytree(json);
  return tree.ok() ? to_string(*tree) : std::string(json);
}

std::string range_text(std::string_view symbol, int64_t lower, int64_t upper) {
  return upper == INT64_MAX ? fmt::format("{} at least {}", symbol, lower) : fmt::format("{} in {}..{}", symbol, lower, upper);
}

void print_histogram(const char* title, const std::map<std::string, size_t>& counts) {
  std::vector<std::pair<std::string, size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  size_t sum = 0;
  for (const auto& [name, count] : sorted) sum += count;
  fmt::print("  {} ({})\n", title, sum);
  for (const auto& [name, count] : sorted) fmt::print("  {:5} {}\n", count, name);
}

namespace {

// By content: names are only names.
Error inspect_file(const InspectCommand& command) {
  const std::string& path = command.input;
  PF_ASSIGN(const FileMap file, FileMap::open(path.c_str()));
  const auto bytes = file.bytes();
  auto has = [&](size_t at, std::string_view magic) {
    return bytes.size() >= at + magic.size() && std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
  };
  const bool program = has(4, "ET12") || is_bundle(bytes), tensors = import::TensorFile::format_of(bytes).has_value();
  if (!program && (command.full || !command.html.empty() || command.profile))
    return Error::make(Code::bad_argument, "%s: --full, --html and --profile are of .pte programs", path.c_str());
  if (!program && !command.data.empty()) return Error::make(Code::bad_argument, "inspect: --data %s (expected with a program, .pte or .bpte)", command.data[0].c_str());
  if (command.profile && command.html.empty()) return Error::make(Code::bad_argument, "--profile: only with --html (portfire profile prints times)");
  if (program) return inspect_pte(command);
  if (tensors) return inspect_tensors(path);
  if (has(0, "PK")) return inspect_pt2(path);
  return Error::make(Code::bad_file, "%s: unknown format (expected a .pt2 archive, a program: .pte, .bpte, or tensors: .ptd, .safetensors)", path.c_str());
}

}  // namespace

int inspect(const InspectCommand& command) { return report(inspect_file(command)); }

}  // namespace portfire::cli
