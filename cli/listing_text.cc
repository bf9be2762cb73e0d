#include "cli/listing_text.h"

#include <fmt/format.h>

#include "compiler/ir/constant_text.h"
#include "compiler/ir/text.h"
#include "format/reading.h"
#include "ops/op.h"
#include "ops/schema_kinds.h"

namespace portfire::cli {
namespace {

using Role = Listing::Role;

constexpr uint32_t kMostItems = 64;   // of a list, in a line
constexpr size_t kMostLetters = 200;  // of a string

template <class V, class F>
std::string list_text(const V* items, F text) {
  std::string s = "[";
  for (uint32_t k = 0; k < count(items); ++k) {
    if (k == kMostItems) {
      s += fmt::format(", ... {} more", count(items) - k);
      break;
    }
    s += (k ? ", " : "") + text(items->Get(k));
  }
  return s + "]";
}

std::string place_text(const Listing::Value& v) {
  std::string text = v.memory ? fmt::format(" @{}+{}", v.memory, v.offset) : "";
  if (!v.shows.empty()) text += fmt::format(" of %{}", v.shows.back());
  switch (v.role) {
    case Role::constant: return text + " constant";
    case Role::state: return text + " state";
    case Role::input: return text + " input";
    default: return text;
  }
}

// A number that is computed is a value; any other is what the file says.
std::string number_text(const Listing::Value& v, int32_t index, const std::string& number, const char* kind) {
  return v.written ? fmt::format("%{} {}", index, kind) : number;
}

}  // namespace

std::string type_text(const pte::Tensor& t, const pte::Port* port) {
  std::string sizes;
  for (uint32_t d = 0; d < count(t.sizes()); ++d) {
    std::string size = std::to_string(t.sizes()->Get(d));
    const std::string form = port ? port->sizes()->Get(d)->str() : t.shape_dynamism() == 0 ? size : "?";
    // What the file's size bounds, if it is no form of one symbol.
    if (form == "?") size = t.shape_dynamism() == 2 ? "?" : "<=" + size;
    else size = form;
    sizes += (d ? "," : "") + size;
  }
  return fmt::format("{}[{}]", name_of(static_cast<DType>(t.scalar_type())), sizes);
}

std::string name_text(std::string_view name) {
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return ir::quoted(name);
  return std::string(name);
}

std::string value_text(const Listing& l, int32_t index, bool place) {
  const Listing::Value& v = l.values[static_cast<size_t>(index)];
  const pte::EValue& file = *v.file;
  auto item = [&](int64_t k) { return k < 0 ? std::string("None") : value_text(l, static_cast<int32_t>(k), place); };
  switch (file.val_type()) {
    case pte::KernelTypes_Tensor:
      return fmt::format("%{}{} {}{}", index, v.name.empty() ? "" : " " + name_text(v.name), type_text(*v.tensor), place ? place_text(v)
                         : "");
    case pte::KernelTypes_Int: return number_text(v, index, std::to_string(file.val_as_Int()->value()), "int");
    case pte::KernelTypes_Bool: return number_text(v, index, file.val_as_Bool()->value() ? "True" : "False", "bool");
    case pte::KernelTypes_Double: return number_text(v, index, ir::real_text(file.val_as_Double()->value()), "float");
    case pte::KernelTypes_String: {
      const std::string_view text = file.val_as_String()->value()->string_view();
      return ir::quoted(text.substr(0, kMostLetters)) + (text.size() > kMostLetters ? "..." : "");
    }
    case pte::KernelTypes_IntList: return list_text(file.val_as_IntList()->items(), item);
    case pte::KernelTypes_TensorList: return list_text(file.val_as_TensorList()->items(), item);
    case pte::KernelTypes_OptionalTensorList: return list_text(file.val_as_OptionalTensorList()->items(), item);
    case pte::KernelTypes_DoubleList: return list_text(file.val_as_DoubleList()->items(), [](double d) { return ir::real_text(d); });
    case pte::KernelTypes_BoolList: return list_text(file.val_as_BoolList()->items(),
                                                     [](uint8_t b) { return std::string(b ? "True" : "False"); });
    default: return "None";
  }
}

std::vector<std::string> argument_names(const Listing::Instruction& in) {
  const Op* op = in.kind == Listing::Kind::call ? find_op(in.op) : nullptr;
  std::vector<std::string> names;
  if (!op) return names;
  const std::string_view schema = op->schema;
  for_each_argument(schema, [&](size_t, std::string_view type) {
    const char* after = type.data() + type.size();  // " dim=-1, ..."
    std::string name;
    for (const char* c = after + (after < schema.end() && *after == ' '); c < schema.end() &&
         (isalnum(static_cast<unsigned char>(*c)) || *c == '_'); ++c)
      name += *c;
    names.push_back(name);
  });
  return names;
}

std::string instruction_text(const Listing& l, size_t index) {
  const Listing::Instruction& in = l.code[index];
  std::string text;
  for (size_t k = 0; k < in.outs.size(); ++k) text += (k ? ", " : "") + value_text(l, in.outs[k], true);
  if (!in.outs.empty()) text += " = ";
  switch (in.kind) {
    case Listing::Kind::move: return text + value_text(l, in.args[0], true);
    case Listing::Kind::jump: return text + fmt::format("jump to {} unless {}", in.target, value_text(l, in.args[0], true));
    case Listing::Kind::free: return text + fmt::format("free {}", value_text(l, in.args[0], true));
    case Listing::Kind::delegate: text += fmt::format("delegate {} {}(", in.target, name_text(in.op)); break;
    case Listing::Kind::call: text += name_text(in.op) + "("; break;
  }
  const std::vector<std::string> names = argument_names(in);
  for (size_t k = 0; k < in.args.size(); ++k) {
    const bool named = k < names.size() && !l.values[static_cast<size_t>(in.args[k])].tensor && !names[k].empty();
    text += fmt::format("{}{}{}", k ? ", " : "", named ? names[k] + "=" : "", value_text(l, in.args[k], true));
  }
  return text + ")";
}

std::string where_text(const Listing::Instruction& in) {
  const Source s = source_of(in);
  std::string text = s.file.empty() ? "" : fmt::format("{}:{}", name_text(s.file), s.line);
  if (!s.module.empty()) text += (text.empty() ? "" : ", ") + name_text(s.module);
  return text;
}

}  // namespace portfire::cli
