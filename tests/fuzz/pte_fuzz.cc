// A `.pte` through the runtime: verify, load, set inputs of the declared types, execute.
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const portfire::fuzz::AlignedCopy copy(data, size, 128);
  portfire::fuzz::run_program(copy.bytes(), /*must_verify=*/false);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t, unsigned seed) {
  portfire::fuzz::Random random(seed);
  return portfire::fuzz::mutate_program({data, size}, 16, random);
}
