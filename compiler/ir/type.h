// Types of graph values. A size that is not known until run time is kept as its values under a few
// fixed assignments of the program's free symbols (upper corner, lower corner, random points).
// Two sizes are taken as equal where they agree under every assignment: identity testing by
// evaluation. It lets the compiler run each operator's one concrete shape rule, and no symbolic
// algebra is needed. Sizes are polynomials of low degree (with floor divisions) over ranges of many
// values, so a coincidence under the random assignments is improbable; where ranges are so small
// that points coincide, equality under all of them is what a bounded search could prove as well.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace portfire::ir {

inline constexpr int kAssignments = 5;  // 0: upper corner, 1: lower corner, others: random points

struct Dim {
  std::array<int64_t, kAssignments> at{};

  Dim() = default;
  Dim(int64_t fixed) { at.fill(fixed); }  // NOLINT: a plain number is a size
  bool is_static() const {
    for (int64_t v : at)
      if (v != at[0]) return false;
    return true;
  }
  int64_t upper() const {
    int64_t most = at[0];
    for (int64_t v : at) most = v > most ? v : most;
    return most;
  }
  friend bool operator==(const Dim&, const Dim&) = default;
};

struct Type {
  enum class Kind : uint8_t { none, tensor, integer, boolean, real };
  Kind kind = Kind::none;
  DType dtype = DType::f32;    // tensors
  std::vector<Dim> sizes;      // tensors
  std::vector<Dim> strides;    // tensors; empty: row-major contiguous
  Dim number;                  // integers and booleans: the value under each assignment
  std::array<double, kAssignments> real{};  // reals: likewise
  // Tensors: some size has no bound worth planning for; memory is found at run time.
  bool unbounded = false;

  static Type tensor(DType dtype, std::vector<Dim> sizes) {
    Type t;
    t.kind = Kind::tensor;
    t.dtype = dtype;
    t.sizes = std::move(sizes);
    return t;
  }
  static Type integer(Dim samples) {
    Type t;
    t.kind = Kind::integer;
    t.number = samples;
    return t;
  }
  static Type scalar(Kind kind) {
    Type t;
    t.kind = kind;
    return t;
  }

  bool is_tensor() const { return kind == Kind::tensor; }
  int rank() const { return static_cast<int>(sizes.size()); }
  bool is_static() const {
    for (const Dim& d : sizes)
      if (!d.is_static()) return false;
    return true;
  }
  Dim numel() const {
    Dim n = 1;
    for (const Dim& d : sizes)
      for (int k = 0; k < kAssignments; ++k) n.at[k] *= d.at[k];
    return n;
  }
  // The most bytes it takes under any assignment, densely packed.
  int64_t upper_bytes() const { return numel().upper() * static_cast<int64_t>(byte_size(dtype)); }
  bool is_contiguous() const { return strides.empty(); }
  friend bool operator==(const Type&, const Type&) = default;
};

// "f32[2,s{512,1,77,130,3}]"; views add their strides: "f32[2,3]{1,2}".
std::string to_string(const Type& type);
std::string to_string(const Dim& dim);

}  // namespace portfire::ir
