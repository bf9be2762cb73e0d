#include "cli/inspect_full.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "cli/arena_text.h"
#include "cli/listing_text.h"
#include "cli/text.h"
#include "cli/xnnpack_text.h"
#include "format/reading.h"

namespace portfire::cli {
namespace {

constexpr size_t kMostUsers = 4;  // of a constant, told

void print_instructions(const Listing& l) {
  if (l.code.empty()) return;
  fmt::print("  code\n");
  std::vector<std::string> lines;
  std::vector<bool> is_target(l.code.size() + 1);
  for (const Listing::Instruction& in : l.code)
    if (in.kind == Listing::Kind::jump) is_target[in.target] = true;
  std::string last;
  for (size_t i = 0; i < l.code.size(); ++i) {
    // Where an instruction comes from is told where that changes.
    if (const std::string where = where_text(l.code[i]); where != last) {
      const std::string code = source_of(l.code[i]).code;
      fmt::print("        # {}{}{}\n", where.empty() ? "?" : where, code.empty() ? "" : ": ", name_text(code));
      last = where;
    }
    fmt::print("  {}{:4} {}\n", is_target[i] ? '>' : ' ', i, instruction_text(l, i));
  }
  if (is_target[l.code.size()]) fmt::print("  >{:4} the end\n", l.code.size());
}

void print_delegates(const ProgramView& program, const pte::ExecutionPlan& plan) {
  for (uint32_t i = 0; i < count(plan.delegates()); ++i) {
    const pte::BackendDelegate& d = *plan.delegates()->Get(i);
    const auto bytes = delegate_bytes(program, d);
    fmt::print("  delegate {} {}, {}\n", i, d.id() ? name_text(d.id()->string_view()) : "?", bytes_text(bytes.size()));
    for (uint32_t k = 0; k < count(d.compile_specs()); ++k) {
      const pte::CompileSpec& spec = *d.compile_specs()->Get(k);
      fmt::print("    spec {} = {}\n", spec.key() ? name_text(spec.key()->string_view()) : "?", spec_text(spec));
    }
    fmt::print("{}", delegate_text(program, d));
  }
}

}  // namespace

std::span<const std::byte> delegate_bytes(const ProgramView& program, const pte::BackendDelegate& d) {
  const pte::BackendDelegateDataReference* at = d.processed();
  if (!at) return {};
  if (at->location() == 1)
    return at->index() < count(program.root().segments()) ? program.segment(at->index()) : std::span<const std::byte>();
  if (at->index() >= count(program.root().backend_delegate_data())) return {};
  const auto* data = program.root().backend_delegate_data()->Get(at->index())->data();
  return data ? std::as_bytes(std::span(data->data(), data->size())) : std::span<const std::byte>();
}

std::string delegate_text(const ProgramView& program, const pte::BackendDelegate& d) {
  return d.id() && d.id()->string_view() == "XnnpackBackend" ? xnnpack_text(delegate_bytes(program, d)) : std::string();
}

std::string spec_text(const pte::CompileSpec& spec) {
  const uint32_t n = count(spec.value());
  if (n == 0) return "\"\"";
  const uint8_t* bytes = spec.value()->data();
  if (std::all_of(bytes, bytes + n, [](uint8_t c) { return c >= 0x20 && c < 0x7f; }))
    return fmt::format("\"{}\"", std::string_view(reinterpret_cast<const char*>(bytes), std::min<size_t>(n, 400)));
  uint64_t number = 0;
  for (uint32_t k = 0; k < std::min<uint32_t>(n, 8); ++k) number |= uint64_t{bytes[k]} << (8 * k);
  if (n == 1 || n == 2 || n == 4 || n == 8) return std::to_string(number);
  std::string hex;
  for (uint32_t k = 0; k < std::min<uint32_t>(n, 32); ++k) hex += fmt::format("{:02x}", bytes[k]);
  return fmt::format("{}{} ({} bytes)", hex, n > 32 ? "..." : "", n);
}

void print_method(const Listing& l) {
  print_instructions(l);
  print_delegates(*l.program, *l.plan);
  for (uint32_t id = 1; id < l.memory.size(); ++id) fmt::print("{}", arena_text(l, id));
}

std::vector<Constant> constants_of(const std::vector<Listing>& methods) {
  std::map<std::pair<uint32_t, std::string>, Constant> found;  // those outside of the file by name
  for (size_t method = 0; method < methods.size(); ++method) {
    const Listing& l = methods[method];
    std::vector<Constant*> of(l.values.size());
    for (size_t i = 0; i < l.values.size(); ++i) {
      const Listing::Value& v = l.values[i];
      if (v.role != Listing::Role::constant) continue;
      const pte::ExtraTensorInfo* extra = v.tensor->extra_tensor_info();
      const bool external = extra && extra->location() == 1;
      Constant& c = found[{external ? 0 : v.tensor->data_buffer_idx(), external ? v.name : ""}];
      c.index = external ? 0 : v.tensor->data_buffer_idx();
      if (c.type.empty()) c.type = type_text(*v.tensor);
      if (c.name.empty()) c.name = v.name;
      c.bytes = std::max(c.bytes, v.bytes);
      of[i] = &c;
    }
    for (size_t i = 0; i < l.code.size(); ++i)
      for (const int32_t r : l.code[i].reads)
        if (Constant* c = of[static_cast<size_t>(r)]) {
          c->users.push_back({method, i, l.code[i].op});
          if (c->name.empty()) c->name = source_of(l.code[i]).module;
        }
  }
  std::vector<Constant> list;
  for (auto& [key, c] : found) list.push_back(std::move(c));
  std::stable_sort(list.begin(), list.end(), [](const Constant& a, const Constant& b) { return a.bytes > b.bytes; });
  return list;
}

std::vector<Listing> list_methods(const ProgramView& program) {
  std::vector<Listing> methods;
  for (const pte::ExecutionPlan* plan : *program.root().execution_plan()) methods.push_back(list_method(program, *plan));
  return methods;
}

void print_data(const ProgramView& program) {
  const std::vector<Listing> methods = list_methods(program);
  const std::vector<Constant> constants = constants_of(methods);
  uint64_t sum = 0;
  for (const Constant& c : constants) sum += c.bytes;
  if (!constants.empty()) fmt::print("constants: {}, {}\n", constants.size(), bytes_text(sum));
  for (const Constant& c : constants) {
    fmt::print("  {:>10} {:5.1f}%  {} {}", bytes_text(c.bytes), sum ? 100.0 * static_cast<double>(c.bytes) / static_cast<double>(sum) : 0.0,
               c.index ? fmt::format("{}", c.index) : "outside", c.type);
    if (!c.name.empty()) fmt::print(" {}", name_text(c.name));
    for (size_t k = 0; k < std::min(c.users.size(), kMostUsers); ++k) {
      const Constant::User& u = c.users[k];
      const std::string method = methods.size() > 1 ? name_text(methods[u.method].plan->name()->string_view()) + " " : "";
      fmt::print("{}{}{} {}", k ? ", " : "  for ", method, u.instruction, name_text(u.op));
    }
    fmt::print("{}\n", c.users.size() > kMostUsers ? fmt::format(", {} more", c.users.size() - kMostUsers) : c.users.empty() ? "  not used"
               : "");
  }
  const pte::Program& root = program.root();
  if (count(root.named_data())) fmt::print("named data\n");
  for (uint32_t i = 0; i < count(root.named_data()); ++i) {
    const pte::NamedData& n = *root.named_data()->Get(i);
    fmt::print("  {} : segment {}, {}\n", name_text(n.key()->string_view()), n.segment_index(),
               bytes_text(program.segment(n.segment_index()).size()));
  }
  if (count(root.segments())) fmt::print("segments\n");
  for (uint32_t i = 0; i < count(root.segments()); ++i) {
    const auto bytes = program.segment(i);
    fmt::print("  {:4} at {:>10}, {}\n", i, static_cast<size_t>(bytes.data() - program.file().data()), bytes_text(bytes.size()));
  }
}

}  // namespace portfire::cli
