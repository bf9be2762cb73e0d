// Runs a harness once on each file given, or on each file of a folder given: what was found once stays fixed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/file_map.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  size_t files = 0;
  auto replay = [&](const std::filesystem::path& path) {
    const auto file = portfire::FileMap::open(path.c_str());
    if (!file.ok()) {
      fprintf(stderr, "%s\n", file.error().text());
      exit(2);
    }
    fprintf(stderr, "%s\n", path.c_str());  // the last line before a crash says which
    // A copy on the heap of just that size: the sanitizer sees the first byte read past its end.
    const size_t size = file->bytes().size();
    const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
    if (size) std::memcpy(copy.get(), file->bytes().data(), size);
    LLVMFuzzerTestOneInput(copy.get(), size);
    ++files;
  };
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      replay(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      if (entry.is_regular_file()) replay(entry.path());
  }
  printf("%zu files\n", files);
  return files ? 0 : 2;
}
