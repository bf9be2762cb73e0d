#include "format/named_tensor.h"

#include <algorithm>

namespace portfire {

size_t NameIndex::find(std::string_view name) const {
  const Entry *begin = entries_.get(), *end = begin + size_;
  const Entry* at = std::lower_bound(begin, end, name, [](const Entry& e, std::string_view n) { return e.name < n; });
  return at != end && at->name == name ? at->at : kNone;
}

Error NameIndex::sort() {
  for (size_t i = 0; i < size_; ++i) {
    const std::string_view name = entries_[i].name;
    if (name.empty()) return Error::make(Code::bad_file, "entry %zu has no name", entries_[i].at);
    if (name.size() > kMaxNameBytes)
      return Error::make(Code::bad_file, "entry %zu has a name of %zu bytes (expected at most %zu)", entries_[i].at, name.size(), kMaxNameBytes);
    if (name.find('\0') != name.npos) return Error::make(Code::bad_file, "entry %zu has a zero byte in its name", entries_[i].at);
  }
  Entry* end = entries_.get() + size_;
  std::sort(entries_.get(), end, [](const Entry& a, const Entry& b) { return a.name < b.name; });
  const Entry* twice = std::adjacent_find(entries_.get(), end, [](const Entry& a, const Entry& b) { return a.name == b.name; });
  if (twice != end) return Error::make(Code::bad_file, "two tensors are named \"%.*s\"", PF_NAME(twice->name));
  return {};
}

Error check_tensors(std::span<const NamedTensor> tensors) {
  for (const NamedTensor& t : tensors) {
    int64_t bytes;
    if (t.tensor.rank() > kMaxRank || !checked_bytes(t.tensor.dtype, t.tensor.shape, &bytes))
      return Error::make(Code::bad_argument, "tensor \"%.*s\": impossible sizes %s", PF_NAME(t.name), TypeText(t.tensor).c_str());
    if (!t.tensor.is_contiguous()) return Error::make(Code::bad_argument, "tensor \"%.*s\" is not row-major", PF_NAME(t.name));
    if (!t.tensor.data && bytes > 0) return Error::make(Code::bad_argument, "tensor \"%.*s\" has no data", PF_NAME(t.name));
  }
  const auto index = NameIndex::of(tensors.size(), [&](size_t i) { return tensors[i].name; });
  if (index.ok()) return {};
  return Error::make(index.error().code() == Code::bad_file ? Code::bad_argument : index.error().code(), "%s", index.error().text());
}

}  // namespace portfire
