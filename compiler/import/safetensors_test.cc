#include "compiler/import/safetensors.h"

#include <cstring>

#include <gtest/gtest.h>

#include "format/file_case.h"
#include "format/safetensors.h"

namespace portfire::import {
namespace {

bool says(const Error& e, std::string_view what) { return std::string_view(e.text()).find(what) != std::string_view::npos; }

std::string file_of(std::string_view header, size_t data) {
  std::string file(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  return file + std::string(header) + std::string(data, '\1');
}

TEST(Safetensors, EveryDTypeAndRankThereAndBack) {
  const TestFolder folder;
  OwnedTensors all;
  all.add_all();
  std::vector<NamedTensor> list;
  for (const NamedTensor& t : all.all())
    if (t.tensor.dtype != DType::c128) list.push_back(t);
  const std::string path = folder.file("x.safetensors");
  const Error e = write_safetensors(path.c_str(), list);
  ASSERT_FALSE(e) << e.text();
  const AlignedBytes bytes(read_file(path));
  EXPECT_TRUE(looks_like_safetensors(bytes));
  const auto file = Safetensors::open(bytes);
  ASSERT_TRUE(file.ok()) << file.error().text();
  ASSERT_EQ(file->tensors().size(), list.size());
  const auto* begin = std::span<const std::byte>(bytes).data();
  for (size_t i = 0; i < list.size(); ++i) {
    const NamedTensor& t = file->tensors()[i];
    EXPECT_EQ(t.name, list[i].name);
    EXPECT_TRUE(same_tensor(t.tensor, list[i].tensor)) << t.name;
    EXPECT_TRUE(t.tensor.as<std::byte>() >= begin && t.tensor.as<std::byte>() <= begin + std::span<const std::byte>(bytes).size()) << "not aligned in the file";
  }
}

TEST(Safetensors, NamesOfAllKinds) {
  const TestFolder folder;
  const std::string path = folder.file("x.safetensors");
  OwnedTensors tensors;
  for (const char* name : {"a\"b", "a\\b", "line\nend", "\x01\x1f", "Gewicht ß", "重み", "\xf0\x9f\x8c\xb1", "{}", "a/b c", "\x7f"}) tensors.add(name, DType::i16, {2});
  ASSERT_FALSE(write_safetensors(path.c_str(), tensors.all()));
  const AlignedBytes bytes(read_file(path));
  const auto file = Safetensors::open(bytes);
  ASSERT_TRUE(file.ok()) << file.error().text();
  ASSERT_EQ(file->tensors().size(), tensors.all().size());
  for (size_t i = 0; i < file->tensors().size(); ++i) EXPECT_EQ(file->tensors()[i].name, tensors.all()[i].name);
}

TEST(Safetensors, WriterRefuses) {
  const TestFolder folder;
  const std::string path = folder.file("x.safetensors");
  for (const char* name : {"\xff", "\x80", "a\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "__metadata__"}) {
    OwnedTensors tensors;
    tensors.add(name, DType::f32, {1});
    const Error e = write_safetensors(path.c_str(), tensors.all());
    EXPECT_EQ(e.code(), Code::bad_argument) << name;
    EXPECT_TRUE(says(e, "is no name for a tensor")) << e.text();
  }
  OwnedTensors complex;
  complex.add("z", DType::c128, {2});
  const Error e = write_safetensors(path.c_str(), complex.all());
  EXPECT_EQ(e.code(), Code::unsupported);
  EXPECT_TRUE(says(e, "tensor \"z\" is c128[2], which safetensors has no type for")) << e.text();
  EXPECT_EQ(folder.files(), 0u);
}

TEST(Safetensors, DataThatTheFileDoesNotAlign) {
  const AlignedBytes bytes(file_of(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F64","shape":[2],"data_offsets":[3,19]}})", 19));
  const auto file = Safetensors::open(bytes);
  ASSERT_TRUE(file.ok()) << file.error().text();
  const TensorView b = file->tensors()[1].tensor;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data) % 8, 0u);
  EXPECT_EQ(b.as<uint8_t>()[15], 1);
}

TEST(Safetensors, Hostile) {
  const struct {
    const char* header;
    size_t data;
    const char* says;
    Code code = Code::bad_file;
  } cases[] = {
      {"", 0, "header: "},
      {"[]", 0, "header: "},
      {"{", 0, "header: "},
      {"{}x", 0, "header: "},
      {"{}", 1, "tensors of 0 bytes in data of 1"},
      {R"({"a":1})", 0, "tensor \"a\": no dtype"},
      {R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "no dtype"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4, "dtype F8_E4M3 is not supported", Code::unsupported},
      {R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "no shape"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "a size that is none"},
      {R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4, "a size that is none"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "a size that is none"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "a size that is none"},
      {R"({"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,4]}})", 4, "impossible sizes"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "rank 13"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "no data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "no data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-1,3]}})", 4, "no data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "no data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3, "truncated: data ends at 4, file has 3"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}})", 5, "f32[1] in 5 bytes (expected 4)"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "begins at 4 (expected 0"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "begins at 0 (expected 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 9, "tensors of 4 bytes in data of 9"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "two tensors are named \"a\""},
      {R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "has no name"},
  };
  for (const auto& c : cases) {
    const AlignedBytes bytes(file_of(c.header, c.data));
    const auto file = Safetensors::open(bytes);
    ASSERT_FALSE(file.ok()) << c.header;
    EXPECT_EQ(file.error().code(), c.code) << c.header;
    EXPECT_TRUE(says(file.error(), c.says)) << c.header << "\n" << file.error().text();
  }
  for (const uint64_t length : {uint64_t{3}, uint64_t{100} << 20, uint64_t{1} << 40, UINT64_MAX}) {
    std::string file = file_of("{}", 0);
    std::memcpy(file.data(), &length, 8);
    const AlignedBytes bytes(file);
    EXPECT_EQ(Safetensors::open(bytes).error().code(), Code::bad_file);
  }
}

TEST(Safetensors, TruncatedAnywhere) {
  const std::string file = file_of(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})", 12);
  for (size_t n = 0; n < file.size(); ++n) {
    const AlignedBytes bytes(std::string_view(file).substr(0, n));
    ASSERT_FALSE(Safetensors::open(bytes).ok()) << n;
  }
  const AlignedBytes whole(file);
  EXPECT_TRUE(Safetensors::open(whole).ok());
}

}  // namespace
}  // namespace portfire::import
