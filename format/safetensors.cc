#include "format/safetensors.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/new_file.h"

namespace portfire {
namespace {

constexpr struct {
  DType dtype;
  std::string_view name;
} kTypes[] = {
    {DType::boolean, "BOOL"}, {DType::u8, "U8"},   {DType::i8, "I8"},   {DType::i16, "I16"}, {DType::u16, "U16"}, {DType::f16, "F16"}, {DType::bf16, "BF16"},
    {DType::i32, "I32"},      {DType::u32, "U32"}, {DType::f32, "F32"}, {DType::i64, "I64"}, {DType::u64, "U64"}, {DType::f64, "F64"}, {DType::c64, "C64"},
};

// Length of the UTF-8 character at the start of `s`; 0 where there is none (RFC 3629: shortest forms, no surrogates).
size_t utf8_character(std::string_view s) {
  auto at = [&](size_t i) { return i < s.size() ? static_cast<uint8_t>(s[i]) : 0u; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  const size_t n = lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
  for (size_t i = 1; i < n; ++i)
    if ((at(i) & 0xC0) != 0x80) return 0;
  if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) >= 0xA0) || (lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) >= 0x90)) return 0;
  return n;
}

// As a JSON string. False where it is not UTF-8.
bool append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const size_t n = utf8_character(text);
    if (n == 0) return false;
    const char c = text[0];
    if (n == 1 && static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out.append(text.data(), n);
    }
    text.remove_prefix(n);
  }
  out += '"';
  return true;
}

size_t alignment(const NamedTensor& t) { return std::min<size_t>(byte_size(t.tensor.dtype), 8); }

// Indices, the widest elements first.
std::vector<size_t> order_of_data(std::span<const NamedTensor> tensors) {
  std::vector<size_t> order;
  for (size_t width = 8; width > 0; width /= 2)
    for (size_t i = 0; i < tensors.size(); ++i)
      if (alignment(tensors[i]) == width) order.push_back(i);
  return order;
}

}  // namespace

std::optional<std::string_view> safetensors_dtype(DType dtype) {
  for (const auto& t : kTypes)
    if (t.dtype == dtype) return t.name;
  return std::nullopt;
}

std::optional<DType> safetensors_dtype(std::string_view name) {
  for (const auto& t : kTypes)
    if (t.name == name) return t.dtype;
  return std::nullopt;
}

Error write_safetensors(const char* path, std::span<const NamedTensor> tensors) {
  if (Error e = check_tensors(tensors)) return e.at(path);
  const std::vector<size_t> order = order_of_data(tensors);
  std::vector<uint64_t> begin(tensors.size());
  uint64_t end = 0;
  for (const size_t i : order) {
    begin[i] = end;
    end += tensors[i].tensor.bytes();
  }
  std::string header = R"({"__metadata__":{"format":"pt"})";  // transformers asks for it
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, t] = tensors[i];
    const auto dtype = safetensors_dtype(t.dtype);
    if (!dtype)
      return Error::make(Code::unsupported, "%s: tensor \"%.*s\" is %s, which safetensors has no type for", path, PF_NAME(name), TypeText(t).c_str());
    header += ',';
    if (name == kSafetensorsMetadata || !append_quoted(header, name))
      return Error::make(Code::bad_argument, "%s: \"%.*s\" is no name for a tensor (expected UTF-8, not %s)", path, PF_NAME(name),
                         kSafetensorsMetadata.data());
    header += R"(:{"dtype":")" + std::string(*dtype) + R"(","shape":[)";
    for (int d = 0; d < t.rank(); ++d) header += (d ? "," : "") + std::to_string(t.size(d));
    header += R"(],"data_offsets":[)" + std::to_string(begin[i]) + "," + std::to_string(begin[i] + t.bytes()) + "]}";
  }
  header += '}';
  while (header.size() % 8 != 0) header += ' ';
  const uint64_t length = header.size();
  NewFile file(path);
  PF_TRY(file.write(&length, sizeof length));
  PF_TRY(file.write(header.data(), header.size()));
  for (const size_t i : order) PF_TRY(file.write(tensors[i].tensor.data, tensors[i].tensor.bytes()));
  return file.finish();
}

}  // namespace portfire
