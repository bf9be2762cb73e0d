// What reads untrusted files of flatbuffers.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>

#include "core/error.h"

namespace portfire {

// Elements of a flatbuffers vector; a file may leave it out.
template <class V>
uint32_t count(const V* vector) {
  return vector ? vector->size() : 0;
}

// A number at byte `at`, which is in `bytes`.
template <class T>
T load(std::span<const std::byte> bytes, size_t at) {
  T v;
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

// Code::bad_file.
[[gnu::format(printf, 1, 2)]] inline Error bad(const char* format, ...) {
  char text[320];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return Error::make(Code::bad_file, "%s", text);
}

}  // namespace portfire
