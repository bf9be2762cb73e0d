// Tensors of every kind for tests of files.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "format/named_tensor.h"

namespace portfire {

inline constexpr DType kAllDTypes[] = {
#define X(name, id, bytes, text) DType::name,
    PF_DTYPES(X)
#undef X
};

// Tensors that own their memory. Values are seeded; bools are bools.
class OwnedTensors {
 public:
  TensorView add(std::string name, DType dtype, std::initializer_list<int64_t> sizes) {
    TensorView t = TensorView::of(nullptr, dtype, {sizes.begin(), sizes.size()});
    auto& data = data_.emplace_back(new std::byte[t.bytes() + 1]);
    for (size_t i = 0; i < t.bytes(); ++i) data[i] = static_cast<std::byte>(dtype == DType::boolean ? next() & 1 : next() & 255);
    t.data = data.get();
    names_.push_back(std::make_unique<std::string>(std::move(name)));
    tensors_.push_back({*names_.back(), t});
    return t;
  }
  // Every dtype in every rank of 0 to 5, and empty ones.
  void add_all() {
    for (const DType d : kAllDTypes) {
      const std::string name = name_of(d);
      add(name + ".0", d, {});
      add(name + ".1", d, {3});
      add(name + ".2", d, {2, 5});
      add(name + ".3", d, {1, 3, 2});
      add(name + ".4", d, {2, 1, 1, 3});
      add(name + ".5", d, {1, 2, 1, 2, 1});
      add(name + ".none", d, {0});
      add(name + ".none3", d, {2, 0, 3});
    }
  }
  std::span<const NamedTensor> all() const { return tensors_; }

 private:
  unsigned next() { return (state_ = state_ * 1664525 + 1013904223) >> 16; }

  std::vector<std::unique_ptr<std::byte[]>> data_;
  std::vector<std::unique_ptr<std::string>> names_;
  std::vector<NamedTensor> tensors_;
  unsigned state_ = 1;
};

inline bool same_tensor(const TensorView& a, const TensorView& b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.is_contiguous() && b.is_contiguous() &&
         (a.bytes() == 0 || std::memcmp(a.data, b.data, a.bytes()) == 0);
}

// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder() {
    char name[] = "/tmp/portfire_test.XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }
  size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {})); }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void put_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Bytes on the heap at an address that the views take, and no byte more: a sanitizer sees what is read behind them.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::string_view bytes) : size_(bytes.size()), data_(static_cast<std::byte*>(::operator new(bytes.size(), std::align_val_t{16}))) {
    if (size_) std::memcpy(data_, bytes.data(), size_);
  }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  ~AlignedBytes() { ::operator delete(data_, std::align_val_t{16}); }
  operator std::span<const std::byte>() const { return {data_, size_}; }  // NOLINT

 private:
  size_t size_;
  std::byte* data_;
};

}  // namespace portfire
