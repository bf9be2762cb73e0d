#include "format/ptd_view.h"

#include <cstring>
#include <functional>

#include <gtest/gtest.h>

#include "format/ptd_writer.h"
#include "format/file_case.h"

namespace portfire {
namespace {

std::string written(std::span<const NamedTensor> tensors) {
  const TestFolder folder;
  const std::string path = folder.file("x.ptd");
  const Error e = write_ptd(path.c_str(), tensors);
  EXPECT_FALSE(e) << e.text();
  EXPECT_EQ(folder.files(), 1u);
  return read_file(path);
}

TEST(Ptd, EveryDTypeAndRankThereAndBack) {
  OwnedTensors tensors;
  tensors.add_all();
  const std::string file = written(tensors.all());
  const AlignedBytes bytes(file);
  const Result<PtdView> view = PtdView::open(bytes);
  ASSERT_TRUE(view.ok()) << view.error().text();
  ASSERT_EQ(view->size(), tensors.all().size());
  for (size_t i = 0; i < view->size(); ++i) {
    const auto& [name, t] = tensors.all()[i];
    EXPECT_EQ(view->name(i), name);
    EXPECT_TRUE(view->has_type(i));
    EXPECT_TRUE(same_tensor(view->tensor(i), t)) << name;
    ASSERT_TRUE(view->find(name).has_value());
    EXPECT_TRUE(same_tensor(*view->find(name), t)) << name;
    EXPECT_EQ((view->bytes(i).data() - view->file().data()) % 128, 0);
  }
  EXPECT_FALSE(view->find("f32").has_value());
  EXPECT_FALSE(view->find("").has_value());
  EXPECT_FALSE(view->find("zzz").has_value());
}

TEST(Ptd, Nothing) {
  const std::string file = written({});
  const AlignedBytes bytes(file);
  const Result<PtdView> view = PtdView::open(bytes);
  ASSERT_TRUE(view.ok()) << view.error().text();
  EXPECT_EQ(view->size(), 0u);
  EXPECT_FALSE(view->find("x").has_value());
}

TEST(Ptd, WriterRefuses) {
  const TestFolder folder;
  const std::string path = folder.file("x.ptd");
  const float data[6] = {};
  TensorView good = TensorView::of(data, {2, 3}), strided = good, none = TensorView::of(static_cast<float*>(nullptr), {1}),
             large = TensorView::of(data, {int64_t{1} << 31, 0});
  strided.strides[0] = 1;
  strided.strides[1] = 2;
  const std::string long_name(kMaxNameBytes + 1, 'x');
  const struct {
    std::vector<NamedTensor> tensors;
    Code code;
    const char* says;
  } cases[] = {
      {{{"", good}}, Code::bad_argument, "has no name"},
      {{{"a", good}, {"b", good}, {"a", good}}, Code::bad_argument, "two tensors are named \"a\""},
      {{{std::string_view("a\0b", 3), good}}, Code::bad_argument, "zero byte"},
      {{{long_name, good}}, Code::bad_argument, "a name of 4097 bytes"},
      {{{"a", good}, {"b", strided}}, Code::bad_argument, "tensor \"b\" is not row-major"},
      {{{"a", none}}, Code::bad_argument, "tensor \"a\" has no data"},
      {{{"a", large}}, Code::unsupported, "tensor \"a\" is f32[2147483648,0]"},
  };
  for (const auto& c : cases) {
    const Error e = write_ptd(path.c_str(), c.tensors);
    EXPECT_EQ(e.code(), c.code) << c.says;
    EXPECT_NE(std::string_view(e.text()).find(c.says), std::string_view::npos) << e.text();
    EXPECT_EQ(folder.files(), 0u);
  }
}

// A file as another program may write it.
struct Entry {
  const char* key = "a";
  uint32_t segment = 0;
  bool typed = true;
  int8_t dtype = 6;
  std::vector<int32_t> sizes{2, 3};
  std::vector<uint8_t> order{0, 1};
};
struct File {
  std::vector<Entry> entries{Entry{}};
  std::vector<std::pair<uint64_t, uint64_t>> segments{{0, 24}};
  uint32_t version = 0, header = 40;
  uint64_t data = 256;
  int64_t base_off = 0;

  std::string bytes() const {
    namespace fb = flatbuffers;
    fb::FlatBufferBuilder out;
    std::vector<fb::Offset<ptd::DataSegment>> s;
    std::vector<fb::Offset<ptd::NamedData>> n;
    for (const auto& [offset, size] : segments) s.push_back(ptd::CreateDataSegment(out, offset, size));
    for (const Entry& e : entries) {
      const auto type = e.typed ? ptd::CreateTensorLayout(out, e.dtype, out.CreateVector(e.sizes), out.CreateVector(e.order)) : 0;
      n.push_back(ptd::CreateNamedData(out, e.key ? out.CreateString(e.key) : 0, e.segment, type));
    }
    ptd::FinishFlatTensorBuffer(out, ptd::CreateFlatTensor(out, version, out.CreateVector(s), out.CreateVector(n)));
    std::string file(reinterpret_cast<const char*>(out.GetBufferPointer()), out.GetSize());
    file.insert(8, std::string(48, '\0'));
    const uint64_t end = file.size(), base = (end + 127) / 128 * 128;
    uint32_t root;
    std::memcpy(&root, file.data(), 4);
    root += 48;
    std::memcpy(file.data(), &root, 4);
    file.resize(base + data);
    for (uint64_t i = 0; i < data; ++i) file[base + i] = static_cast<char>(i);
    std::memcpy(file.data() + 8, "FH01", 4);
    std::memcpy(file.data() + 12, &header, 4);
    const uint64_t numbers[] = {48, end - 48, base + static_cast<uint64_t>(base_off), data};
    std::memcpy(file.data() + 16, numbers, sizeof numbers);
    return file;
  }
};

TEST(Ptd, OtherOrdersOfDimensionsAndBytesWithoutAType) {
  File f;
  f.entries = {{"rows", 0, true, 6, {2, 3}, {0, 1}}, {"columns", 0, true, 6, {2, 3}, {1, 0}}, {"last", 0, true, 6, {1, 3, 1, 2}, {0, 2, 3, 1}}, {"raw", 0, false}};
  const std::string file = f.bytes();
  const AlignedBytes bytes(file);
  const Result<PtdView> view = PtdView::open(bytes);
  ASSERT_TRUE(view.ok()) << view.error().text();
  EXPECT_EQ(view->tensor(0).strides[0], 3);
  const TensorView columns = *view->find("columns"), last = *view->find("last"), raw = *view->find("raw");
  EXPECT_EQ(columns.strides[0], 1);
  EXPECT_EQ(columns.strides[1], 2);
  EXPECT_EQ(last.strides[1], 1);
  EXPECT_EQ(last.strides[3], 3);
  EXPECT_EQ(last.strides[2], 6);
  EXPECT_FALSE(view->has_type(3));
  EXPECT_EQ(raw.dtype, DType::u8);
  EXPECT_EQ(raw.size(0), 24);
}

TEST(Ptd, Hostile) {
  const struct {
    std::function<void(File&)> change;
    const char* says;
  } cases[] = {
      {[](File& f) { f.version = 1; }, "version 1 (expected 0)"},
      {[](File& f) { f.header = 39; }, "header of 39 bytes"},
      {[](File& f) { f.base_off = 128; }, "truncated: data of 256 bytes"},
      {[](File& f) { f.base_off = INT64_MAX; }, "truncated"},
      {[](File& f) { f.base_off = -128; }, "inside the list of tensors"},
      {[](File& f) { f.segments[0] = {240, 24}; }, "segment 0 of 24 bytes at 240 reaches past the end"},
      {[](File& f) { f.segments[0] = {UINT64_MAX - 8, 24}; }, "reaches past the end"},
      {[](File& f) { f.segments[0] = {0, UINT64_MAX}; }, "reaches past the end"},
      {[](File& f) { f.segments[0] = {2, 24}; }, "tensor \"a\": data is not aligned"},
      {[](File& f) { f.segments[0] = {0, 25}; }, "tensor \"a\": f32[2,3] in 25 bytes (expected 24)"},
      {[](File& f) { f.segments[0] = {0, 20}; }, "in 20 bytes (expected 24)"},
      {[](File& f) { f.segments.clear(); }, "tensor \"a\": segment 0 of 0"},
      {[](File& f) { f.entries[0].segment = 1; }, "segment 1 of 1"},
      {[](File& f) { f.entries[0].segment = UINT32_MAX; }, "segment 4294967295 of 1"},
      {[](File& f) { f.entries[0].key = nullptr; }, "entry 0 has no name"},
      {[](File& f) { f.entries[0].key = ""; }, "entry 0 has no name"},
      {[](File& f) { f.entries.push_back(f.entries[0]); }, "two tensors are named \"a\""},
      {[](File& f) { f.entries[0].dtype = 12; }, "dtype number 12 is not supported"},
      {[](File& f) { f.entries[0].dtype = -1; }, "dtype number -1"},
      {[](File& f) { f.entries[0].sizes = {-2, 3}; }, "impossible sizes"},
      {[](File& f) { f.entries[0].sizes = {INT32_MAX, INT32_MAX}; f.entries[0].dtype = 10; }, "impossible sizes"},
      {[](File& f) { f.entries[0].sizes.assign(13, 1); f.entries[0].order.assign(13, 0); }, "rank 13"},
      {[](File& f) { f.entries[0].order = {0}; }, "1 dimension orders for rank 2"},
      {[](File& f) { f.entries[0].order = {0, 0}; }, "no permutation"},
      {[](File& f) { f.entries[0].order = {0, 2}; }, "no permutation"},
      {[](File& f) { f.entries[0].order = {255, 0}; }, "no permutation"},
  };
  for (const auto& c : cases) {
    File f;
    c.change(f);
    const std::string file = f.bytes();
    const AlignedBytes bytes(file);
    const Result<PtdView> view = PtdView::open(bytes);
    ASSERT_FALSE(view.ok()) << c.says;
    EXPECT_EQ(view.error().code(), Code::bad_file);
    EXPECT_NE(std::string_view(view.error().text()).find(c.says), std::string_view::npos) << "expected: " << c.says << "\ngot: " << view.error().text();
  }
}

TEST(Ptd, OtherFiles) {
  for (const std::string& text : {std::string(), std::string("FT01"), std::string(4, '\0') + "FT01", std::string(4, '\0') + "FT01" + std::string(64, '\0'),
                                  std::string(200, 'x')}) {
    const AlignedBytes bytes(text);
    EXPECT_EQ(PtdView::open(bytes).error().code(), Code::bad_file);
  }
}

// Of any bytes, everything that the view gives can be read.
void touch(const PtdView& view) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < view.size(); ++i) {
    for (const std::byte b : view.bytes(i)) sum = sum + static_cast<uint8_t>(b);
    EXPECT_TRUE(view.find(view.name(i)).has_value());
    EXPECT_EQ(view.tensor(i).bytes(), view.bytes(i).size());
  }
}

TEST(Ptd, TruncatedAnywhere) {
  OwnedTensors tensors;
  tensors.add("weight", DType::f32, {2, 3});
  tensors.add("bias", DType::f64, {1});
  const std::string file = written(tensors.all());
  for (size_t n = 0; n < file.size(); ++n) {
    const AlignedBytes bytes(std::string_view(file).substr(0, n));
    ASSERT_FALSE(PtdView::open(bytes).ok()) << n;
  }
}

TEST(Ptd, EveryByteChanged) {
  const std::string file = File().bytes();
  size_t accepted = 0;
  for (size_t at = 0; at < file.size(); ++at)
    for (const int by : {0x01, 0x80, 0xFF}) {
      std::string changed = file;
      changed[at] = static_cast<char>(changed[at] ^ by);
      const AlignedBytes bytes(changed);
      const Result<PtdView> view = PtdView::open(bytes);
      if (!view.ok()) continue;
      ++accepted;
      touch(*view);
    }
  EXPECT_GT(accepted, 0u);  // data has no checksum here
}

}  // namespace
}  // namespace portfire
