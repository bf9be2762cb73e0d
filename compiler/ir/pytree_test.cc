#include "compiler/ir/pytree.h"

#include <gmock/gmock.h>

namespace portfire::ir {
namespace {

using testing::ElementsAre;

std::string node(const std::string& type, const std::string& context, const std::string& children) {
  return "{\"type\": \"" + type + "\", \"context\": \"" + context + "\", \"children_spec\": [" + children + "]}";
}
const std::string kLeaf = R"({"type": null, "context": null, "children_spec": []})";

PyTree tree_of(const std::string& spec) {
  Result<PyTree> tree = parse_pytree("[1, " + spec + "]");
  EXPECT_TRUE(tree.ok()) << tree.error().text();
  return tree.ok() ? *std::move(tree) : PyTree();
}

TEST(PyTree, PathsOfInputs) {
  const std::string pair = node("builtins.tuple", "null", kLeaf + "," + kLeaf);
  const std::string dict = node("builtins.dict", R"([\"ids\", 3])", kLeaf + "," + node("builtins.list", "null", pair));
  const PyTree tree = tree_of(node("builtins.tuple", "null",
                                   node("builtins.tuple", "null", kLeaf + "," + dict) + "," +
                                       node("builtins.dict", R"([\"scale\"])", kLeaf)));
  EXPECT_THAT(input_paths(tree, {"x", "batch", "scale"}),
              ElementsAre("x", "batch['ids']", "batch[3][0][0]", "batch[3][0][1]", "scale"));
  EXPECT_THAT(input_paths(tree, {"x"}), ElementsAre("x", "args[1]['ids']", "args[1][3][0][0]", "args[1][3][0][1]", "scale"));
  EXPECT_EQ(to_string(tree), "((*, {'ids': *, 3: [(*, *)]}), {'scale': *})");
}

TEST(PyTree, PathsOfOutputs) {
  EXPECT_THAT(leaf_paths(tree_of(kLeaf), "output"), ElementsAre("output"));
  const PyTree named = tree_of(node("collections.namedtuple", "models.Pair", kLeaf + "," + node("builtins.tuple", "null", kLeaf)));
  EXPECT_THAT(leaf_paths(named, "output"), ElementsAre("output[0]", "output[1][0]"));
  EXPECT_EQ(to_string(named), "models.Pair(*, (*,))");
}

TEST(PyTree, RefusesWhatIsNone) {
  for (const char* text : {"", "[]", "[1]", "{}", "[1, {\"type\": \"builtins.list\"}]", "[1, {\"type\": \"builtins.dict\", \"context\": \"x\", \"children_spec\": []}]"})
    EXPECT_FALSE(parse_pytree(text).ok()) << text;
}

}  // namespace
}  // namespace portfire::ir
