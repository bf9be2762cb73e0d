#include "compiler/import/archive.h"

#include <algorithm>
#include <cstring>

#include <minizip/unzip.h>
#include <zlib.h>

namespace portfire::import {
namespace {

constexpr size_t kMaxEntries = 1 << 20;

Error bad(const std::string& path, const char* what) { return Error::make(Code::bad_file, "%s: %s", path.c_str(), what); }

// minizip reads through these: the bytes it sees are those that are used later, whatever happens to
// the file meanwhile.
struct Memory {
  std::span<const std::byte> bytes;
  uint64_t at = 0;
};

uLong read_memory(voidpf, voidpf stream, void* to, uLong size) {
  auto& m = *static_cast<Memory*>(stream);
  const uint64_t n = std::min<uint64_t>(size, m.bytes.size() - m.at);
  if (n) std::memcpy(to, m.bytes.data() + m.at, n);
  m.at += n;
  return static_cast<uLong>(n);
}

long seek_memory(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
  auto& m = *static_cast<Memory*>(stream);
  const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET ? 0 : origin == ZLIB_FILEFUNC_SEEK_CUR ? m.at : m.bytes.size();
  if (offset > m.bytes.size() - base) return -1;
  m.at = base + offset;
  return 0;
}

// Whether the bytes end as a zip does: with its end record and that record's comment. minizip overlooks a few missing.
bool has_end(std::span<const std::byte> bytes) {
  constexpr size_t kRecord = 22, kMaxComment = 0xffff;
  for (size_t comment = 0; comment <= kMaxComment && comment + kRecord <= bytes.size(); ++comment) {
    const std::byte* at = bytes.data() + bytes.size() - comment - kRecord;
    if (std::memcmp(at, "PK\5\6", 4) != 0) continue;
    return std::to_integer<size_t>(at[20]) + 256 * std::to_integer<size_t>(at[21]) == comment;
  }
  return false;
}

struct Unzip {
  explicit Unzip(Memory* memory) {
    zlib_filefunc64_def calls{};
    calls.zopen64_file = [](voidpf opaque, const void*, int) { return opaque; };
    calls.zread_file = read_memory;
    calls.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T { return static_cast<Memory*>(stream)->at; };
    calls.zseek64_file = seek_memory;
    calls.zclose_file = [](voidpf, voidpf) { return 0; };
    calls.zerror_file = [](voidpf, voidpf) { return 0; };
    calls.opaque = memory;
    file = unzOpen2_64("", &calls);
  }
  ~Unzip() {
    if (file) unzClose(file);
  }
  unzFile file;
};

}  // namespace

Result<std::shared_ptr<const Archive>> Archive::open(const std::string& path) {
  auto archive = std::make_shared<Archive>();
  archive->path_ = path;
  PF_ASSIGN(archive->file_, FileMap::open(path.c_str()));
  archive->bytes_ = archive->file_.bytes();
  PF_TRY(archive->read_directory());
  return std::shared_ptr<const Archive>(archive);
}

Result<std::shared_ptr<const Archive>> Archive::from_bytes(std::span<const std::byte> bytes, const std::string& name) {
  auto archive = std::make_shared<Archive>();
  archive->path_ = name;
  archive->bytes_ = bytes;
  PF_TRY(archive->read_directory());
  return std::shared_ptr<const Archive>(archive);
}

Error Archive::read_directory() {
  if (!has_end(bytes_)) return bad(path_, "not a .pt2 archive, or a truncated one (no end of a zip directory)");
  Memory memory{bytes_};
  Unzip zip(&memory);
  if (!zip.file) return bad(path_, "not a .pt2 archive (no zip directory found)");
  std::string root;
  size_t count = 0;
  int rc = unzGoToFirstFile(zip.file);
  for (; rc == UNZ_OK; rc = unzGoToNextFile(zip.file)) {
    if (++count > kMaxEntries) return bad(path_, "too many entries");
    unz_file_info64 info;
    char name[1024];
    if (unzGetCurrentFileInfo64(zip.file, &info, name, sizeof name - 1, nullptr, 0, nullptr, 0) != UNZ_OK)
      return bad(path_, "damaged zip directory");
    name[sizeof name - 1] = '\0';
    if (info.compression_method != 0 || info.uncompressed_size != info.compressed_size || (info.flag & 1))
      return Error::make(Code::bad_file, "%s: entry %.200s is compressed or encrypted (expected stored, as torch.export writes)",
                         path_.c_str(), name);
    if (unzOpenCurrentFile(zip.file) != UNZ_OK) return bad(path_, "damaged zip entry");
    const uint64_t offset = unzGetCurrentFileZStreamPos64(zip.file);
    unzCloseCurrentFile(zip.file);
    if (offset > bytes_.size() || info.uncompressed_size > bytes_.size() - offset)
      return Error::make(Code::bad_file, "%s: entry %.200s reaches past the end of the file", path_.c_str(), name);
    std::string_view entry = name;
    const size_t slash = entry.find('/');
    if (slash == entry.npos) continue;
    if (root.empty()) root = entry.substr(0, slash);
    if (entry.substr(0, slash) != root) return bad(path_, "more than one root folder");
    const Entry where{static_cast<size_t>(offset), static_cast<size_t>(info.uncompressed_size), static_cast<uint32_t>(info.crc)};
    if (!entries_.emplace(entry.substr(slash + 1), where).second)
      return Error::make(Code::bad_file, "%s: two entries are named %.200s", path_.c_str(), name);
  }
  if (rc != UNZ_END_OF_LIST_OF_FILE) return bad(path_, "damaged zip directory");
  if (!has("models/model.json")) return bad(path_, "not a torch.export archive (no models/model.json)");
  return {};
}

std::vector<std::string> Archive::names() const {
  std::vector<std::string> list;
  for (const auto& [name, entry] : entries_) list.push_back(name);
  return list;
}

Result<std::span<const std::byte>> Archive::read(std::string_view name) const {
  auto it = entries_.find(std::string(name));
  if (it == entries_.end())
    return Error::make(Code::bad_file, "%s: no entry %.*s", path_.c_str(), static_cast<int>(name.size()), name.data());
  const auto bytes = bytes_.subspan(it->second.offset, it->second.bytes);
  const auto crc = crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  if (crc != it->second.crc)
    return Error::make(Code::bad_file, "%s: entry %.*s is damaged (checksum expected %08x, got %08x)", path_.c_str(),
                       static_cast<int>(name.size()), name.data(), it->second.crc, static_cast<unsigned>(crc));
  return bytes;
}

}  // namespace portfire::import
