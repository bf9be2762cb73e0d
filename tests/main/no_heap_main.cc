// After loading, a method uses no heap: every case of the corpus is called several times, with changing shapes where
// they are dynamic, while every allocation of the process is counted. A program of its own, for it replaces malloc.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "cli/npy.h"
#include "compiler/driver/compile.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"
#include "runtime/method.h"

namespace {
std::atomic<bool> counting{false};
std::atomic<size_t> allocations{0};

void count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void* malloc(size_t bytes) { return count(), __libc_malloc(bytes); }
void* calloc(size_t n, size_t bytes) { return count(), __libc_calloc(n, bytes); }
void* realloc(void* p, size_t bytes) { return count(), __libc_realloc(p, bytes); }
void* memalign(size_t alignment, size_t bytes) { return count(), __libc_memalign(alignment, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return count(), __libc_memalign(alignment, bytes); }
}

namespace portfire {
namespace {

// Inputs of the declared sizes less `shrink`, where those are dynamic. Small numbers serve as indices too.
std::vector<cli::Array> inputs_of(const Method& m, int64_t shrink) {
  std::vector<cli::Array> list;
  for (size_t i = 0; i < m.input_count(); ++i) {
    const Value& type = m.input_type(i);
    Shape shape = type.kind == Value::Kind::tensor ? type.tensor->shape : Shape();
    for (int d = 0; d < shape.rank && m.input_is_dynamic(i); ++d)
      if (d == 0) shape.sizes[d] = std::max<int64_t>(1, shape.sizes[d] - shrink);
    list.emplace_back(type.kind == Value::Kind::tensor ? type.tensor->dtype : DType::i64, shape);
    for (int64_t k = 0; k < list.back().view.numel(); ++k) ops::store_int(list.back().view, k, (k * 7 + 1) % 3);
  }
  return list;
}

// The number of allocations in three calls; -1 where the case could not be run.
int64_t allocations_of(const std::filesystem::path& archive, ThreadPool* pool) {
  const auto file = FileMap::open(archive.c_str());
  if (!file.ok()) return -1;
  const auto bytes = compile_bytes(file->bytes());
  if (!bytes.ok()) return -1;
  const auto program = Program::from_bytes(*bytes);
  Method::Options options;
  options.pool = pool;
  auto method = Method::load(*program, "forward", options);
  if (!method.ok()) return -1;
  std::vector<std::vector<cli::Array>> calls;
  for (const int64_t shrink : {0, 2, 1}) calls.push_back(inputs_of(**method, shrink));
  allocations = 0;
  counting = true;
  Error error;
  for (const auto& call : calls) {
    for (size_t i = 0; !error && i < call.size(); ++i) error = (*method)->set_input(i, call[i].view);
    if (!error) error = (*method)->execute();
  }
  counting = false;
  if (error) fprintf(stderr, "%s: %s\n", archive.c_str(), error.text());
  return error ? -1 : static_cast<int64_t>(allocations.load());
}

}  // namespace
}  // namespace portfire

int main() {
  void* volatile probe = (counting = true, malloc(1));  // the counter itself must work
  counting = false;
  free(probe);
  if (allocations == 0) return puts("allocations are not counted"), 1;
  size_t cases = 0, wrong = 0;
  portfire::ThreadPool pool(2);
  for (const auto& entry : std::filesystem::directory_iterator(PORTFIRE_SOURCE_DIR "/tests/corpus")) {
    if (entry.path().extension() != ".pt2") continue;
    for (portfire::ThreadPool* p : {static_cast<portfire::ThreadPool*>(nullptr), &pool}) {
      const int64_t n = portfire::allocations_of(entry.path(), p);
      ++cases;
      wrong += n != 0;
      if (n != 0) printf("%s: %lld allocations after loading\n", entry.path().filename().c_str(), static_cast<long long>(n));
    }
  }
  printf("%zu runs, %zu with allocations or errors\n", cases, wrong);
  return cases == 0 || wrong ? 1 : 0;
}
