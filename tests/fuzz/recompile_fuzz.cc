// A `.pte` of another compiler through ours: import, every pass, emission. What it accepts must be a program that the runtime
// verifies; that is run as well.
#include "compiler/driver/compile.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const portfire::fuzz::AlignedCopy copy(data, size, 128);
  const auto program = portfire::recompile_bytes(copy.bytes());
  if (program.ok()) portfire::fuzz::run_program(*program, /*must_verify=*/true);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t, unsigned seed) {
  portfire::fuzz::Random random(seed);
  return portfire::fuzz::mutate_program({data, size}, 4, random);
}
