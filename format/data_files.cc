#include "format/data_files.h"

namespace portfire {

Result<DataFiles> DataFiles::open(std::span<const std::string> paths) {
  DataFiles all;
  for (const std::string& path : paths) {
    PF_ASSIGN(FileMap map, FileMap::open(path.c_str()));
    Result<PtdView> view = PtdView::open(map.bytes());
    if (!view.ok()) return view.error().at(path.c_str());
    for (size_t i = 0; i < view->size(); ++i)
      if (const auto other = all.find(view->name(i)))
        return Error::make(Code::bad_argument, "%s: \"%.*s\" is in %s too (expected each name in one data file)", path.c_str(),
                           PF_NAME(view->name(i)), other->path);
    all.files_.push_back({path, std::move(map), *std::move(view)});
  }
  return all;
}

std::optional<DataFiles::Entry> DataFiles::find(std::string_view name) const {
  for (const File& f : files_) {
    const size_t i = f.view.index(name);
    if (i != NameIndex::kNone) return Entry{f.view.tensor(i), f.view.has_type(i), f.path.c_str()};
  }
  return std::nullopt;
}

std::string DataFiles::text() const {
  constexpr size_t kShown = 3;
  std::string s;
  for (size_t i = 0; i < files_.size() && i < kShown; ++i) s += (i ? ", " : "") + files_[i].path;
  return files_.size() > kShown ? s + ", ..." : s;
}

}  // namespace portfire
