#include "compiler/import/new_weights.h"

#include <algorithm>
#include <cstring>

#include "compiler/import/row_major.h"
#include "core/state_names.h"

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
  return add_low_rank(graph);
}

Error NewWeights::add_low_rank(ir::Graph& graph) {
  const std::string a_name = ".lora_A.weight", b_name = ".lora_B.weight";
  std::map<std::string_view, ir::ValueInfo*> weights;
  for (ir::ValueInfo& v : graph.values)
    if (v.constant) weights.try_emplace(v.name, &v);
  for (const auto& [name, a_index] : names_) {
    if (!name.ends_with(a_name) || weights.count(name)) continue;
    const std::string module(name.substr(0, name.size() - a_name.size()));
    const auto b_index = names_.find(module + b_name);
    const auto own = weights.find(module + ".weight"), bare = weights.find(module);
    const auto target = own != weights.end() ? own : bare;
    if (b_index == names_.end() || target == weights.end()) continue;  // check_used tells
    const TensorView &a = file_->tensors()[a_index].tensor, &b = file_->tensors()[b_index->second].tensor;
    const TensorView* scale = nullptr;
    for (const auto& t : file_->tensors())
      if (t.name == kLoraScaleName) scale = &t.tensor;
    ir::ValueInfo& w = *target->second;
    const int64_t numel = w.type.numel().at[0];
    const bool fits = a.rank() == 2 && b.rank() == 2 && w.type.rank() >= 2 && a.dtype == DType::f32 && b.dtype == DType::f32 && w.type.dtype == DType::f32 &&
                      a.is_contiguous() && b.is_contiguous() && a.size(0) == b.size(1) && b.size(0) == w.type.sizes[0].at[0] && b.size(0) * a.size(1) == numel;
    if (!fits || !scale || scale->dtype != DType::f64)
      return Error::make(Code::bad_argument, "%s: \"%s\" cannot be added to \"%s\" (expected f32 factors of its sizes, and \"%s\")", file_->path().c_str(), module.c_str(),
                         w.name.c_str(), std::string(kLoraScaleName).c_str());
    auto sum = std::make_shared<std::vector<float>>(static_cast<size_t>(numel));
    const auto* frozen = static_cast<const float*>(w.constant->data);
    const int64_t columns = a.size(1), rank = a.size(0);
    for (int64_t r = 0; r < b.size(0); ++r)
      for (int64_t c = 0; c < columns; ++c) {
        double delta = 0;
        for (int64_t k = 0; k < rank; ++k) delta += static_cast<double>(b.as<float>()[r * rank + k]) * a.as<float>()[k * columns + c];
        (*sum)[static_cast<size_t>(r * columns + c)] = static_cast<float>(frozen[r * columns + c] + *scale->as<double>() * delta);
      }
    auto constant = std::make_shared<ir::Constant>();
    constant->data = sum->data();
    constant->bytes = sum->size() * sizeof(float);
    constant->owner = sum;
    w.constant = constant;
    used_[a_index] = used_[b_index->second] = true;
  }
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
