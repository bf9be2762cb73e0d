// A verified view of a `.bpte` file's bytes: a program, and test sets for its methods. After `open` succeeded, all that the
// accessors reach lies inside the file, and every tensor's dtype, sizes, order of dimensions and alignment fit its bytes; the
// program itself is another file's bytes, to be opened by ProgramView. Nothing is copied: the bytes must outlive the view.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "bundle_generated.h"
#include "core/error.h"
#include "core/value.h"

namespace portfire {

// Whether it says of itself that it is one.
bool is_bundle(std::span<const std::byte> file);

class BundleView {
 public:
  // `file` at an address divisible by 16. Code::bad_file with what is wrong and where.
  static Result<BundleView> open(std::span<const std::byte> file);

  std::span<const std::byte> program() const;
  // Methods that have test sets, in the order of the file.
  size_t method_count() const;
  std::string_view method(size_t m) const;
  size_t set_count(size_t m) const;
  // Of test set `s` of method `m`.
  size_t input_count(size_t m, size_t s) const;
  size_t output_count(size_t m, size_t s) const;
  // A tensor, an integer, a bool or a real. `view` gets the tensor, whose memory is the file's and not to be written to; it must
  // outlive the value.
  Value input(size_t m, size_t s, size_t i, TensorView* view) const;
  Value output(size_t m, size_t s, size_t i, TensorView* view) const;

 private:
  BundleView() = default;
  const bpte::TestSet& set(size_t m, size_t s) const;
  Error verify() const;

  const bpte::Bundle* root_ = nullptr;
};

}  // namespace portfire
