#include "cli/npy.h"

#include <cstring>

#include "core/file_map.h"
#include "core/new_file.h"
#include "ops/element.h"

namespace portfire::cli {
namespace {

struct NpyType {
  const char* code;
  DType dtype;
};
constexpr NpyType kTypes[] = {{"u1", DType::u8},  {"i1", DType::i8},   {"i2", DType::i16},    {"i4", DType::i32}, {"i8", DType::i64},
                              {"f2", DType::f16}, {"f4", DType::f32},  {"f8", DType::f64},    {"c8", DType::c64}, {"c16", DType::c128},
                              {"b1", DType::boolean}, {"u2", DType::u16}, {"u4", DType::u32}, {"u8", DType::u64}};

// The text after `'key':` in the header's dictionary.
std::string_view after(std::string_view header, std::string_view key) {
  const size_t at = header.find("'" + std::string(key) + "'");
  if (at == header.npos) return {};
  std::string_view rest = header.substr(header.find(':', at) + 1);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return rest;
}

}  // namespace

Array::Array(DType dtype, const Shape& shape) {
  view.dtype = dtype;
  view.shape = shape;
  view.set_contiguous();
  bytes.resize(view.bytes());
  view.data = bytes.data();
}

Result<Array> read_npy(const std::string& path) {
  PF_ASSIGN(FileMap file, FileMap::open(path.c_str()));
  return parse_npy(file.bytes(), path);
}

Result<Array> parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  auto bad = [&](const char* what) { return Error::make(Code::bad_file, "%s: %s", name.c_str(), what); };
  if (bytes.size() < 12 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0) return bad("not an .npy file");
  const char* p = reinterpret_cast<const char*>(bytes.data());
  size_t length = 0, start = 10;
  if (p[6] == 1) {
    length = static_cast<uint8_t>(p[8]) | static_cast<size_t>(static_cast<uint8_t>(p[9])) << 8;
  } else {
    start = 12;
    for (int i = 0; i < 4; ++i) length |= static_cast<size_t>(static_cast<uint8_t>(p[8 + i])) << (8 * i);
  }
  if (length > bytes.size() - start) return bad("truncated header");
  const std::string_view header(p + start, length);
  std::string_view descr = after(header, "descr"), order = after(header, "fortran_order"), dims = after(header, "shape");
  if (descr.size() < 4 || descr[0] != '\'') return bad("unsupported element type");
  const char endian = descr[1];
  const std::string code(descr.substr(2, descr.find('\'', 1) - 2));
  const NpyType* type = nullptr;
  for (const NpyType& t : kTypes)
    if (code == t.code) type = &t;
  if (!type || endian == '>') return bad("unsupported element type");
  Shape shape;
  if (dims.empty() || dims[0] != '(') return bad("no shape");
  for (size_t i = 1; i < dims.size() && dims[i] != ')';) {
    char* end;
    const std::string digits(dims.substr(i, 24));
    const long long n = std::strtoll(digits.c_str(), &end, 10);
    if (end == digits.c_str()) {
      ++i;
      continue;
    }
    if (n < 0 || shape.rank >= kMaxRank) return bad("impossible shape");
    shape.push(n);
    i += static_cast<size_t>(end - digits.c_str());
  }
  int64_t want;
  if (!checked_bytes(type->dtype, shape, &want)) return bad("impossible shape");
  if (static_cast<uint64_t>(want) > bytes.size() - start - length) return bad("truncated data");
  Array out(type->dtype, shape);
  const char* data = p + start + length;
  if (want) std::memcpy(out.bytes.data(), data, static_cast<size_t>(want));
  if (order.substr(0, 4) != "True") return out;
  TensorView source = out.view;
  int64_t stride = 1;
  for (int d = 0; d < shape.rank; ++d) {
    source.strides[d] = stride;
    stride *= shape.sizes[d];
  }
  return convert(source, type->dtype);
}

Array convert(const TensorView& t, DType dtype) {
  Array out(dtype, t.shape);
  if (t.dtype == dtype && t.is_contiguous()) {
    if (t.bytes()) std::memcpy(out.bytes.data(), t.data, t.bytes());
    return out;
  }
  for (ops::Index at(t.shape); at.valid(); at.next()) {
    int64_t from = 0, to = 0;
    for (int d = 0; d < t.rank(); ++d) {
      from += at[d] * t.strides[d];
      to += at[d] * out.view.strides[d];
    }
    ops::copy_element(out.view, to, t, from);
  }
  return out;
}

Error write_npy(const std::string& path, const TensorView& t) {
  const Array a = convert(t, t.dtype == DType::bf16 ? DType::f32 : t.dtype);
  const char* code = "f4";
  for (const NpyType& type : kTypes)
    if (type.dtype == a.view.dtype) code = type.code;
  std::string header = std::string("{'descr': '") + (byte_size(a.view.dtype) == 1 ? "|" : "<") + code + "', 'fortran_order': False, 'shape': (";
  for (int64_t s : t.shape.dims()) header += std::to_string(s) + ",";
  header += "), }";
  while ((10 + header.size() + 1) % 64) header += ' ';
  header += '\n';
  const char prefix[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  NewFile out(path.c_str());
  PF_TRY(out.write(prefix, sizeof prefix));
  PF_TRY(out.write(header.data(), header.size()));
  PF_TRY(out.write(a.bytes.data(), a.bytes.size()));
  return out.finish();
}

}  // namespace portfire::cli
