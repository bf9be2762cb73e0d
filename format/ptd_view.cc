#include "format/ptd_view.h"

#include <algorithm>
#include <cstring>

#include "format/ptd_writer.h"
#include "format/reading.h"

namespace portfire {
namespace {

unsigned long long wide(uint64_t n) { return n; }

Shape shape_of(const ptd::TensorLayout& type) {
  Shape shape;
  for (uint32_t d = 0; d < count(type.sizes()); ++d) shape.push(type.sizes()->Get(d));
  return shape;
}

}  // namespace

Result<PtdView> PtdView::open(std::span<const std::byte> file) {
  PtdView view;
  view.file_ = file;
  if (reinterpret_cast<uintptr_t>(file.data()) % 16 != 0)
    return Error::make(Code::bad_argument, "the tensors lie at an odd address (expected 16-byte alignment)");
  PF_TRY(view.verify_header());
  // Three tables a tensor.
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(file.data()), view.flatbuffer_end_, /*max_depth=*/8,
                                 /*max_tables=*/3'000'000);
  if (!ptd::VerifyFlatTensorBuffer(verifier)) return bad("damaged flatbuffer");
  view.root_ = ptd::GetFlatTensor(file.data());
  if (view.root_->version() != 0) return bad("version %u (expected 0)", view.root_->version());
  PF_TRY(view.verify_segments());
  for (size_t i = 0; i < view.size(); ++i)
    if (!view.entry(i).key()) return bad("entry %zu has no name", i);
  PF_ASSIGN(view.names_, NameIndex::of(view.size(), [&](size_t i) { return view.name(i); }));
  for (size_t i = 0; i < view.size(); ++i) PF_TRY(view.verify_entry(i));
  return view;
}

std::string_view PtdView::name(size_t i) const { return entry(i).key()->string_view(); }

std::span<const std::byte> PtdView::segment(uint32_t i) const {
  const ptd::DataSegment* s = root_->segments()->Get(i);
  return file_.subspan(segment_base_ + s->offset(), s->size());
}

TensorView PtdView::tensor(size_t i) const {
  TensorView t;
  const auto data = bytes(i);
  t.data = const_cast<std::byte*>(data.data());
  const ptd::TensorLayout* type = entry(i).tensor_layout();
  if (!type) {
    t.dtype = DType::u8;
    t.shape.push(static_cast<int64_t>(data.size()));
    t.set_contiguous();
    return t;
  }
  t.dtype = static_cast<DType>(type->scalar_type());
  t.shape = shape_of(*type);
  int64_t stride = 1;
  for (int at = t.rank() - 1; at >= 0; --at) {
    const int d = type->dim_order()->Get(static_cast<uint32_t>(at));
    t.strides[d] = stride;
    if (t.size(d) > 0) stride *= t.size(d);
  }
  return t;
}

std::optional<TensorView> PtdView::find(std::string_view name) const {
  const size_t i = names_.find(name);
  return i == NameIndex::kNone ? std::nullopt : std::optional(tensor(i));
}

Error PtdView::verify_header() {
  const uint64_t size = file_.size();
  if (size < kPtdHeaderEnd) return bad("%zu bytes are too few for a .ptd file", file_.size());
  if (std::memcmp(file_.data() + 4, "FT01", 4) != 0) return bad("not a .ptd file (expected FT01 at byte 4)");
  if (std::memcmp(file_.data() + 8, "FH01", 4) != 0) return bad("a .ptd file without a header (expected FH01 at byte 8)");
  const uint32_t length = load<uint32_t>(file_, 12);
  if (length < kPtdHeaderBytes) return bad("header of %u bytes (expected %zu or more)", length, kPtdHeaderBytes);
  const uint64_t offset = load<uint64_t>(file_, 16), bytes = load<uint64_t>(file_, 24);
  segment_base_ = load<uint64_t>(file_, 32);
  segment_bytes_ = load<uint64_t>(file_, 40);
  if (offset > size || bytes > size - offset)
    return bad("truncated: a list of tensors of %llu bytes at %llu, file has %llu", wide(bytes), wide(offset), wide(size));
  flatbuffer_end_ = offset + bytes;
  if (flatbuffer_end_ >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return bad("a list of tensors of %llu bytes (expected less than %llu)", wide(bytes), wide(FLATBUFFERS_MAX_BUFFER_SIZE));
  if (segment_base_ > size || segment_bytes_ > size - segment_base_)
    return bad("truncated: data of %llu bytes at %llu, file has %llu", wide(segment_bytes_), wide(segment_base_), wide(size));
  if (segment_bytes_ > 0 && segment_base_ < flatbuffer_end_)
    return bad("data begins at %llu, inside the list of tensors (expected %llu or more)", wide(segment_base_), wide(flatbuffer_end_));
  return {};
}

Error PtdView::verify_segments() const {
  for (uint32_t i = 0; i < count(root_->segments()); ++i) {
    const ptd::DataSegment* s = root_->segments()->Get(i);
    if (s->offset() > segment_bytes_ || s->size() > segment_bytes_ - s->offset())
      return bad("segment %u of %llu bytes at %llu reaches past the end of the data (%llu bytes)", i, wide(s->size()), wide(s->offset()),
                 wide(segment_bytes_));
  }
  return {};
}

Error PtdView::verify_entry(size_t i) const {
  const ptd::NamedData& e = entry(i);
  if (e.segment_index() >= count(root_->segments()))
    return bad("tensor \"%.*s\": segment %u of %u", PF_NAME(name(i)), e.segment_index(), count(root_->segments()));
  if (!e.tensor_layout()) return {};
  if (Error error = verify_type(*e.tensor_layout(), bytes(i))) return bad("tensor \"%.*s\": %s", PF_NAME(name(i)), error.text());
  return {};
}

Error PtdView::verify_type(const ptd::TensorLayout& type, std::span<const std::byte> data) const {
  const uint32_t rank = count(type.sizes());
  if (!is_dtype(type.scalar_type())) return bad("dtype number %d is not supported", type.scalar_type());
  if (rank > static_cast<uint32_t>(kMaxRank)) return bad("rank %u (at most %d is supported)", rank, kMaxRank);
  if (count(type.dim_order()) != rank) return bad("%u dimension orders for rank %u", count(type.dim_order()), rank);
  uint32_t seen = 0;
  for (uint32_t d = 0; d < rank; ++d) {
    const unsigned at = type.dim_order()->Get(d);
    if (at >= rank || (seen & (1u << at))) return bad("dimension order is no permutation");
    seen |= 1u << at;
  }
  const auto dtype = static_cast<DType>(type.scalar_type());
  int64_t bytes;
  if (!checked_bytes(dtype, shape_of(type), &bytes)) return bad("impossible sizes %s", TypeText(dtype, shape_of(type)).c_str());
  if (static_cast<uint64_t>(bytes) != data.size())
    return bad("%s in %zu bytes (expected %lld)", TypeText(dtype, shape_of(type)).c_str(), data.size(), static_cast<long long>(bytes));
  if (bytes > 0 && reinterpret_cast<uintptr_t>(data.data()) % std::min<size_t>(byte_size(dtype), 8) != 0) return bad("data is not aligned");
  return {};
}

}  // namespace portfire
