// The parts of a `.pte` file: a flatbuffer behind its extended header, then segments.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "compiler/emit/write_pte.h"
#include "format/program_view.h"

namespace portfire::emit {

inline uint64_t aligned(uint64_t n) { return (n + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment; }

// The bytes of one segment, in pieces that stay where they are.
class Segment {
 public:
  // The index in the table of offsets. Equal bytes are stored once: several uses of one weight pack it each for itself.
  uint32_t add(const void* data, size_t bytes, bool is_table = false);
  bool empty() const { return pieces_.empty(); }
  uint64_t size() const { return size_; }
  const std::vector<uint64_t>& offsets() const { return offsets_; }
  struct Piece {
    const void* data;
    size_t bytes;
    bool is_table;  // of which a call reads some rows
  };
  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  std::vector<uint64_t> offsets_{0};  // entry 0 is not used
  std::vector<Piece> pieces_;
  std::multimap<std::pair<size_t, size_t>, uint32_t> known_;  // by size, and a hash of the first bytes
  uint64_t size_ = 0;
};

// `out` is finished; `segments` stand one behind the other, as the program's table says.
Error write_file(const Sink& sink, const flatbuffers::FlatBufferBuilder& out, const std::vector<const Segment*>& segments);

}  // namespace portfire::emit
