// Checkpoints of a training: a `.ptd` file of parameters, buffers and the optimizer's state that says where the training
// stands and carries a checksum of all that it holds. docs/checkpoints.md gives the bytes.
//
//   PF_TRY(write_checkpoint("tuned.ptd", tensors, {.step = 100, .program = fingerprint}));
//   PF_ASSIGN(const CheckpointFile file, CheckpointFile::open("tuned.ptd"));
//   if (auto weight = file.find("layers.0.weight")) ...
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/file_map.h"
#include "format/named_tensor.h"
#include "format/ptd_view.h"

namespace portfire {

struct CheckpointInfo {
  uint64_t step = 0;                             // of the optimizer: how many were made
  uint64_t random_seed = 0, random_counter = 0;  // of random operators
  uint64_t epoch = 0, position = 0;              // the data cursor: passes that are done, and what is done of the present one
  uint64_t data_seed = 0;                        // of the data's order
  uint64_t program = 0;                          // fingerprint of the training program
  friend bool operator==(const CheckpointInfo&, const CheckpointInfo&) = default;
};

// The last two names of a checkpoint: the record, u8[64], and the checksums, u32[number of names].
inline constexpr std::string_view kCheckpointName = "portfire.checkpoint", kChecksumsName = "portfire.checksums";
inline constexpr size_t kCheckpointRecordBytes = 64;

struct CheckpointRecord {
  uint8_t bytes[kCheckpointRecordBytes];
};
CheckpointRecord to_record(const CheckpointInfo& info);
// Code::bad_file where it is no record, or a later version's.
Result<CheckpointInfo> from_record(const TensorView& record);

// Row-major tensors, in this order; what lies at `path` stays until all of the new file is on the disk. The tensors must
// not change meanwhile. Code::bad_argument names a tensor that cannot be written, Code::io says what the system did.
Error write_checkpoint(const char* path, std::span<const NamedTensor> tensors, const CheckpointInfo& info);

// A checkpoint mapped into memory, all of it verified. Movable; tensors live as long as it.
class CheckpointFile {
 public:
  // Code::io where it cannot be read. Code::bad_file where it is no checkpoint, or damaged: the text says which tensor.
  static Result<CheckpointFile> open(const char* path);
  // The same of bytes in memory, which must outlive it and lie at an address divisible by 16.
  static Result<CheckpointFile> from_bytes(std::span<const std::byte> file);
  // Whether it names itself one; it may still be damaged.
  static bool is_checkpoint(const PtdView& view) { return view.find(kCheckpointName).has_value(); }

  const CheckpointInfo& info() const { return info_; }
  // The tensors as they were given to write_checkpoint. Their memory is the file's, and not to be written to.
  size_t size() const { return view_.size() - 2; }
  std::string_view name(size_t i) const { return view_.name(i); }
  TensorView tensor(size_t i) const { return view_.tensor(i); }
  // Nothing where there is none of that name.
  std::optional<TensorView> find(std::string_view name) const;

 private:
  explicit CheckpointFile(PtdView view) : view_(std::move(view)) {}
  Error verify();
  Error verify_layout() const;
  Error verify_checksums() const;

  FileMap file_;
  PtdView view_;
  CheckpointInfo info_;
};

}  // namespace portfire
