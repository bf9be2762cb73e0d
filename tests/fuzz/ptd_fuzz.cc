// A `.ptd` through its view and as a checkpoint: what either accepts can be read to its last byte.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/crc32c.h"
#include "format/checkpoint.h"
#include "tests/fuzz/mutate.h"

namespace portfire::fuzz {
namespace {

void touch(const PtdView& view) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < view.size(); ++i) {
    const TensorView t = view.tensor(i);
    PF_CHECK(t.bytes() == view.bytes(i).size() && view.find(view.name(i)).has_value());
    if (view.bytes(i).size() > 1 << 16) continue;  // entries may share their bytes
    for (size_t b = 0; b < t.bytes(); ++b) sum = sum + t.as<uint8_t>()[b];
    // The last element by the strides is inside too.
    int64_t last = 0;
    for (int d = 0; d < t.rank(); ++d) last += (t.size(d) - 1) * t.strides[d];
    PF_CHECK(t.numel() == 0 || static_cast<size_t>(last + 1) * byte_size(t.dtype) == t.bytes());
  }
}

// So that what lies behind the checksums of the list and of small tensors is reached: they are made right again.
void repair(std::span<uint8_t> bytes) {
  const AlignedCopy copy(bytes.data(), bytes.size());
  const auto view = PtdView::open(copy.bytes());
  if (!view.ok() || view->size() < 2 || view->bytes(view->size() - 1).size() != view->size() * 4) return;
  const size_t n = view->size();
  const auto table = static_cast<size_t>(view->bytes(n - 1).data() - view->file().data());
  for (size_t i = 0; i < n; ++i) {
    const uint32_t sum = i + 1 < n ? crc32c(view->bytes(i)) : crc32c(std::as_bytes(bytes.subspan(table, 4 * i)), crc32c(view->metadata()));
    std::memcpy(bytes.data() + table + 4 * i, &sum, 4);
  }
}

}  // namespace
}  // namespace portfire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace portfire;
  const fuzz::AlignedCopy copy(data, size);
  const std::span<const std::byte> bytes = copy.bytes();
  const auto view = PtdView::open(bytes);
  if (view.ok()) fuzz::touch(*view);
  const auto checkpoint = CheckpointFile::from_bytes(bytes);
  PF_CHECK(view.ok() || !checkpoint.ok());
  if (checkpoint.ok())
    for (size_t i = 0; i < checkpoint->size(); ++i) PF_CHECK(checkpoint->find(checkpoint->name(i)).has_value());
  return 0;
}

// As of a `.pte`: sizes mostly stay, and most changes go to what stands before the data.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t, unsigned seed) {
  portfire::fuzz::Random random(seed);
  uint64_t metadata = size;
  if (size >= 40) std::memcpy(&metadata, data + 32, 8);
  if (metadata > size || random.one_in(8)) metadata = size;
  portfire::fuzz::mutate_in_place({data, metadata}, random);
  if (random.one_in(2)) portfire::fuzz::repair({data, size});
  return random.one_in(64) ? random.below(size + 1) : size;
}
