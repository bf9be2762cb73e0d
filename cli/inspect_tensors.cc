// `portfire inspect` of files of tensors: checkpoints, and those of other programs.
#include <fmt/format.h>

#include "cli/inspect.h"
#include "cli/listing_text.h"
#include "compiler/import/tensor_file.h"

namespace portfire::cli {
namespace {

using import::TensorFile;

void print_checkpoint(const CheckpointInfo& c) {
  fmt::print("  step {}\n", c.step);
  fmt::print("  data: epoch {}, position {}, seed {}\n", c.epoch, c.position, c.data_seed);
  fmt::print("  random numbers: seed {}, counter {}\n", c.random_seed, c.random_counter);
  fmt::print("  of program {:016x}\n", c.program);
}

}  // namespace

Error inspect_tensors(const std::string& path) {
  PF_ASSIGN(const std::shared_ptr<const TensorFile> file, TensorFile::open(path));
  const char* kind = file->checkpoint() ? "checkpoint" : "tensors";
  const char* format = file->format() == TensorFile::Format::ptd ? "" : " (safetensors)";
  fmt::print("{}: {}{}, {}\n", path, kind, format, bytes_text(file->file_bytes()));
  if (file->checkpoint()) print_checkpoint(*file->checkpoint());
  fmt::print("  tensors: {}, {}\n", file->tensors().size(), bytes_text(file->tensor_bytes()));
  for (const NamedTensor& t : file->tensors())
    fmt::print("  {} : {}, {}\n", name_text(t.name), TypeText(t.tensor).c_str(), bytes_text(t.tensor.bytes()));
  return {};
}

}  // namespace portfire::cli
