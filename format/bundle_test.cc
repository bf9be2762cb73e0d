#include "format/bundle_view.h"

#include <cstring>

#include <gtest/gtest.h>

#include "format/file_case.h"

namespace portfire {
namespace {

namespace fb = flatbuffers;

// A bundle with one test set of one method, whose one input is this tensor.
struct File {
  const char* method = "forward";
  int8_t dtype = 6;
  std::vector<int32_t> sizes{2, 3};
  std::vector<uint8_t> order{0, 1};
  size_t data = 24;
  size_t alignment = 16;
  std::string program = "a program's bytes, which another view verifies";
  bool empty_value = false;
  bpte::AnyValue kind = bpte::AnyValue_Tensor;

  std::string bytes() const {
    fb::FlatBufferBuilder out;
    out.ForceVectorAlignment(program.size(), 1, 32);
    const auto inside = program.empty() ? fb::Offset<fb::Vector<uint8_t>>()
                                        : out.CreateVector(reinterpret_cast<const uint8_t*>(program.data()), program.size());
    std::vector<uint8_t> numbers(data);
    for (size_t i = 0; i < data; ++i) numbers[i] = static_cast<uint8_t>(i);
    out.ForceVectorAlignment(data, 1, alignment);
    const auto vector = out.CreateVector(numbers);
    const auto tensor = bpte::CreateTensor(out, dtype, out.CreateVector(sizes), vector, out.CreateVector(order));
    const fb::Offset<bpte::Value> inputs[] = {bpte::CreateValue(out, kind, empty_value ? 0 : tensor.Union()),
                                              bpte::CreateValue(out, bpte::AnyValue_Int, bpte::CreateInt(out, -7).Union()),
                                              bpte::CreateValue(out, bpte::AnyValue_Bool, bpte::CreateBool(out, true).Union())};
    const auto output = bpte::CreateValue(out, bpte::AnyValue_Double, bpte::CreateDouble(out, 2.5).Union());
    const auto set = bpte::CreateTestSet(out, out.CreateVector(inputs, 3), out.CreateVector(&output, 1));
    const auto tests = bpte::CreateMethodTests(out, method ? out.CreateString(method) : 0, out.CreateVector(&set, 1));
    bpte::FinishBundleBuffer(out, bpte::CreateBundle(out, 0, out.CreateVector(&tests, 1), inside));
    return {reinterpret_cast<const char*>(out.GetBufferPointer()), out.GetSize()};
  }
};

TEST(Bundle, ValuesOfEachKind) {
  const std::string file = File{.sizes = {1, 2, 1, 3}, .order = {0, 2, 3, 1}}.bytes();
  const AlignedBytes bytes(file);
  const auto bundle = BundleView::open(bytes);
  ASSERT_TRUE(bundle.ok()) << bundle.error().text();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bundle->program().data()), bundle->program().size()), File().program);
  ASSERT_EQ(bundle->method_count(), 1u);
  EXPECT_EQ(bundle->method(0), "forward");
  ASSERT_EQ(bundle->set_count(0), 1u);
  ASSERT_EQ(bundle->input_count(0, 0), 3u);
  ASSERT_EQ(bundle->output_count(0, 0), 1u);
  TensorView t;
  ASSERT_EQ(bundle->input(0, 0, 0, &t).kind, Value::Kind::tensor);
  EXPECT_EQ(t.dtype, DType::f32);
  EXPECT_EQ(t.size(3), 3);
  EXPECT_EQ(t.strides[1], 1) << "channels come last in memory";
  EXPECT_EQ(t.strides[3], 2);
  EXPECT_EQ(t.as<uint8_t>()[23], 23);
  EXPECT_EQ(bundle->input(0, 0, 1, &t).integer, -7);
  EXPECT_TRUE(bundle->input(0, 0, 2, &t).boolean);
  EXPECT_EQ(bundle->output(0, 0, 0, &t).real, 2.5);
}

TEST(Bundle, WhatIsWrongIsSaid) {
  const struct {
    File file;
    const char* says;
  } cases[] = {
      {{.method = nullptr}, "test sets 0 are of a method without a name"},
      {{.dtype = 99}, "forward, test set 0, input 0: dtype number 99"},
      {{.sizes = {2, -3}}, "impossible sizes"},
      {{.sizes = {1 << 30, 1 << 30, 1 << 30}, .order = {}}, "impossible sizes"},
      {{.sizes = std::vector<int32_t>(13, 1), .order = {}}, "rank 13"},
      {{.sizes = {2, 4}}, "f32[2,4] in 24 bytes (expected 32)"},
      {{.order = {1, 1}}, "no permutation"},
      {{.order = {0, 2}}, "no permutation"},
      {{.order = {0}}, "1 dimension orders for rank 2"},
      {{.program = ""}, "without a program"},
      {{.empty_value = true}, "input 0: is empty"},
      {{.kind = static_cast<bpte::AnyValue>(9)}, "input 0: kind 9 is not supported"},
  };
  for (const auto& c : cases) {
    const std::string file = c.file.bytes();
    const AlignedBytes bytes(file);
    const auto bundle = BundleView::open(bytes);
    ASSERT_FALSE(bundle.ok()) << c.says;
    EXPECT_EQ(bundle.error().code(), Code::bad_file);
    EXPECT_NE(std::strstr(bundle.error().text(), c.says), nullptr) << bundle.error().text();
  }
}

// Data that only bytes may lie at. The builder aligns to the vector's length of 4 bytes at least; 8-byte numbers want more.
TEST(Bundle, OddAddressesAreRefused) {
  bool refused = false;
  for (size_t size = 0; size < 8 && !refused; ++size) {
    const std::string file = File{.dtype = 7, .sizes = {3}, .order = {0}, .alignment = 1, .program = std::string(40 + size, 'x')}.bytes();
    const AlignedBytes bytes(file);
    const auto bundle = BundleView::open(bytes);
    refused = !bundle.ok() && std::strstr(bundle.error().text(), "data is not aligned");
  }
  EXPECT_TRUE(refused);
}

TEST(Bundle, EveryCutAndEveryChangedByteIsSurvived) {
  const std::string good = File().bytes();
  for (size_t n = 0; n < good.size(); ++n) {
    const std::string cut = good.substr(0, n);
    const AlignedBytes bytes(cut);
    (void)BundleView::open(bytes).ok();
  }
  for (size_t at = 0; at < good.size(); ++at)
    for (const int flip : {1, 0x80, 0xff}) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const AlignedBytes bytes(changed);
      const auto bundle = BundleView::open(bytes);
      if (!bundle.ok()) continue;
      TensorView t;
      for (size_t m = 0; m < bundle->method_count(); ++m)
        for (size_t s = 0; s < bundle->set_count(m); ++s)
          for (size_t i = 0; i < bundle->input_count(m, s); ++i)
            if (bundle->input(m, s, i, &t).kind == Value::Kind::tensor && t.numel() > 0) {
              EXPECT_GE(t.as<std::byte>(), std::span<const std::byte>(bytes).data());
              EXPECT_LE(t.as<std::byte>() + t.bytes(), std::span<const std::byte>(bytes).data() + changed.size());
            }
    }
}

TEST(Bundle, OtherFilesAreNone) {
  for (const char* text : {"", "1234BP0", "1234ET12", "1234FT01 and more"}) {
    const std::string file = text;
    const AlignedBytes bytes(file);
    EXPECT_FALSE(is_bundle(bytes));
    EXPECT_FALSE(BundleView::open(bytes).ok());
  }
}

}  // namespace
}  // namespace portfire
