// Runs a harness once on each file given, or on each file of a folder given: what was found once stays fixed.
// --random=N runs it on N seeded random inputs too, for harnesses that need no seeds.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "core/file_map.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  size_t runs = 0;
  // A copy on the heap of just that size: the sanitizer sees the first byte read past its end.
  auto run = [&](const void* data, size_t size) {
    const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
    if (size) std::memcpy(copy.get(), data, size);
    LLVMFuzzerTestOneInput(copy.get(), size);
    ++runs;
  };
  auto replay = [&](const std::filesystem::path& path) {
    const auto file = portfire::FileMap::open(path.c_str());
    if (!file.ok()) {
      fprintf(stderr, "%s\n", file.error().text());
      exit(2);
    }
    fprintf(stderr, "%s\n", path.c_str());  // the last line before a crash says which
    run(file->bytes().data(), file->bytes().size());
  };
  auto replay_random = [&](int count) {
    std::mt19937 random(1);
    std::vector<uint8_t> bytes;
    while (count-- > 0) {
      bytes.resize(2 + random() % 200);
      for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
      run(bytes.data(), bytes.size());
    }
  };
  constexpr std::string_view kRandom = "--random=";
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).starts_with(kRandom)) {
      replay_random(atoi(argv[i] + kRandom.size()));
      continue;
    }
    if (!std::filesystem::is_directory(argv[i])) {
      replay(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      if (entry.is_regular_file()) replay(entry.path());
  }
  printf("%zu runs\n", runs);
  return runs ? 0 : 2;
}
