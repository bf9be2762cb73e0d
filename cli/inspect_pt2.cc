// `portfire inspect` of torch.export archives.
#include <fmt/format.h>

#include "cli/inspect.h"
#include "compiler/import/pt2.h"
#include "compiler/ir/constant_text.h"
#include "compiler/ir/text.h"

namespace portfire::cli {
namespace {

using ir::Type;

std::string type_text(const ir::Graph& g, const Type& t) {
  switch (t.kind) {
    case Type::Kind::integer: return t.number.is_static() ? "int" : "int " + to_string(t.number, g.symbols);
    case Type::Kind::boolean: return "bool";
    case Type::Kind::real: return "float";
    case Type::Kind::none: return "None";
    case Type::Kind::tensor: break;
  }
  std::string sizes;
  for (const ir::Dim& d : t.sizes) {
    const std::string size = to_string(d, g.symbols);
    // Not a form of one symbol: the greatest it was seen to be.
    sizes += (sizes.empty() ? "" : ",") + (size[0] == '{' ? fmt::format("<={}", d.upper()) : size);
  }
  return fmt::format("{}[{}]", name_of(t.dtype), sizes);
}

std::string literal_text(const ir::Arg& a) {
  if (a.none()) return "None";
  if (a.boolean()) return *a.boolean() ? "True" : "False";
  if (a.integer()) return std::to_string(*a.integer());
  if (a.real()) return ir::real_text(*a.real());
  return a.string() ? ir::quoted(*a.string()) : "a list";
}

void count_operators(const ir::Graph& g, std::map<std::string, size_t>* counts) {
  for (const ir::Node& n : g.nodes) {
    ++(*counts)[std::string(n.op->name)];
    for (const ir::Arg& a : n.args)
      if (a.graph()) count_operators(**a.graph(), counts);
  }
}

void print_tensors(const char* what, const import::ArchiveInfo::Tensors& t) {
  if (t.count > 0) fmt::print("  {}: {}, {}\n", what, t.count, bytes_text(t.bytes));
}

}  // namespace

Error inspect_pt2(const std::string& path) {
  PF_ASSIGN(const std::shared_ptr<const import::Archive> archive, import::Archive::open(path));
  PF_ASSIGN(const import::ArchiveInfo info, import::read_archive_info(archive));
  PF_ASSIGN(const ir::Graph g, import::import_pt2(archive));
  fmt::print("{}: torch.export archive, schema {}, torch {}\n", path, info.schema, info.torch);
  fmt::print("method {}\n", g.name);
  for (const ir::Input& i : g.inputs) fmt::print("  input {} : {}\n", i.name, type_text(g, g.type(i.value)));
  for (const ir::Output& o : g.outputs)
    fmt::print("  {} : {}\n", o.name, o.value == ir::kNoValue ? literal_text(o.literal) : type_text(g, g.type(o.value)));
  if (!g.input_structure.empty()) fmt::print("  takes {}\n", structure_text(g.input_structure));
  if (!g.output_structure.empty()) fmt::print("  gives {}\n", structure_text(g.output_structure));
  for (const ir::Symbol& s : g.symbols) fmt::print("  {}\n", range_text(s.name, s.lower, s.upper));
  for (const ir::Buffer& b : g.buffers)
    if (b.role == ir::Role::buffer) fmt::print("  buffer {} : {}{}\n", b.name, type_text(g, g.type(b.value)), b.update == ir::kNoValue ? "" : ", updated");
  for (const ir::InputMutation& m : g.input_mutations) fmt::print("  input {} is written to\n", g.inputs[m.input].name);
  print_tensors("parameters", info.parameters);
  print_tensors("buffers", info.buffers);
  print_tensors("constants", info.constants);
  std::map<std::string, size_t> operators;
  count_operators(g, &operators);
  print_histogram("operators", operators);
  return {};
}

}  // namespace portfire::cli
