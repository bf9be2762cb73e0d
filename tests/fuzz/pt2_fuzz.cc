// A `.pt2` through the whole compiler: archive, import, every pass, emission. What it accepts must be a program that
// the runtime verifies; that is run as well.
#include <cstring>
#include <cstdlib>
#include <memory>
#include <vector>

#include "compiler/driver/compile.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto program = portfire::compile_bytes({reinterpret_cast<const std::byte*>(data), size});
  if (program.ok()) portfire::fuzz::run_program(*program, /*must_verify=*/true);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  portfire::fuzz::Random random(seed);
  if (!random.one_in(16)) {
    const auto out = portfire::fuzz::mutate_archive({reinterpret_cast<const std::byte*>(data), size}, random);
    if (!out.empty() && out.size() <= max_size) {
      std::memcpy(data, out.data(), out.size());
      return out.size();
    }
  }
  portfire::fuzz::mutate_in_place({data, size}, random);
  return random.one_in(8) ? random.below(size + 1) : size;
}
