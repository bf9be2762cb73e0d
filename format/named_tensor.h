// A tensor under its name, and what names a file of tensors may have: not empty, without a NUL (other loaders take them
// as C strings), at most kMaxNameBytes long, none twice.
#pragma once

#include <memory>
#include <new>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/tensor_view.h"

namespace portfire {

struct NamedTensor {
  std::string_view name;  // the owner's, as the data is
  TensorView tensor;
};

inline constexpr size_t kMaxNameBytes = 4096;

// `name` as an error shows it: long ones are cut.
#define PF_NAME(name) static_cast<int>((name).size() < 160 ? (name).size() : 160), (name).data()

// Names sorted, to be found by. The names themselves must outlive it.
class NameIndex {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  // Of name(0) to name(n - 1). Code::bad_file where one is no name or there twice; Code::out_of_memory.
  template <class F>
  static Result<NameIndex> of(size_t n, F&& name) {
    NameIndex index;
    index.entries_.reset(new (std::nothrow) Entry[n]);
    if (!index.entries_) return Error::make(Code::out_of_memory, "no memory for %zu names", n);
    index.size_ = n;
    for (size_t i = 0; i < n; ++i) index.entries_[i] = {name(i), i};
    PF_TRY(index.sort());
    return index;
  }

  // kNone where there is none of that name.
  size_t find(std::string_view name) const;

 private:
  struct Entry {
    std::string_view name;
    size_t at;
  };
  Error sort();

  std::unique_ptr<Entry[]> entries_;
  size_t size_ = 0;
};

// What a writer of tensors asks of them: names as above, row-major data that is there. Code::bad_argument names the tensor.
Error check_tensors(std::span<const NamedTensor> tensors);

}  // namespace portfire
