#include "runtime/memory.h"

#include <sys/mman.h>

namespace portfire {

namespace {
constexpr size_t kChunkBytes = size_t{64} << 10;
}

LoadMemory::~LoadMemory() {
  while (chunks_) {
    Chunk* next = chunks_->next;
    std::free(chunks_);
    chunks_ = next;
  }
}

void* LoadMemory::allocate(size_t bytes, size_t alignment) {
  if (void* p = chunks_ ? arena_.allocate(bytes, alignment) : nullptr) return p;
  if (bytes > SIZE_MAX / 2) return nullptr;
  const size_t chunk = (bytes + alignment + sizeof(Chunk) > kChunkBytes ? bytes + alignment + sizeof(Chunk) : kChunkBytes);
  auto* memory = static_cast<Chunk*>(std::malloc(chunk));
  if (!memory) return nullptr;
  memory->next = chunks_;
  chunks_ = memory;
  total_ += chunk;
  arena_ = Arena(memory + 1, chunk - sizeof(Chunk));
  return arena_.allocate(bytes, alignment);
}

Error Buffer::reserve(size_t bytes) {
  if (bytes <= bytes_) return {};
  release();
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return Error::make(Code::out_of_memory, "no memory for a buffer of %zu bytes", bytes);
  data_ = static_cast<std::byte*>(p);
  bytes_ = bytes;
  return {};
}

void Buffer::release() {
  if (data_) munmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace portfire
