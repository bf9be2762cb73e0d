// A `.safetensors` through its reader: what it accepts can be read to its last byte.
#include <cstring>
#include <string>

#include "compiler/import/safetensors.h"
#include "tests/fuzz/mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = portfire::import::Safetensors::open({reinterpret_cast<const std::byte*>(data), size});
  if (!file.ok()) return 0;
  volatile uint8_t sum = 0;
  size_t bytes = 0;
  for (const portfire::NamedTensor& t : file->tensors()) {
    PF_CHECK(t.tensor.is_contiguous() && !t.name.empty());
    for (size_t b = 0; b < t.tensor.bytes(); ++b) sum = sum + t.tensor.as<uint8_t>()[b];
    bytes += t.tensor.bytes();
  }
  PF_CHECK(bytes <= size);
  return 0;
}

// The JSON text as such, with its length right.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t room, unsigned seed) {
  portfire::fuzz::Random random(seed);
  uint64_t length = 0;
  if (size >= 8) std::memcpy(&length, data, 8);
  if (size >= 8 && length <= size - 8 && !random.one_in(8)) {
    const std::string text = portfire::fuzz::mutate_json(std::string(reinterpret_cast<const char*>(data) + 8, length), random);
    const std::string rest(reinterpret_cast<const char*>(data) + 8 + length, size - 8 - length);
    if (8 + text.size() + rest.size() <= room) {
      const uint64_t now = text.size();
      std::memcpy(data, &now, 8);
      std::memcpy(data + 8, text.data(), text.size());
      if (!rest.empty()) std::memcpy(data + 8 + text.size(), rest.data(), rest.size());
      return 8 + text.size() + rest.size();
    }
  }
  portfire::fuzz::mutate_in_place({data, size}, random);
  return random.one_in(8) ? random.below(size + 1) : size;
}
