// Reading `.safetensors` files: 8 bytes with the length of a JSON text, the text, the data (format/safetensors.h writes them).
// Everything is checked: sizes against bytes, and that the tensors' bytes cover the data once, as the format demands.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "format/named_tensor.h"

namespace portfire::import {

// Whether bytes begin as such a file does.
bool looks_like_safetensors(std::span<const std::byte> file);

class Safetensors {
 public:
  // The bytes must outlive it. Code::bad_file, or Code::unsupported for an element type that we have not.
  static Result<Safetensors> open(std::span<const std::byte> file);

  // In the order of the file's text. Data lies in the file, or in memory of its own where the file does not align it.
  const std::vector<NamedTensor>& tensors() const { return tensors_; }

 private:
  std::deque<std::string> names_;                 // which the tensors' names point into
  std::deque<std::vector<std::byte>> realigned_;
  std::vector<NamedTensor> tensors_;
};

}  // namespace portfire::import
