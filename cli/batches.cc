#include "cli/batches.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace portfire::cli {
namespace {

// splitmix64 (Steele, Lea, Flood 2014): the standard library's shuffles differ between its makers.
uint64_t next_random(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::string type_text(const TensorInfo& info) {
  std::string s = std::string(name_of(info.dtype)) + "[";
  for (int d = 0; d < info.shape.rank; ++d) s += (d ? "," : "") + std::to_string(info.shape.sizes[d]);
  return s + "]";
}

}  // namespace

Result<Batches> Batches::open(const std::vector<std::string>& paths, std::span<const TensorInfo> inputs, int64_t batch) {
  if (paths.size() != inputs.size())
    return Error::make(Code::bad_argument, "train: %zu arrays (expected %zu: an array for each input, then the target)", paths.size(), inputs.size());
  Batches b;
  for (size_t i = 0; i < paths.size(); ++i) {
    PF_ASSIGN(Array a, read_npy(paths[i]));
    const TensorInfo& want = inputs[i];
    bool fits = a.view.rank() == want.shape.rank && a.view.rank() > 0;
    for (int d = 1; fits && d < want.shape.rank; ++d) fits = want.dynamic ? a.view.size(d) <= want.shape.sizes[d] : a.view.size(d) == want.shape.sizes[d];
    const bool floating = is_floating(a.view.dtype) && is_floating(want.dtype);
    const bool whole = !is_floating(a.view.dtype) && !is_floating(want.dtype) && a.view.dtype != DType::boolean;
    if (!fits || (a.view.dtype != want.dtype && !floating && !whole))
      return Error::make(Code::bad_argument, "%s: %s for input %zu \"%.*s\" (expected rows of %s)", paths[i].c_str(), TypeText(a.view).c_str(), i,
                         static_cast<int>(want.name.size()), want.name.data(), type_text(want).c_str());
    if (a.view.dtype != want.dtype) a = convert(a.view, want.dtype);
    if (i > 0 && a.view.size(0) != b.rows_)
      return Error::make(Code::bad_argument, "%s: %lld rows (expected %lld, as %s has)", paths[i].c_str(), static_cast<long long>(a.view.size(0)),
                         static_cast<long long>(b.rows_), paths[0].c_str());
    b.rows_ = a.view.size(0);
    b.arrays_.push_back(std::move(a));
  }
  if (inputs.empty()) return Error::make(Code::unsupported, "train: the program takes no inputs");
  const int64_t most = inputs[0].shape.sizes[0];
  b.dynamic_ = inputs[0].dynamic;
  b.batch_ = batch ? batch : std::min(most, b.dynamic_ ? std::min<int64_t>(most, 32) : most);
  if (b.batch_ < 1 || (b.dynamic_ ? b.batch_ > most : b.batch_ != most))
    return Error::make(Code::bad_argument, "train: --batch %lld (expected %s%lld, as the program was exported)", static_cast<long long>(batch),
                       b.dynamic_ ? "at most " : "", static_cast<long long>(most));
  if (b.rows_ < 1 || b.padded_count() < 1) return Error::make(Code::bad_argument, "%s: no rows", paths[0].c_str());
  b.order_.resize(static_cast<size_t>(b.rows_));
  std::iota(b.order_.begin(), b.order_.end(), int64_t{0});
  for (const Array& a : b.arrays_) {
    Shape shape = a.view.shape;
    shape.sizes[0] = b.batch_;
    b.taken_.emplace_back(a.view.dtype, shape);
    b.views_.push_back(b.taken_.back().view);
  }
  return b;
}

void Batches::shuffle(uint64_t seed, uint64_t epoch) {
  std::iota(order_.begin(), order_.end(), int64_t{0});
  uint64_t state = seed * 0x2545f4914f6cdd1d + epoch;
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[next_random(state) % i]);
}

std::span<const TensorView> Batches::get(int64_t k, int64_t* used) {
  *used = std::min(batch_, rows_ - k * batch_);
  const int64_t rows = dynamic_ ? *used : batch_;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const Array& from = arrays_[i];
    const size_t row = from.view.bytes() / static_cast<size_t>(rows_);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t source = order_[static_cast<size_t>(std::min(k * batch_ + r, rows_ - 1))];
      std::memcpy(taken_[i].bytes.data() + static_cast<size_t>(r) * row, from.bytes.data() + static_cast<size_t>(source) * row, row);
    }
    views_[i] = taken_[i].view;
    views_[i].data = taken_[i].bytes.data();
    views_[i].shape.sizes[0] = rows;
  }
  return views_;
}

}  // namespace portfire::cli
