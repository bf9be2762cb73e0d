// What an instruction reads and writes, where values come from and how long they are needed, of programs of other compilers.
#include "cli/program_case.h"

#include <gtest/gtest.h>

#include "cli/arena_text.h"
#include "cli/inspect_full.h"
#include "cli/listing.h"
#include "cli/listing_text.h"

namespace portfire::cli {
namespace {

Listing list(ProgramCase& p, std::vector<int32_t> inputs, std::vector<int32_t> outputs, ProgramView* view) {
  Result<ProgramView> opened = p.view(std::move(inputs), std::move(outputs));
  EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().text());
  *view = *opened;
  return list_method(*view, *view->root().execution_plan()->Get(0));
}

TEST(Listing, ResultsOfOutVariantsStandLast) {
  ProgramCase p(256);
  const int32_t a = p.tensor({4}, 0), b = p.tensor({4}, 64), c = p.tensor({2}, 128), d = p.tensor({2}, 192), one = p.integer(1),
      two = p.integer(2);
  const int32_t list_out = p.tensors({c, d});
  p.call("aten::add", "out", {a, a, one, b, b});
  p.call("aten::split_copy", "Tensor_out", {b, two, one, p.tensors({c, d}), list_out});
  p.call("aten::copy_", "", {a, b, one, a});
  ProgramView view;
  const Listing l = list(p, {a}, {c, d}, &view);
  EXPECT_EQ(l.code[0].op, "aten::add.out");
  EXPECT_EQ(l.code[0].args, (std::vector<int32_t>{a, a, one}));
  EXPECT_EQ(l.code[0].outs, (std::vector<int32_t>{b}));
  EXPECT_EQ(l.code[1].args, (std::vector<int32_t>{b, two, one}));
  EXPECT_EQ(l.code[1].outs, (std::vector<int32_t>{c, d}));
  EXPECT_EQ(l.code[2].args, (std::vector<int32_t>{a, b, one}));
  EXPECT_EQ(l.code[2].outs, (std::vector<int32_t>{a}));
  EXPECT_EQ(l.code[1].producers[0], 0);
  EXPECT_EQ(instruction_text(l, 0), "%1 f32[4] @1+64 = aten::add.out(%0 f32[4] @1+0 input, %0 f32[4] @1+0 input, 1)");
}

TEST(Listing, AViewThatWasLeftOutShowsWhatLiesThere) {
  ProgramCase p(64);
  const int32_t x = p.tensor({4}, 0), y = p.tensor({4}, 16), flat = p.tensor({2, 2}, 16), z = p.tensor({2, 2}, 32);
  p.call("other::f", "out", {x, y, y});
  p.call("other::g", "out", {flat, z, z});
  ProgramView view;
  const Listing l = list(p, {x}, {z}, &view);
  EXPECT_EQ(l.values[2].shows, (std::vector<int32_t>{y}));
  EXPECT_EQ(l.code[1].producers[0], 0);
  EXPECT_EQ(l.values[1].to, 1);           // as long as what shows it
  EXPECT_EQ(l.memory[1].peak, 32u);       // what shares memory counts once
  EXPECT_EQ(l.values[3].role, Listing::Role::computed);
}

TEST(Listing, WhatIsReadBeforeAnythingWroteItIsState) {
  ProgramCase p(64);
  const int32_t x = p.tensor({4}, 0), cache = p.tensor({4}, 16), y = p.tensor({4}, 32);
  p.call("other::f", "out", {x, cache, y, y});
  p.call("aten::copy_", "", {cache, y, p.integer(0), cache});
  ProgramView view;
  const Listing l = list(p, {x}, {y}, &view);
  EXPECT_EQ(l.values[1].role, Listing::Role::state);
  EXPECT_EQ(l.values[1].from, 0);
  EXPECT_EQ(l.values[1].to, 1);
}

TEST(Listing, MemoryIsFreeAfterTheLastUse) {
  ProgramCase p(32);
  const int32_t x = p.tensor({4}, -1), a = p.tensor({4}, 0), b = p.tensor({4}, 16), c = p.tensor({4}, 0);
  p.call("other::f", "out", {x, a, a});
  p.call("other::f", "out", {a, b, b});
  p.call("other::f", "out", {b, c, c});
  p.call("other::f", "out", {c, b, b});
  ProgramView view;
  const Listing l = list(p, {x}, {b}, &view);
  EXPECT_EQ(l.values[1].from, 0);
  EXPECT_EQ(l.values[1].to, 1);
  EXPECT_EQ(l.code[3].producers[0], 2);
  EXPECT_EQ(l.memory[1].live, (std::vector<uint64_t>{16, 32, 32, 32}));
  const std::string picture = arena_text(l, 1);
  EXPECT_NE(picture.find("most in use 32 bytes (100%), at instruction 1"), std::string::npos) << picture;
  EXPECT_NE(picture.find(" AACC\n"), std::string::npos) << picture;
}

TEST(Listing, ALoopNeedsToItsEndWhatComesFromBefore) {
  ProgramCase p(64);
  const int32_t x = p.tensor({4}, 0), a = p.tensor({4}, 16), b = p.tensor({4}, 32), yes = p.integer(1);
  p.call("other::f", "out", {x, a, a});
  p.call("other::f", "out", {a, b, b});
  p.call("other::f", "out", {b, b, b});
  p.jump_if_false(yes, 1);
  ProgramView view;
  const Listing l = list(p, {x}, {b}, &view);
  EXPECT_EQ(l.values[1].to, 3);
  EXPECT_EQ(instruction_text(l, 3), "jump to 1 unless 1");
}

TEST(Listing, ADelegateTakesWhatIsThereAndGivesTheRest) {
  ProgramCase p(64);
  const int32_t x = p.tensor({4}, 0), w = p.constant({4}), y = p.tensor({4}, 16), z = p.tensor({4}, 32);
  p.delegate("SomeBackend", {x, w, y, z}, {1, 2, 3});
  p.call("other::unheard_of", "out", {y, z, z});
  p.from("model.py", 7, "layer.0");
  ProgramView view;
  const Listing l = list(p, {x}, {z}, &view);
  EXPECT_EQ(l.code[0].args, (std::vector<int32_t>{x, w}));
  EXPECT_EQ(l.code[0].outs, (std::vector<int32_t>{y, z}));
  EXPECT_EQ(delegate_bytes(view, *l.plan->delegates()->Get(0)).size(), 3u);
  EXPECT_EQ(where_text(l.code[0]), "");
  EXPECT_EQ(where_text(l.code[1]), "model.py:7, layer.0");
  EXPECT_EQ(source_of(l.code[1]).line, 7);
}

TEST(Listing, DelegateDataOutsideOfTheFileIsNone) {
  ProgramCase p(64);
  const int32_t x = p.tensor({4}, 0), y = p.tensor({4}, 16);
  p.delegate("SomeBackend", {x, y});
  p.plan().delegates[0]->processed->location = 1;
  p.plan().delegates[0]->processed->index = 77;
  ProgramView view;
  const Listing l = list(p, {x}, {y}, &view);
  EXPECT_TRUE(delegate_bytes(view, *l.plan->delegates()->Get(0)).empty());
}

TEST(Listing, ViewsOfEachOtherEnd) {
  ProgramCase p(64);
  const int32_t x = p.tensor({4}, 0), a = p.tensor({4}, -1), b = p.tensor({4}, -1);
  p.move(x, a);
  for (int k = 0; k < 40; ++k) {
    p.move(a, b);
    p.move(b, a);
  }
  ProgramView view;
  const Listing l = list(p, {x}, {b}, &view);
  EXPECT_EQ(l.values[0].to, 80);
  EXPECT_LE(l.values[1].shows.size(), 16u);
}

TEST(Listing, ConstantsAreToldOnceTheLargestFirst) {
  ProgramCase p(64);
  const int32_t x = p.tensor({4}, 0), small = p.constant({2}), large = p.constant({4, 4}), y = p.tensor({4}, 16);
  p.call("other::f", "out", {x, small, large, y, y});
  p.call("other::g", "out", {y, large, y, y});
  p.from("m.py", 1, "encoder.layer");
  ProgramView view;
  std::vector<Listing> methods{list(p, {x}, {y}, &view)};
  const std::vector<Constant> constants = constants_of(methods);
  ASSERT_EQ(constants.size(), 2u);
  EXPECT_EQ(constants[0].bytes, 64u);
  EXPECT_EQ(constants[0].users.size(), 2u);
  EXPECT_EQ(constants[0].name, "encoder.layer");
  EXPECT_EQ(constants[1].bytes, 8u);
}

TEST(Listing, NamesCannotWriteToTheTerminal) {
  EXPECT_EQ(name_text("a.b"), "a.b");
  EXPECT_EQ(name_text("a\x1b[2J").find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace portfire::cli
