#include "compiler/emit/write_pte.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "compiler/emit/pte_file.h"
#include "compiler/ir/parse_text.h"
#include "format/program_view.h"

namespace portfire::emit {
namespace {

constexpr const char* kGraph = R"(graph forward
  symbol s0 : 2..64 {64, 2, 40, 13, 17}
  symbol u0 : 0.. {99, 0, 3, 5, 8}
  input %0:ids : f32[s0,2] "batch['ids']"
  input %1:n : int u0
  %2:twice : f32[2*s0,2] = aten::cat([%0:ids, %0:ids], dim=0)
  output %2:twice "output['a']"
  output 3 "output['b']"
end
)";

std::vector<std::byte> program(const char* text) {
  Result<ir::Graph> graph = ir::parse_text(text);
  EXPECT_TRUE(graph.ok()) << graph.error().text();
  Result<Lowered> lowered = lower(*graph);
  EXPECT_TRUE(lowered.ok()) << lowered.error().text();
  EmitMethod method{*std::move(lowered), {}};
  method.memory = plan_memory(method.program);
  const auto path = std::filesystem::temp_directory_path() / ("write_pte_test." + std::to_string(getpid()) + ".pte");
  const Error e = write_pte(EmitProgram{{method}, {}}, path.string());
  EXPECT_TRUE(e.ok()) << e.text();
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::filesystem::remove(path);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

TEST(WritePte, KeepsNamesAndSizesOfInputsAndOutputs) {
  const std::vector<std::byte> file = program(kGraph);
  const Result<ProgramView> view = ProgramView::open(file);
  ASSERT_TRUE(view.ok()) << view.error().text();
  const pte::MethodInterface* m = view->interface_of(*view->plan("forward"));
  ASSERT_NE(m, nullptr);
  ASSERT_EQ(m->inputs()->size(), 2u);
  EXPECT_EQ(m->inputs()->Get(0)->name()->str(), "batch['ids']");
  EXPECT_EQ(m->inputs()->Get(0)->sizes()->Get(0)->str(), "s0");
  EXPECT_EQ(m->inputs()->Get(0)->sizes()->Get(1)->str(), "2");
  EXPECT_EQ(m->inputs()->Get(1)->name()->str(), "n");
  ASSERT_EQ(m->outputs()->size(), 2u);
  EXPECT_EQ(m->outputs()->Get(0)->name()->str(), "output['a']");
  EXPECT_EQ(m->outputs()->Get(0)->sizes()->Get(0)->str(), "2*s0");
  EXPECT_EQ(m->outputs()->Get(1)->name()->str(), "output['b']");
  ASSERT_EQ(m->symbols()->size(), 2u);
  EXPECT_EQ(m->symbols()->Get(0)->upper(), 64);
  EXPECT_EQ(m->symbols()->Get(1)->upper(), INT64_MAX);
}

// Puts `to` in the place of the last `from` in the file: the interface is its last segment.
std::vector<std::byte> with(std::vector<std::byte> file, std::string_view from, std::string_view to) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const size_t at = text.rfind(from);
  EXPECT_NE(at, text.npos);
  for (size_t i = 0; i < to.size(); ++i) file[at + i] = static_cast<std::byte>(to[i]);
  return file;
}

TEST(WritePte, TheViewRefusesAnInterfaceThatDoesNotFit) {
  const std::vector<std::byte> file = program(kGraph);
  EXPECT_STREQ(ProgramView::open(with(file, "forward", "forwarx")).error().text(), "portfire.interface: no method \"forwarx\"");
  const std::string upper("\x40\0\0\0\0\0\0\0", 8), below("\x01\0\0\0\0\0\0\0", 8);
  EXPECT_STREQ(ProgramView::open(with(file, upper, below)).error().text(), "portfire.interface: symbol 0 has no name or an empty range");
  // Every cut and every flipped byte of the segment is either refused or harmless.
  for (size_t i = file.size() - 640; i < file.size(); ++i) {
    std::vector<std::byte> broken = file;
    broken[i] ^= std::byte{0xff};
    const Result<ProgramView> view = ProgramView::open(broken);
    if (!view.ok()) {
      EXPECT_EQ(view.error().code(), Code::bad_file);
    }
  }
}

TEST(Segment, StoresEqualBytesOnce) {
  const std::vector<float> a(100, 1.5f), same = a;
  std::vector<float> differs_late = a;
  differs_late.back() = 2;
  Segment segment;
  const uint32_t first = segment.add(a.data(), 400);
  EXPECT_EQ(segment.add(same.data(), 400, /*is_table=*/true), first);
  EXPECT_NE(segment.add(differs_late.data(), 400), first);
  EXPECT_NE(segment.add(a.data(), 200), first);
  EXPECT_EQ(segment.add(nullptr, 0), segment.add(a.data(), 0));
  EXPECT_EQ(segment.pieces().size(), 4u);
  EXPECT_TRUE(segment.pieces()[first - 1].is_table);
}

}  // namespace
}  // namespace portfire::emit
