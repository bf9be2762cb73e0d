// Mutators that keep a file's framing, so that what lies behind it is reached.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/fuzz/random.h"

namespace portfire::fuzz {

// Another JSON text: numbers, names, values and list items replaced by others of the same text, dropped or
// repeated. Texts that are no JSON come back as they are.
std::string mutate_json(const std::string& text, Random& random);

// A `.pt2` with one of its JSON entries (at times another entry) mutated and every checksum right. Empty
// where `archive` cannot be read.
std::vector<std::byte> mutate_archive(std::span<const std::byte> archive, Random& random);

// Overwrites a few bytes, or aligned 32-bit numbers, in place.
void mutate_in_place(std::span<uint8_t> bytes, Random& random);

// The same of files of flatbuffers, the new size: they are full of offsets, and inserting or dropping bytes breaks all of them, so sizes mostly
// stay. Changes go to the first `part` bytes.
size_t mutate_flatbuffer(std::span<uint8_t> bytes, size_t part, Random& random);
// Of a `.pte`: programs stand first, weights after, so most changes go to the program, and one in `anywhere` anywhere.
size_t mutate_program(std::span<uint8_t> bytes, size_t anywhere, Random& random);

// A copy that is aligned as a mapped file is; its last byte stands at the end of the block where sizes allow.
class AlignedCopy {
 public:
  AlignedCopy(const uint8_t* data, size_t size, size_t alignment = 16)
      : size_(size), copy_(aligned_alloc(alignment, size ? (size + alignment - 1) / alignment * alignment : alignment), free) {
    if (size) std::memcpy(copy_.get(), data, size);
  }
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(copy_.get()), size_}; }

 private:
  size_t size_;
  std::unique_ptr<void, void (*)(void*)> copy_;
};

}  // namespace portfire::fuzz
