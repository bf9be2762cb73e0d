#include "compiler/import/safetensors.h"

#include <algorithm>
#include <cstring>

#include <simdjson.h>

#include "format/safetensors.h"

namespace portfire::import {
namespace {

constexpr uint64_t kMaxHeader = 100 << 20;  // the format's own bound

using Json = simdjson::dom::element;

struct Range {
  uint64_t begin, end;
};

Error bad(const std::string& text) { return Error::make(Code::bad_file, "%s", text.c_str()); }

uint64_t header_bytes(std::span<const std::byte> file) {
  uint64_t n = 0;
  if (file.size() >= 8) std::memcpy(&n, file.data(), 8);
  return n;
}

Result<Shape> parse_shape(Json item) {
  simdjson::dom::array sizes;
  if (item["shape"].get(sizes)) return bad("no shape");
  Shape shape;
  for (Json s : sizes) {
    int64_t size;
    if (s.get(size) || size < 0) return bad("a size that is none");
    if (shape.rank == kMaxRank) return bad("rank " + std::to_string(sizes.size()) + " (at most " + std::to_string(kMaxRank) + " is supported)");
    shape.push(size);
  }
  return shape;
}

Result<Range> parse_range(Json item) {
  simdjson::dom::array offsets;
  uint64_t begin, end;
  if (item["data_offsets"].get(offsets) || offsets.size() != 2 || offsets.at(0).get(begin) || offsets.at(1).get(end) || begin > end)
    return bad("no data_offsets (expected [begin, end])");
  return Range{begin, end};
}

// The type of one entry, and where its bytes are.
Result<TensorView> parse_tensor(Json item, size_t room, Range* range) {
  std::string_view type;
  if (item["dtype"].get(type)) return bad("no dtype");
  const auto dtype = safetensors_dtype(type);
  if (!dtype) return Error::make(Code::unsupported, "dtype %.*s is not supported", PF_NAME(type));
  PF_ASSIGN(const Shape shape, parse_shape(item));
  PF_ASSIGN(*range, parse_range(item));
  int64_t bytes;
  if (!checked_bytes(*dtype, shape, &bytes)) return bad(std::string("impossible sizes ") + TypeText(*dtype, shape).c_str());
  if (range->end > room) return bad("truncated: data ends at " + std::to_string(range->end) + ", file has " + std::to_string(room));
  if (range->end - range->begin != static_cast<uint64_t>(bytes))
    return bad(std::string(TypeText(*dtype, shape).c_str()) + " in " + std::to_string(range->end - range->begin) + " bytes (expected " +
               std::to_string(bytes) + ")");
  return TensorView::of(nullptr, *dtype, shape.dims());
}

// Neither gaps nor bytes that two share: nothing hides in a file.
Error check_cover(std::vector<Range> ranges, uint64_t bytes) {
  std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t at = 0;
  for (const Range r : ranges) {
    if (r.begin != at) return bad("data of a tensor begins at " + std::to_string(r.begin) + " (expected " + std::to_string(at) + ", where another ends)");
    at = r.end;
  }
  if (at != bytes) return bad("tensors of " + std::to_string(at) + " bytes in data of " + std::to_string(bytes));
  return {};
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> file) {
  return file.size() >= 10 && header_bytes(file) <= kMaxHeader && file[8] == std::byte{'{'};
}

Result<Safetensors> Safetensors::open(std::span<const std::byte> file) {
  const uint64_t header = header_bytes(file);
  if (file.size() < 8 || header > kMaxHeader) return bad("not a .safetensors file");
  if (header > file.size() - 8)
    return bad("truncated: a header of " + std::to_string(header) + " bytes, file has " + std::to_string(file.size()));
  const auto data = file.subspan(8 + header);
  simdjson::dom::parser parser;
  simdjson::dom::object entries;
  if (const auto error = parser.parse(reinterpret_cast<const char*>(file.data()) + 8, header).get(entries))
    return bad(std::string("header: ") + simdjson::error_message(error));
  Safetensors out;
  std::vector<Range> ranges;
  for (const auto& [name, item] : entries) {
    if (name == kSafetensorsMetadata) continue;
    Range range{};
    Result<TensorView> type = parse_tensor(item, data.size(), &range);
    if (!type.ok()) return Error::make(type.error().code(), "tensor \"%.*s\": %s", PF_NAME(name), type.error().text());
    TensorView t = *type;
    t.data = const_cast<std::byte*>(data.data()) + range.begin;
    if (t.bytes() > 0 && reinterpret_cast<uintptr_t>(t.data) % std::min<size_t>(byte_size(t.dtype), 8) != 0) {
      out.realigned_.emplace_back(t.as<std::byte>(), t.as<std::byte>() + t.bytes());
      t.data = out.realigned_.back().data();
    }
    ranges.push_back(range);
    out.names_.emplace_back(name);
    out.tensors_.push_back({out.names_.back(), t});
  }
  PF_TRY(check_cover(std::move(ranges), data.size()));
  const auto unique = NameIndex::of(out.names_.size(), [&](size_t i) { return std::string_view(out.names_[i]); });
  if (!unique.ok()) return unique.error();
  return out;
}

}  // namespace portfire::import
