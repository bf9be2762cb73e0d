#include "format/checkpoint.h"

#include <cstring>
#include <vector>

#include "core/crc32c.h"
#include "core/new_file.h"
#include "format/ptd_writer.h"

namespace portfire {
namespace {

constexpr char kMagic[8] = {'P', 'F', 'C', 'K', 'P', 'T', '0', '1'};  // the digits are the record's version

std::span<const std::byte> bytes_of(const TensorView& t) { return {t.as<const std::byte>(), t.bytes()}; }

// Of what is no tensor's: the list of tensors, and the checksums of the others.
uint32_t last_checksum(std::span<const std::byte> metadata, std::span<const std::byte> checksums) {
  return crc32c(checksums.first(checksums.size() - sizeof(uint32_t)), crc32c(metadata));
}

uint32_t checksum_at(std::span<const std::byte> checksums, size_t i) {
  uint32_t v;
  std::memcpy(&v, checksums.data() + i * sizeof v, sizeof v);
  return v;
}

}  // namespace

CheckpointRecord to_record(const CheckpointInfo& i) {
  const uint64_t numbers[] = {i.step, i.random_seed, i.random_counter, i.epoch, i.position, i.data_seed, i.program};
  CheckpointRecord record;
  static_assert(sizeof kMagic + sizeof numbers == sizeof record.bytes);
  std::memcpy(record.bytes, kMagic, sizeof kMagic);
  std::memcpy(record.bytes + sizeof kMagic, numbers, sizeof numbers);
  return record;
}

Result<CheckpointInfo> from_record(const TensorView& t) {
  if (t.dtype != DType::u8 || t.rank() != 1 || t.bytes() != kCheckpointRecordBytes)
    return Error::make(Code::bad_file, "%s is %s (expected u8[%zu])", kCheckpointName.data(), TypeText(t).c_str(), kCheckpointRecordBytes);
  if (std::memcmp(t.data, kMagic, sizeof kMagic) != 0)
    return Error::make(Code::bad_file, "%s is no record of this version (expected %.8s)", kCheckpointName.data(), kMagic);
  uint64_t n[7];
  std::memcpy(n, t.as<uint8_t>() + sizeof kMagic, sizeof n);
  return CheckpointInfo{n[0], n[1], n[2], n[3], n[4], n[5], n[6]};
}

Error write_checkpoint(const char* path, std::span<const NamedTensor> tensors, const CheckpointInfo& info) {
  const CheckpointRecord record = to_record(info);
  const size_t n = tensors.size() + 2;
  std::vector<uint32_t> checksums(n);
  std::vector<NamedTensor> all(tensors.begin(), tensors.end());
  all.push_back({kCheckpointName, TensorView::of(record.bytes, {static_cast<int64_t>(sizeof record.bytes)})});
  all.push_back({kChecksumsName, TensorView::of(checksums.data(), {static_cast<int64_t>(n)})});
  if (Error e = check_tensors(all)) return e.at(path);
  const Result<PtdMetadata> metadata = ptd_metadata(all);
  if (!metadata.ok()) return metadata.error().at(path);
  for (size_t i = 0; i + 1 < n; ++i) checksums[i] = crc32c(bytes_of(all[i].tensor));
  checksums[n - 1] = last_checksum(metadata->span(), std::as_bytes(std::span(checksums)));
  NewFile file(path);
  PF_TRY(write_ptd(file, *metadata, all));
  return file.finish();
}

Result<CheckpointFile> CheckpointFile::open(const char* path) {
  PF_ASSIGN(FileMap map, FileMap::open(path));
  Result<CheckpointFile> file = from_bytes(map.bytes());
  if (!file.ok()) return file.error().at(path);
  file->file_ = std::move(map);
  return file;
}

Result<CheckpointFile> CheckpointFile::from_bytes(std::span<const std::byte> bytes) {
  PF_ASSIGN(PtdView view, PtdView::open(bytes));
  CheckpointFile file(std::move(view));
  PF_TRY(file.verify());
  return file;
}

std::optional<TensorView> CheckpointFile::find(std::string_view name) const {
  return name == kCheckpointName || name == kChecksumsName ? std::nullopt : view_.find(name);
}

Error CheckpointFile::verify() {
  const size_t n = view_.size();
  if (!is_checkpoint(view_))
    return Error::make(Code::bad_file, "tensors, but no checkpoint (expected a \"%s\" among the names)", kCheckpointName.data());
  if (n < 2 || view_.name(n - 2) != kCheckpointName || view_.name(n - 1) != kChecksumsName)
    return Error::make(Code::bad_file, "a checkpoint whose last names are not \"%s\" and \"%s\"", kCheckpointName.data(), kChecksumsName.data());
  const TensorView checksums = view_.tensor(n - 1);
  if (checksums.dtype != DType::u32 || checksums.rank() != 1 || checksums.numel() != static_cast<int64_t>(n))
    return Error::make(Code::bad_file, "%s is %s (expected u32[%zu])", kChecksumsName.data(), TypeText(checksums).c_str(), n);
  PF_TRY(verify_checksums());
  PF_TRY(verify_layout());
  PF_ASSIGN(info_, from_record(view_.tensor(n - 2)));
  return {};
}

// What no checksum covers is zero, and there is nothing behind the last tensor.
Error CheckpointFile::verify_layout() const {
  const auto file = view_.file();
  size_t at = view_.metadata().size();
  for (size_t i = 0; i < view_.size(); ++i) {
    const size_t begin = static_cast<size_t>(view_.bytes(i).data() - file.data());
    if (begin < at || begin - at >= kPtdAlignment)
      return Error::make(Code::bad_file, "tensor \"%.*s\" at byte %zu (expected behind %zu, where the one before ends)", PF_NAME(view_.name(i)), begin, at);
    for (; at < begin; ++at)
      if (file[at] != std::byte{0}) return Error::make(Code::bad_file, "damaged between tensors, at byte %zu (expected 0)", at);
    at += view_.bytes(i).size();
  }
  if (at != file.size()) return Error::make(Code::bad_file, "%zu bytes behind the end (expected %zu bytes)", file.size() - at, at);
  return {};
}

Error CheckpointFile::verify_checksums() const {
  const size_t n = view_.size();
  const auto checksums = view_.bytes(n - 1);
  // First the list itself: it says which tensor the others are of.
  if (const uint32_t found = last_checksum(view_.metadata(), checksums); found != checksum_at(checksums, n - 1))
    return Error::make(Code::bad_file, "the list of tensors is damaged (expected checksum %08x, got %08x)", checksum_at(checksums, n - 1), found);
  for (size_t i = 0; i + 1 < n; ++i)
    if (const uint32_t found = crc32c(view_.bytes(i)); found != checksum_at(checksums, i))
      return Error::make(Code::bad_file, "tensor \"%.*s\" is damaged (expected checksum %08x, got %08x)", PF_NAME(view_.name(i)),
                         checksum_at(checksums, i), found);
  return {};
}

}  // namespace portfire
