// A `.pte` through the runtime: verify, load, set inputs of the declared types, execute.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Programs in memory must be aligned as a mapped file is.
  const size_t room = (size + 127) / 128 * 128;
  const std::unique_ptr<void, void (*)(void*)> copy(aligned_alloc(128, room ? room : 128), free);
  if (size) std::memcpy(copy.get(), data, size);
  portfire::fuzz::run_program({static_cast<const std::byte*>(copy.get()), size}, /*must_verify=*/false);
  return 0;
}

// A flatbuffer is full of offsets: inserting or dropping bytes breaks all of them, so sizes mostly stay.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t, unsigned seed) {
  portfire::fuzz::Random random(seed);
  // Programs stand first, weights after: most changes go to the program.
  uint64_t program = size;
  if (size >= 24) std::memcpy(&program, data + 16, 8);
  if (program > size || random.one_in(16)) program = size;
  portfire::fuzz::mutate_in_place({data, program}, random);
  return random.one_in(64) ? random.below(size + 1) : size;
}
