#include "compiler/import/archive.h"

#include <minizip/unzip.h>
#include <zlib.h>

namespace portfire::import {
namespace {

constexpr size_t kMaxEntries = 1 << 20;

Error bad(const std::string& path, const char* what) { return Error::make(Code::bad_file, "%s: %s", path.c_str(), what); }

struct Unzip {
  unzFile file;
  ~Unzip() {
    if (file) unzClose(file);
  }
};

}  // namespace

Result<std::shared_ptr<const Archive>> Archive::open(const std::string& path) {
  auto archive = std::make_shared<Archive>();
  archive->path_ = path;
  PF_ASSIGN(archive->file_, FileMap::open(path.c_str()));
  Unzip zip{unzOpen64(path.c_str())};
  if (!zip.file) return bad(path, "not a .pt2 archive (no zip directory found)");
  std::string root;
  size_t count = 0;
  for (int rc = unzGoToFirstFile(zip.file); rc == UNZ_OK; rc = unzGoToNextFile(zip.file)) {
    if (++count > kMaxEntries) return bad(path, "too many entries");
    unz_file_info64 info;
    char name[1024];
    if (unzGetCurrentFileInfo64(zip.file, &info, name, sizeof name - 1, nullptr, 0, nullptr, 0) != UNZ_OK)
      return bad(path, "damaged zip directory");
    name[sizeof name - 1] = '\0';
    if (info.compression_method != 0 || info.uncompressed_size != info.compressed_size || (info.flag & 1))
      return Error::make(Code::bad_file, "%s: entry %.200s is compressed or encrypted (expected stored, as torch.export writes)",
                         path.c_str(), name);
    if (unzOpenCurrentFile(zip.file) != UNZ_OK) return bad(path, "damaged zip entry");
    const uint64_t offset = unzGetCurrentFileZStreamPos64(zip.file);
    unzCloseCurrentFile(zip.file);
    const size_t size = archive->file_.bytes().size();
    if (offset > size || info.uncompressed_size > size - offset)
      return Error::make(Code::bad_file, "%s: entry %.200s reaches past the end of the file", path.c_str(), name);
    std::string_view entry = name;
    const size_t slash = entry.find('/');
    if (slash == entry.npos) continue;
    if (root.empty()) root = entry.substr(0, slash);
    if (entry.substr(0, slash) != root) return bad(path, "more than one root folder");
    archive->entries_[std::string(entry.substr(slash + 1))] = {static_cast<size_t>(offset),
                                                               static_cast<size_t>(info.uncompressed_size),
                                                               static_cast<uint32_t>(info.crc)};
  }
  if (!archive->has("models/model.json"))
    return bad(path, "not a torch.export archive (no models/model.json)");
  return std::shared_ptr<const Archive>(archive);
}

Result<std::span<const std::byte>> Archive::read(std::string_view name) const {
  auto it = entries_.find(std::string(name));
  if (it == entries_.end())
    return Error::make(Code::bad_file, "%s: no entry %.*s", path_.c_str(), static_cast<int>(name.size()), name.data());
  const auto bytes = file_.bytes().subspan(it->second.offset, it->second.bytes);
  const auto crc = crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  if (crc != it->second.crc)
    return Error::make(Code::bad_file, "%s: entry %.*s is damaged (checksum expected %08x, got %08x)", path_.c_str(),
                       static_cast<int>(name.size()), name.data(), it->second.crc, static_cast<unsigned>(crc));
  return bytes;
}

}  // namespace portfire::import
