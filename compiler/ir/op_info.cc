#include "compiler/ir/op_info.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace portfire::ir {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> items;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && (list[i] == '(' || list[i] == '[')) ++depth;
    if (i < list.size() && (list[i] == ')' || list[i] == ']')) --depth;
    if (i == list.size() || (list[i] == ',' && depth == 0)) {
      if (auto item = trim(list.substr(start, i - start)); !item.empty()) items.push_back(item);
      start = i + 1;
    }
  }
  return items;
}

// "Tensor(a!) self" or "SymInt[2] stride=1"
SchemaArg parse_arg(std::string_view text) {
  SchemaArg a;
  if (size_t eq = text.find('='); eq != text.npos) {
    a.default_text = std::string(trim(text.substr(eq + 1)));
    a.has_default = true;
    text = trim(text.substr(0, eq));
  }
  if (size_t space = text.rfind(' '); space != text.npos) {
    a.name = std::string(text.substr(space + 1));
    text = trim(text.substr(0, space));
  }
  a.type = std::string(text);
  if (size_t open = a.type.find('('); open != a.type.npos) {
    const size_t close = a.type.find(')', open);
    a.aliases = true;
    a.written = a.type.substr(open, close - open).find('!') != std::string::npos;
    a.type.erase(open, close - open + 1);
  }
  return a;
}

}  // namespace

int Schema::index_of(std::string_view arg) const {
  for (size_t i = 0; i < args.size(); ++i)
    if (args[i].name == arg) return static_cast<int>(i);
  return -1;
}

Schema parse_schema(std::string_view text) {
  Schema s;
  const size_t open = text.find('('), close = close_of_args(text);
  s.name = std::string(text.substr(0, open));
  bool keyword_only = false;
  for (std::string_view item : split(text.substr(open + 1, close - open - 1))) {
    if (item == "*") {
      keyword_only = true;
      continue;
    }
    s.args.push_back(parse_arg(item));
    s.args.back().keyword_only = keyword_only;
  }
  std::string_view returns = trim(text.substr(text.find("->", close) + 2));
  if (!returns.empty() && returns.front() == '(') returns = returns.substr(1, returns.size() - 2);
  for (std::string_view item : split(returns)) {
    std::string type(item.substr(0, item.find(' ')));
    if (size_t alias = type.find('('); alias != type.npos) type.erase(alias, type.find(')') - alias + 1);
    s.returns.push_back(type);
  }
  return s;
}

namespace {

struct Registry {
  std::deque<OpInfo> infos;
  std::unordered_map<std::string_view, const OpInfo*> by_name;
  std::vector<const OpInfo*> sorted;

  Registry() {
    for (const HostOpTable& table : host_op_tables())
      for (size_t i = 0; i < table.count; ++i) {
        OpInfo& info = infos.emplace_back();
        info.schema = parse_schema(table.ops[i].schema);
        info.name = info.schema.name;
        info.op = find_op(info.name);
        info.decompose = table.ops[i].decompose;
        info.whole = table.ops[i].whole;
        info.gradient = table.ops[i].gradient;
        info.gradient_without = table.ops[i].gradient_without;
        if (!by_name.emplace(info.name, &info).second) {
          fprintf(stderr, "portfire: operator defined twice: %s\n", info.schema.name.c_str());
          PF_CHECK(false);
        }
        sorted.push_back(&info);
      }
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
  }
};

const Registry& registry() {
  static const Registry r;
  return r;
}

}  // namespace

const OpInfo* find_op_info(std::string_view name) {
  const auto& map = registry().by_name;
  auto it = map.find(name);
  return it == map.end() ? nullptr : it->second;
}

const std::vector<const OpInfo*>& all_op_infos() { return registry().sorted; }

}  // namespace portfire::ir
