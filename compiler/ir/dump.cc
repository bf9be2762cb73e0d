#include "compiler/ir/dump.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "compiler/ir/parse_text.h"
#include "compiler/ir/text.h"
#include "core/file_map.h"

namespace portfire::ir {
namespace {

constexpr size_t kAlignment = 64;  // constants that are read back are used where they lie

Error cannot_write(const std::string& path) { return Error::make(Code::io, "%s: cannot write: %s", path.c_str(), strerror(errno)); }

// The value of the line "KEY VALUE" that `text` begins with, or empty. The line is left blank, so that
// those after it keep their numbers.
std::string take_header(std::string* text, const std::string& key) {
  const size_t start = text->find_first_not_of(" \n");
  if (start == std::string::npos || text->compare(start, key.size() + 1, key + " ") != 0) return {};
  const size_t end = std::min(text->find('\n', start), text->size()), from = start + key.size() + 1;
  std::string value = text->substr(from, end - from);
  text->replace(start, end - start, end - start, ' ');
  return value;
}

}  // namespace

Result<std::unique_ptr<DumpWriter>> DumpWriter::open(const std::string& constants_path) {
  std::unique_ptr<DumpWriter> dump(new DumpWriter(constants_path));
  std::error_code ignored;
  std::filesystem::remove(constants_path, ignored);
  dump->constants_ = std::fopen(constants_path.c_str(), "wb");
  if (!dump->constants_) return cannot_write(constants_path);
  return dump;
}

DumpWriter::~DumpWriter() {
  if (constants_) std::fclose(constants_);
}

uint64_t DumpWriter::place(const Constant& c) {
  const auto [it, fresh] = offsets_.try_emplace({c.data, c.bytes}, size_);
  if (!fresh) return it->second;
  owners_.push_back(c.owner);
  static constexpr char kZeros[kAlignment] = {};
  const size_t padding = (kAlignment - c.bytes % kAlignment) % kAlignment;
  failed_ |= std::fwrite(c.data, 1, c.bytes, constants_) != c.bytes || std::fwrite(kZeros, 1, padding, constants_) != padding;
  size_ += c.bytes + padding;
  return it->second;
}

Error DumpWriter::write(const Graph& graph, const std::string& path, const std::string& after) {
  TextOptions options;
  options.place = [&](const Constant& c) { return place(c); };
  std::ofstream out(path);
  out << "after " << after << "\nconstants " << std::filesystem::path(constants_path_).filename().string() << "\n\n"
      << to_text(graph, options);
  if (!out.flush()) return cannot_write(path);
  if (failed_ || std::fflush(constants_) != 0) return cannot_write(constants_path_);
  return {};
}

Result<Dump> read_dump(const std::string& path) {
  PF_ASSIGN(const FileMap file, FileMap::open(path.c_str()));
  std::string text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  Dump dump;
  ConstantBytes constants;
  dump.after = take_header(&text, "after");
  if (const std::string name = take_header(&text, "constants"); !name.empty()) {
    const std::string beside = (std::filesystem::path(path).parent_path() / name).string();
    PF_ASSIGN(FileMap map, FileMap::open(beside.c_str()));
    const auto owner = std::make_shared<FileMap>(std::move(map));
    constants = {owner->bytes(), owner};
  }
  Result<Graph> graph = parse_text(text, constants);
  if (!graph.ok()) return graph.error().at(path.c_str());
  dump.graph = *std::move(graph);
  return dump;
}

}  // namespace portfire::ir
