// A `.bpte`: the view, every value of its test sets, and its program, which is run as any other.
#include <cstring>

#include "format/bundle_view.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_program.h"

namespace portfire::fuzz {
namespace {

void touch(const Value& v) {
  if (v.kind != Value::Kind::tensor) return;
  const TensorView& t = *v.tensor;
  volatile uint8_t sum = 0;
  int64_t last = 0;  // by the strides
  for (int d = 0; d < t.rank(); ++d) last += (t.size(d) - 1) * t.strides[d];
  if (t.numel() > 0 && t.bytes() <= 1 << 16)
    for (size_t b = 0; b < static_cast<size_t>(last + 1) * byte_size(t.dtype); ++b) sum = sum + t.as<uint8_t>()[b];
}

void touch(const BundleView& bundle) {
  for (size_t m = 0; m < bundle.method_count(); ++m)
    for (size_t s = 0; s < bundle.set_count(m); ++s) {
      TensorView view;
      for (size_t i = 0; i < bundle.input_count(m, s); ++i) touch(bundle.input(m, s, i, &view));
      for (size_t i = 0; i < bundle.output_count(m, s); ++i) touch(bundle.output(m, s, i, &view));
    }
}

}  // namespace
}  // namespace portfire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace portfire;
  const fuzz::AlignedCopy copy(data, size);
  const std::span<const std::byte> bytes = copy.bytes();
  const auto bundle = BundleView::open(bytes);
  if (!bundle.ok()) return 0;
  fuzz::touch(*bundle);
  fuzz::run_program(bytes, /*must_verify=*/false);
  return 0;
}

// A flatbuffer in a flatbuffer: sizes mostly stay.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t, unsigned seed) {
  portfire::fuzz::Random random(seed);
  return portfire::fuzz::mutate_flatbuffer({data, size}, size, random);
}
