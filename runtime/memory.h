// Memory of a method: small things that live as long as it does, and its tensor buffers.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <span>

#include "core/arena.h"
#include "core/error.h"

namespace portfire {

// Bump allocation in chunks from the system, for what is made while loading.
class LoadMemory {
 public:
  LoadMemory() = default;
  LoadMemory(const LoadMemory&) = delete;
  LoadMemory& operator=(const LoadMemory&) = delete;
  ~LoadMemory();

  // Null where the system has no more.
  void* allocate(size_t bytes, size_t alignment = alignof(std::max_align_t));
  template <class T>
  std::span<T> make(size_t count) {
    T* p = count > SIZE_MAX / sizeof(T) ? nullptr : static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
    if (!p) return {};
    for (size_t i = 0; i < count; ++i) new (p + i) T();
    return {p, count};
  }
  size_t total() const { return total_; }

 private:
  struct Chunk {
    Chunk* next;
  };
  Chunk* chunks_ = nullptr;
  Arena arena_;
  size_t total_ = 0;
};

// A buffer from the system, page-granular and untouched until used; may grow, losing its content.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { release(); }

  Error reserve(size_t bytes);
  // Zeros, as it began. What is another's stays.
  void clear();
  // Shows another's memory, which must outlive this; never grows.
  void borrow(const Buffer& other);
  bool borrowed() const { return borrowed_; }
  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void release();
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  bool borrowed_ = false;
};

}  // namespace portfire
