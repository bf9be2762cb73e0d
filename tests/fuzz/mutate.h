// Mutators that keep a file's framing, so that what lies behind it is reached.
#pragma once

#include <cstddef>
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

}  // namespace portfire::fuzz
