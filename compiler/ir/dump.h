// Dumps: graphs in files that read back. A dump is the graph's text (compiler/ir/text.h) after two lines,
//
//   after decompose            the pass it comes from; "import" for what the importer gave
//   constants constants.bin    the file beside it where the bytes of larger constants lie
//
// and dumps of one compile share one file of constants, in which each stands once.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::ir {

class DumpWriter {
 public:
  // A file that is there gives way to a new one; who has mapped it keeps what he sees.
  static Result<std::unique_ptr<DumpWriter>> open(const std::string& constants_path);
  DumpWriter(const DumpWriter&) = delete;
  DumpWriter& operator=(const DumpWriter&) = delete;
  ~DumpWriter();

  // `path` must lie in the folder of the constants.
  Error write(const Graph& graph, const std::string& path, const std::string& after);

 private:
  explicit DumpWriter(std::string path) : constants_path_(std::move(path)) {}
  uint64_t place(const Constant& constant);

  std::string constants_path_;
  std::FILE* constants_ = nullptr;
  bool failed_ = false;
  uint64_t size_ = 0;
  std::map<std::pair<const void*, size_t>, uint64_t> offsets_;
  std::vector<std::shared_ptr<const void>> owners_;  // no address is used again while dumps are written
};

struct Dump {
  std::string after;  // empty where the text does not say
  Graph graph;
};
Result<Dump> read_dump(const std::string& path);

}  // namespace portfire::ir
