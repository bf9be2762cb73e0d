// Arena: bump allocation over memory that somebody else owns. Nothing is freed one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace portfire {

class Arena {
 public:
  static constexpr size_t kAlignment = 64;  // one cache line, one AVX-512 vector

  Arena() = default;
  Arena(void* memory, size_t bytes) : base_(static_cast<char*>(memory)), bytes_(bytes) {}

  // Null where the memory does not suffice. `bytes` of 0 gives a valid, unusable pointer.
  void* allocate(size_t bytes, size_t alignment = kAlignment) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(base_) + used_;
    const size_t padding = (alignment - at % alignment) % alignment;
    if (padding > bytes_ - used_ || bytes > bytes_ - used_ - padding) return nullptr;
    used_ += padding + bytes;
    return base_ + used_ - bytes;
  }
  // `count` value-initialised objects; an empty span with null data on exhaustion.
  template <class T>
  std::span<T> make(size_t count) {
    if (count > SIZE_MAX / sizeof(T)) return {};
    T* p = static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
    if (!p) return {};
    for (size_t i = 0; i < count; ++i) new (p + i) T();
    return {p, count};
  }
  size_t used() const { return used_; }
  size_t capacity() const { return bytes_; }

 private:
  char* base_ = nullptr;
  size_t bytes_ = 0, used_ = 0;
};

}  // namespace portfire
