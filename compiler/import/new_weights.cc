#include "compiler/import/new_weights.h"

#include <algorithm>
#include <cstring>

#include "compiler/import/row_major.h"

namespace portfire::import {
namespace {

bool same_bytes(const ir::Constant& a, const ir::Constant& b) {
  return a.bytes == b.bytes && (a.bytes == 0 || std::memcmp(a.data, b.data, a.bytes) == 0);
}

}  // namespace

NewWeights::NewWeights(std::shared_ptr<const TensorFile> file)
    : file_(std::move(file)), used_(file_->tensors().size()), constants_(file_->tensors().size()) {
  for (size_t i = 0; i < file_->tensors().size(); ++i)
    if (const std::string_view name = file_->tensors()[i].name; !name.starts_with(kOwnNames)) names_[name] = i;
}

Result<NewWeights> NewWeights::open(const std::string& path) {
  PF_ASSIGN(std::shared_ptr<const TensorFile> file, TensorFile::open(path));
  return NewWeights(std::move(file));
}

std::shared_ptr<const ir::Constant> NewWeights::constant(size_t i) {
  if (constants_[i]) return constants_[i];
  const TensorView& t = file_->tensors()[i].tensor;
  auto c = std::make_shared<ir::Constant>();
  c->data = t.data;
  c->bytes = t.bytes();
  c->owner = file_;
  if (!t.is_contiguous()) {
    auto copy = std::make_shared<std::vector<std::byte>>(t.bytes());
    copy_row_major(t, copy->data());
    c->data = copy->data();
    c->owner = copy;
  }
  return constants_[i] = c;
}

Error NewWeights::replace(ir::Graph& graph) {
  // What became of a constant of the archive: where it had several names, the first that the file has.
  std::map<std::shared_ptr<const ir::Constant>, std::shared_ptr<const ir::Constant>> replaced;
  std::vector<ir::ValueInfo*> others;
  std::map<std::string_view, bool> seen;  // inputs come first: a name again is a literal's
  for (ir::ValueInfo& v : graph.values) {
    if (!v.constant || !seen.try_emplace(v.name, true).second) continue;
    const auto found = names_.find(v.name);
    if (found == names_.end()) {
      others.push_back(&v);
      continue;
    }
    const TensorView& t = file_->tensors()[found->second].tensor;
    const ir::Type type = ir::Type::tensor(t.dtype, std::vector<ir::Dim>(t.shape.dims().begin(), t.shape.dims().end()));
    if (type != v.type)
      return Error::make(Code::bad_argument, "%s: tensor \"%.*s\" is %s (expected %s)", file_->path().c_str(), PF_NAME(v.name), TypeText(t).c_str(),
                         to_string(v.type).c_str());
    used_[found->second] = true;
    const auto fresh = constant(found->second);
    const auto& first = replaced.try_emplace(v.constant, fresh).first->second;
    const bool still_tied = same_bytes(*first, *fresh);
    v.constant = still_tied ? first : fresh;
  }
  for (ir::ValueInfo* v : others)
    if (const auto tied = replaced.find(v->constant); tied != replaced.end()) v->constant = tied->second;
  return {};
}

Error NewWeights::check_used() const {
  for (const auto& [name, i] : names_)
    if (!used_[i])
      return Error::make(Code::bad_argument, "%s: tensor \"%.*s\" is not in the model (expected names of its parameters and buffers)", file_->path().c_str(),
                         PF_NAME(name));
  return {};
}

size_t NewWeights::used() const { return static_cast<size_t>(std::count(used_.begin(), used_.end(), true)); }

}  // namespace portfire::import
