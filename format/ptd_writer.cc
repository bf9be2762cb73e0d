#include "format/ptd_writer.h"

#include <cstring>
#include <vector>

#include "tensor_data_generated.h"

namespace portfire {
namespace {

namespace fb = flatbuffers;

uint64_t aligned(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

// Calls f(tensor, offset of its segment) for each; the bytes that all segments take.
template <class F>
uint64_t for_each_segment(std::span<const NamedTensor> tensors, F&& f) {
  uint64_t end = 0;
  for (const NamedTensor& t : tensors) {
    const uint64_t offset = aligned(end, kPtdAlignment);
    f(t, offset);
    end = offset + t.tensor.bytes();
  }
  return end;
}

fb::Offset<ptd::TensorLayout> layout_of(fb::FlatBufferBuilder& out, const TensorView& t) {
  int32_t sizes[kMaxRank];
  uint8_t order[kMaxRank];
  for (int d = 0; d < t.rank(); ++d) {
    sizes[d] = static_cast<int32_t>(t.size(d));
    order[d] = static_cast<uint8_t>(d);
  }
  const auto rank = static_cast<size_t>(t.rank());  // of rank 0 too: loaders expect both vectors
  return ptd::CreateTensorLayout(out, static_cast<int8_t>(t.dtype), out.CreateVector(sizes, rank), out.CreateVector(order, rank));
}

}  // namespace

Result<PtdMetadata> ptd_metadata(std::span<const NamedTensor> tensors) {
  fb::FlatBufferBuilder out;
  out.ForceDefaults(true);  // other readers look for fields of value 0 too
  std::vector<fb::Offset<ptd::DataSegment>> segments;
  std::vector<fb::Offset<ptd::NamedData>> names;
  for (const NamedTensor& t : tensors)
    for (const int64_t size : t.tensor.shape.dims())
      if (size > INT32_MAX)
        return Error::make(Code::unsupported, "tensor \"%.*s\" is %s (expected sizes of at most 2147483647)", PF_NAME(t.name), TypeText(t.tensor).c_str());
  const uint64_t data_bytes = for_each_segment(tensors, [&](const NamedTensor& t, uint64_t offset) {
    const auto index = static_cast<uint32_t>(segments.size());
    segments.push_back(ptd::CreateDataSegment(out, offset, t.tensor.bytes()));
    const auto name = out.CreateString(t.name.data(), t.name.size());
    names.push_back(ptd::CreateNamedData(out, name, index, layout_of(out, t.tensor)));
  });
  const auto root = ptd::CreateFlatTensor(out, /*version=*/0, out.CreateVector(segments), out.CreateVector(names));
  ptd::FinishFlatTensorBuffer(out, root);
  // The header is put behind the identifier; a multiple of 16 bytes, so that what was aligned stays so.
  constexpr uint64_t kInserted = 48;
  const uint8_t* body = out.GetBufferPointer();
  const uint64_t rest = out.GetSize(), base = aligned(rest + kInserted, kPtdAlignment);
  PtdMetadata m;
  m.data.reset(new (std::nothrow) std::byte[base]());
  if (!m.data) return Error::make(Code::out_of_memory, "no memory for a list of %zu tensors", tensors.size());
  m.bytes = base;
  const uint32_t root_at = fb::ReadScalar<uint32_t>(body) + static_cast<uint32_t>(kInserted), length = kPtdHeaderBytes;
  const uint64_t numbers[] = {kInserted, rest, base, data_bytes};
  std::byte* to = m.data.get();
  std::memcpy(to, &root_at, 4);
  std::memcpy(to + 4, body + 4, 4);
  std::memcpy(to + 8, "FH01", 4);
  std::memcpy(to + 12, &length, 4);
  std::memcpy(to + 16, numbers, sizeof numbers);
  std::memcpy(to + 8 + kInserted, body + 8, rest - 8);
  return m;
}

Error write_ptd(NewFile& file, const PtdMetadata& metadata, std::span<const NamedTensor> tensors) {
  static constexpr char kZeros[kPtdAlignment] = {};
  PF_TRY(file.write(metadata.data.get(), metadata.bytes));
  uint64_t at = 0;
  Error error;
  for_each_segment(tensors, [&](const NamedTensor& t, uint64_t offset) {
    if (!error) error = file.write(kZeros, offset - at);
    if (!error) error = file.write(t.tensor.data, t.tensor.bytes());
    at = offset + t.tensor.bytes();
  });
  return error;
}

Error write_ptd(const char* path, std::span<const NamedTensor> tensors) {
  if (Error e = check_tensors(tensors)) return e.at(path);
  const Result<PtdMetadata> metadata = ptd_metadata(tensors);
  if (!metadata.ok()) return metadata.error().at(path);
  NewFile file(path);
  PF_TRY(write_ptd(file, *metadata, tensors));
  return file.finish();
}

}  // namespace portfire
