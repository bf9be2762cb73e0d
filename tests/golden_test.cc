// Golden tests of the compiler: each file of tests/golden/ says what passes make of a graph.
//
//   # Why it is so.
//   pass simplify                    one or more, in the order of running
//   graph forward                    the graph before (compiler/ir/text.h)
//   ...
//   becomes                          what stands after it is compared
//   graph forward
//   ...
//
// `pass plan_memory` lowers the graph and gives the program with its memory (compiler/emit/text.h). A pass that
// refuses gives "refused: WHY". With PORTFIRE_REBASE=1 the files are rewritten to what came out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "compiler/emit/text.h"
#include "compiler/ir/parse_text.h"
#include "compiler/ir/text.h"
#include "compiler/passes/pipeline.h"

namespace portfire {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> goldens() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(PORTFIRE_SOURCE_DIR) / "tests/golden"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

struct Golden {
  std::string head;  // everything up to and with "becomes"
  std::vector<std::string> passes;
  std::string graph, expected;
};

Golden read(const fs::path& path) {
  std::ifstream in(path);
  Golden g;
  bool after = false;
  for (std::string line; std::getline(in, line);) {
    if (after) {
      g.expected += line + "\n";
      continue;
    }
    g.head += line + "\n";
    after = line == "becomes";
    const bool pass = line.starts_with("pass ");
    if (pass) g.passes.push_back(line.substr(5));
    // Lines keep their numbers, for the parser's errors.
    g.graph += (pass || after ? "" : line) + "\n";
  }
  return g;
}

std::string text_of(const ir::Graph& graph) {
  ir::TextOptions options;
  options.inline_elements = INT64_MAX;
  return ir::to_text(graph, options);
}

// The stage before `pass` runs: what stands right before it in the pipeline gives it.
ir::Stage stage_before(const std::string& name) {
  const passes::Pass* pass = passes::find_pass(name);
  if (!pass) return ir::Stage::functional;
  return pass == passes::pipeline().data() ? ir::Stage::imported : pass[-1].stage;
}

Result<std::string> run(const Golden& golden) {
  PF_ASSIGN(ir::Graph graph, ir::parse_text(golden.graph));
  PF_TRY(ir::verify(graph, stage_before(golden.passes.at(0))));
  for (const std::string& name : golden.passes) {
    if (name == "plan_memory") {
      PF_ASSIGN(const emit::Lowered program, emit::lower(graph));
      return emit::to_text(program, emit::plan_memory(program));
    }
    const passes::Pass* pass = passes::find_pass(name);
    if (!pass) return Error::make(Code::bad_argument, "no pass %s", name.c_str());
    Result<ir::Graph> next = pass->run(std::move(graph));
    if (!next.ok()) return std::string("refused: ") + next.error().text() + "\n";
    graph = *std::move(next);
    PF_TRY(ir::verify(graph, pass->stage));
  }
  return text_of(graph);
}

class GoldenTest : public testing::TestWithParam<fs::path> {};

TEST_P(GoldenTest, ComesOutAsWritten) {
  const Golden golden = read(GetParam());
  ASSERT_FALSE(golden.passes.empty()) << "no `pass NAME` in " << GetParam();
  Result<std::string> got = run(golden);
  ASSERT_TRUE(got.ok()) << GetParam() << ": " << got.error().text();
  if (std::getenv("PORTFIRE_REBASE")) {
    std::ofstream(GetParam()) << golden.head << *got;
    return;
  }
  EXPECT_EQ(*got, golden.expected) << GetParam() << "\nPORTFIRE_REBASE=1 writes what came out; the commit says why it may.";
}

INSTANTIATE_TEST_SUITE_P(Passes, GoldenTest, testing::ValuesIn(goldens()),
                         [](const testing::TestParamInfo<fs::path>& info) {
                           std::string name = info.param.stem().string();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace portfire
