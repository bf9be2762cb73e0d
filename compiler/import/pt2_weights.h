// The tensors of a `.pt2`: parameters, buffers and constants.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/import/archive.h"
#include "compiler/import/pt2_types.h"

namespace portfire::import {

// One entry of a weights or constants config: where the bytes are and how they are laid out.
struct Payload {
  std::string entry;
  DType dtype;
  std::vector<int64_t> sizes, strides;
  int64_t offset = 0;
};

class Weights {
 public:
  // Reads the configs of both folders. Refuses what no archive can hold.
  Weights(std::shared_ptr<const Archive> archive, Symbols& symbols);

  bool has(const std::string& name) const { return payloads_.count(name) != 0; }
  const Payload& payload(const std::string& name) const;
  // Contiguous storage is used where it lies, if aligned; other layouts are copied into row-major order. Tied
  // weights share one constant.
  std::pair<ir::Type, std::shared_ptr<const ir::Constant>> get(const std::string& name);

 private:
  void read(simdjson::dom::parser& parser, const std::string& folder, Symbols& symbols);

  std::shared_ptr<const Archive> archive_;
  std::map<std::string, Payload> payloads_;
  std::map<std::string, std::shared_ptr<const ir::Constant>> constants_;
};

}  // namespace portfire::import
