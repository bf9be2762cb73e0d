// A delegated part of a program as ExecuTorch's XNNPACK backend reads it (format/xnnpack.fbs).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"

namespace portfire::emit {

// Constants of delegates, by a name made of their content: the same content is there once, whoever uses it.
class NamedConstants {
 public:
  struct Bytes {
    const void* data = nullptr;
    size_t size = 0;
    std::shared_ptr<const void> owner;
  };
  // The name. The bytes must stay where they are as long as `owner` lives.
  std::string add(Bytes bytes);
  const std::map<std::string, Bytes>& all() const { return all_; }

 private:
  std::map<std::string, Bytes> all_;
  std::map<std::pair<const void*, size_t>, std::string> known_;
};

// The bytes of a delegate that computes `body` (compiler/passes/delegate_xnnpack.cc); its arguments are the body's inputs, then its outputs.
std::vector<uint8_t> xnnpack_blob(const ir::Graph& body, NamedConstants& constants);

}  // namespace portfire::emit
