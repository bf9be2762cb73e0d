#include "compiler/ir/pytree.h"

#include <simdjson.h>

namespace portfire::ir {
namespace {

using Json = simdjson::dom::element;

constexpr int kMaxDepth = 100;

std::string python_key(Json key) {
  std::string_view text;
  return key.get(text) ? simdjson::minify(key) : "'" + std::string(text) + "'";
}

// A dict's context is the JSON list of its keys; a defaultdict's holds that list as "dict_context".
std::vector<std::string> keys_of(std::string_view context) {
  simdjson::dom::parser parser;
  Json root = parser.parse(context.data(), context.size());
  simdjson::dom::array list;
  if (root.get(list)) list = root["dict_context"];
  std::vector<std::string> keys;
  for (Json key : list) keys.push_back(python_key(key));
  return keys;
}

PyTree parse(Json node, int depth) {
  PyTree tree;
  std::string_view type, context;
  if (depth > kMaxDepth || node["type"].get(type)) return tree;
  tree.type = std::string(type);
  tree.kind = type == "builtins.tuple"  ? PyTree::Kind::tuple
              : type == "builtins.list" ? PyTree::Kind::list
                                        : PyTree::Kind::other;
  const bool dict = type == "builtins.dict" || type == "collections.OrderedDict" || type == "collections.defaultdict";
  if (dict && !node["context"].get(context)) {
    tree.kind = PyTree::Kind::dict;
    tree.keys = keys_of(context);
  }
  // A named tuple is shown by its class.
  if (type == "collections.namedtuple" && !node["context"].get(context)) tree.type = std::string(context);
  for (Json child : simdjson::dom::array(node["children_spec"])) tree.children.push_back(parse(child, depth + 1));
  if (dict && tree.keys.size() != tree.children.size()) tree.kind = PyTree::Kind::other;
  return tree;
}

void append_paths(const PyTree& tree, const std::string& path, std::vector<std::string>* out) {
  if (tree.kind == PyTree::Kind::leaf) return out->push_back(path);
  for (size_t i = 0; i < tree.children.size(); ++i)
    append_paths(tree.children[i], path + "[" + (tree.kind == PyTree::Kind::dict ? tree.keys[i] : std::to_string(i)) + "]", out);
}

}  // namespace

Result<PyTree> parse_pytree(std::string_view json) {
  try {
    simdjson::dom::parser parser;
    const Json root = parser.parse(json.data(), json.size());
    return parse(root.at(1), 0);
  } catch (const simdjson::simdjson_error& e) {
    return Error::make(Code::bad_file, "a pytree that is none: %s", e.what());
  }
}

std::vector<std::string> leaf_paths(const PyTree& tree, const std::string& root) {
  std::vector<std::string> paths;
  append_paths(tree, root, &paths);
  return paths;
}

std::vector<std::string> input_paths(const PyTree& tree, const std::vector<std::string>& names) {
  if (tree.children.size() != 2 || tree.children[1].kind != PyTree::Kind::dict) return leaf_paths(tree, "inputs");
  const PyTree &positional = tree.children[0], &keywords = tree.children[1];
  std::vector<std::string> paths;
  for (size_t i = 0; i < positional.children.size(); ++i)
    append_paths(positional.children[i], i < names.size() ? names[i] : "args[" + std::to_string(i) + "]", &paths);
  for (size_t i = 0; i < keywords.children.size(); ++i) {
    std::string name = keywords.keys[i];
    if (name.size() > 2 && name[0] == '\'') name = name.substr(1, name.size() - 2);
    append_paths(keywords.children[i], name, &paths);
  }
  return paths;
}

std::string to_string(const PyTree& tree) {
  std::string items;
  for (size_t i = 0; i < tree.children.size(); ++i)
    items += (i ? ", " : "") + (tree.kind == PyTree::Kind::dict ? tree.keys[i] + ": " : "") + to_string(tree.children[i]);
  switch (tree.kind) {
    case PyTree::Kind::leaf: return "*";
    case PyTree::Kind::tuple: return "(" + items + (tree.children.size() == 1 ? ",)" : ")");
    case PyTree::Kind::list: return "[" + items + "]";
    case PyTree::Kind::dict: return "{" + items + "}";
    case PyTree::Kind::other: return tree.type + "(" + items + ")";
  }
  return {};
}

}  // namespace portfire::ir
