#include "runtime/memory.h"

#include <cstring>

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

namespace {

// AddressSanitizer guards what lies on the heap to the byte; mappings it does not know.
#if defined(__has_feature)
#define PF_WATCHED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define PF_WATCHED 1
#else
#define PF_WATCHED 0
#endif
#if PF_WATCHED
void* map(size_t bytes) {
  void* p = nullptr;
  return posix_memalign(&p, Arena::kAlignment, bytes) == 0 ? std::memset(p, 0, bytes) : nullptr;
}
void unmap(void* p, size_t) { std::free(p); }
#else
void* map(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}
void unmap(void* p, size_t bytes) {
  if (p) munmap(p, bytes);
}
#endif

}  // namespace

Error Buffer::reserve(size_t bytes) {
  if (bytes <= bytes_) return {};
  if (borrowed_) return Error::make(Code::bad_file, "shared state of %zu bytes (expected at most %zu)", bytes, bytes_);
  void* p = map(bytes);
  if (!p) return Error::make(Code::out_of_memory, "no memory for a buffer of %zu bytes", bytes);
  release();  // only now: what shows the old memory stays valid where there is no new
  data_ = static_cast<std::byte*>(p);
  bytes_ = bytes;
  return {};
}

void Buffer::clear() {
  if (borrowed_ || bytes_ == 0) return;
  // The system gives zeros for pages that it took back.
  if (PF_WATCHED || madvise(data_, bytes_, MADV_DONTNEED) != 0) std::memset(data_, 0, bytes_);
}

void Buffer::borrow(const Buffer& other) {
  release();
  data_ = other.data_;
  bytes_ = other.bytes_;
  borrowed_ = true;
}

void Buffer::release() {
  if (!borrowed_) unmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace portfire
