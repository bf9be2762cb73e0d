#include "compiler/emit/pte_file.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>

namespace portfire::emit {
namespace {

// A system keeps what a file was written in one call as one piece in its cache, of megabytes, and maps all of it when a byte is
// read. Of tables, where rows are read here and there, pieces are small: a few rows of a large one take little memory.
constexpr size_t kTablePiece = 64 << 10;

Error write_piece(const Sink& sink, const Segment::Piece& piece) {
  const auto* at = static_cast<const std::byte*>(piece.data);
  const size_t most = piece.is_table ? kTablePiece : std::max<size_t>(piece.bytes, 1);
  for (size_t done = 0; done < piece.bytes; done += most) PF_TRY(sink(at + done, std::min(most, piece.bytes - done)));
  return {};
}

Error write_segment(const Sink& sink, const Segment& s) {
  static const char zeros[kSegmentAlignment] = {};
  uint64_t at = 0;
  for (size_t i = 0; i < s.pieces().size(); ++i) {
    PF_TRY(sink(zeros, s.offsets()[i + 1] - at));
    PF_TRY(write_piece(sink, s.pieces()[i]));
    at = s.offsets()[i + 1] + s.pieces()[i].bytes;
  }
  return sink(zeros, s.size() - at);
}

}  // namespace

uint32_t Segment::add(const void* data, size_t bytes, bool is_table) {
  constexpr size_t kHashed = 64;
  const std::string_view first{static_cast<const char*>(data), std::min(bytes, kHashed)};
  const std::pair key{bytes, std::hash<std::string_view>()(first)};
  for (auto [it, end] = known_.equal_range(key); it != end; ++it) {
    Piece& piece = pieces_[it->second - 1];
    if (bytes > 0 && piece.data != data && std::memcmp(piece.data, data, bytes) != 0) continue;
    piece.is_table |= is_table;
    return it->second;
  }
  const auto index = static_cast<uint32_t>(offsets_.size());
  known_.emplace(key, index);
  offsets_.push_back(size_);
  pieces_.push_back({data, bytes, is_table});
  size_ = aligned(size_ + bytes);
  return index;
}

Error write_file(const Sink& sink, const flatbuffers::FlatBufferBuilder& out, const std::vector<const Segment*>& segments) {
  uint64_t data = 0;
  for (const Segment* s : segments) data += s->size();
  // The extended header sits at byte 8; the root offset grows by its length.
  constexpr uint64_t kHeader = 32;
  const uint8_t* body = out.GetBufferPointer();
  const uint64_t program_size = out.GetSize() + kHeader, base = aligned(program_size);
  char head[8 + kHeader] = {};
  uint32_t root;
  std::memcpy(&root, body, 4);
  root += kHeader;
  const uint32_t length = kHeader;
  std::memcpy(head, &root, 4);
  std::memcpy(head + 4, body + 4, 4);
  std::memcpy(head + 8, "eh00", 4);
  std::memcpy(head + 12, &length, 4);
  std::memcpy(head + 16, &program_size, 8);
  std::memcpy(head + 24, &base, 8);
  std::memcpy(head + 32, &data, 8);
  PF_TRY(sink(head, sizeof head));
  PF_TRY(sink(body + 8, out.GetSize() - 8));
  static const char zeros[kSegmentAlignment] = {};
  PF_TRY(sink(zeros, base - program_size));
  for (const Segment* s : segments) PF_TRY(write_segment(sink, *s));
  return {};
}

}  // namespace portfire::emit
