// A `.pte` of another compiler through ours: import, every pass, emission. What it accepts must be a program that the runtime
// verifies; that is run as well.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "compiler/driver/compile.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const size_t room = (size + 127) / 128 * 128;
  const std::unique_ptr<void, void (*)(void*)> copy(aligned_alloc(128, room ? room : 128), free);
  if (size) std::memcpy(copy.get(), data, size);
  const auto program = portfire::recompile_bytes({static_cast<const std::byte*>(copy.get()), size});
  if (program.ok()) portfire::fuzz::run_program(*program, /*must_verify=*/true);
  return 0;
}

// As of programs: most changes go to what stands before the weights.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t, unsigned seed) {
  portfire::fuzz::Random random(seed);
  uint64_t program = size;
  if (size >= 24) std::memcpy(&program, data + 16, 8);
  if (program > size || random.one_in(4)) program = size;
  portfire::fuzz::mutate_in_place({data, program}, random);
  return random.one_in(64) ? random.below(size + 1) : size;
}
