// Constants of delegates, by a name made of their content: the same content is there once, whoever uses it.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace portfire::emit {

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

}  // namespace portfire::emit
