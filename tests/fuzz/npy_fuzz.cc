// An `.npy` through its reader; what is read must be as large as its type says.
#include "cli/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto array = portfire::cli::parse_npy({reinterpret_cast<const std::byte*>(data), size}, "input");
  if (array.ok()) PF_CHECK(array->bytes.size() == array->view.bytes() && array->view.is_contiguous());
  return 0;
}
