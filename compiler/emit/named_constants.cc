#include "compiler/emit/named_constants.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace portfire::emit {
namespace {

// FNV-1a, eight bytes at a time.
uint64_t hash_of(const void* data, size_t size) {
  uint64_t h = 14695981039346656037u;
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, std::min<size_t>(8, size - i));
    h = (h ^ word) * 1099511628211u;
    h ^= h >> 29;
  }
  return h;
}

}  // namespace

std::string NamedConstants::add(Bytes bytes) {
  if (const auto it = known_.find({bytes.data, bytes.size}); it != known_.end()) return it->second;
  char text[48];
  for (uint64_t h = hash_of(bytes.data, bytes.size);; ++h) {
    std::snprintf(text, sizeof text, "%016llx-%zu", static_cast<unsigned long long>(h), bytes.size);
    const auto it = all_.find(text);
    if (it != all_.end() && std::memcmp(it->second.data, bytes.data, bytes.size) != 0) continue;
    if (it == all_.end()) {
      known_[{bytes.data, bytes.size}] = text;  // these bytes stay: nothing else will lie there
      all_.emplace(text, std::move(bytes));
    }
    return text;
  }
}

}  // namespace portfire::emit
