#include "ops/search.h"

#include <cmath>
#include <limits>

#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::search {
namespace {

// One row, in the wider type of the two tensors.
template <class T, class Load>
int64_t find(Load item, int64_t n, T value, bool right) {
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    const T x = item(middle);
    if (right ? !(x > value) : !(x >= value))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace

Error Searchsorted::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &rows = a.tensor(0), &x = a.tensor(1);
  const TensorView* sorter = a.optional_tensor(5);
  bool fits = rows.rank() == 1 || (rows.rank() == x.rank() && rows.rank() > 0);
  for (int d = 0; fits && rows.rank() > 1 && d + 1 < rows.rank(); ++d) fits = rows.size(d) == x.size(d);
  if (!fits)
    return Error::make(Code::bad_argument, "%s in rows %s (expected one row, or equal sizes but for the last)",
                       TypeText(x).c_str(), TypeText(rows).c_str());
  if (sorter && (sorter->shape != rows.shape || sorter->dtype != DType::i64))
    return Error::make(Code::bad_argument, "sorter %s (expected i64 in the sizes of the rows)", TypeText(*sorter).c_str());
  const std::string_view side = a.string(4);
  if (!side.empty() && side != "left" && side != "right")
    return Error::make(Code::bad_argument, "side %.*s (expected left or right)", static_cast<int>(side.size()), side.data());
  outs[0] = {a.boolean(2) ? DType::i32 : DType::i64, x.shape};
  return {};
}

Error Searchsorted::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &rows = a.tensor(0), &x = a.tensor(1), &out = outs[0];
  const TensorView* sorter = a.optional_tensor(5);
  const bool right = a.boolean(3) || a.string(4) == "right";
  const bool real = is_floating(rows.dtype) || is_floating(x.dtype);
  const int last = rows.rank() - 1;
  const int64_t n = rows.size(last), step = rows.strides[last];
  for (Index i(x.shape); i.valid(); i.next()) {
    int64_t row = 0, sorter_row = 0;
    for (int d = 0; d < last; ++d) {
      row += i[d] * rows.strides[d];
      if (sorter) sorter_row += i[d] * sorter->strides[d];
    }
    bool bad = false;
    auto place = [&](int64_t j) {
      if (sorter) j = sorter->as<int64_t>()[sorter_row + j * sorter->strides[last]];
      bad |= j < 0 || j >= n;
      return bad ? row : row + j * step;
    };
    const int64_t at = real ? find([&](int64_t j) { return load_real(rows, place(j)); }, n, load_real(x, i.offset(x)), right)
                            : find([&](int64_t j) { return load_int(rows, place(j)); }, n, load_int(x, i.offset(x)), right);
    if (bad) return Error::make(Code::bad_argument, "sorter is out of range (expected less than %lld)", static_cast<long long>(n));
    store_int(out, i.offset(out), at);
  }
  return {};
}

Error Histc::infer(const Args& a, std::span<TensorSpec> outs) {
  if (a.integer(1) <= 0) return Error::make(Code::bad_argument, "%lld bins", static_cast<long long>(a.integer(1)));
  outs[0].dtype = a.tensor(0).dtype;
  outs[0].shape = Shape();
  outs[0].shape.push(a.integer(1));
  return {};
}

Error Histc::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &out = outs[0];
  const int64_t bins = out.size(0);
  double low = a.real(2), high = a.real(3);
  if (low == high && x.numel() > 0) {
    low = std::numeric_limits<double>::infinity(), high = -low;
    for (Index i(x.shape); i.valid(); i.next()) {
      const double v = load_real(x, i.offset(x));
      low = std::fmin(low, v), high = std::fmax(high, v);
    }
  }
  if (low == high) low -= 1, high += 1;
  if (!(low < high) || std::isinf(high - low))
    return Error::make(Code::bad_argument, "bins from %g to %g", low, high);
  fill_view(out, int64_t{0});
  for (Index i(x.shape); i.valid(); i.next()) {
    const double v = load_real(x, i.offset(x));
    if (!(v >= low && v <= high)) continue;
    int64_t bin = static_cast<int64_t>((v - low) / (high - low) * static_cast<double>(bins));
    if (bin >= bins) bin = bins - 1;
    store_real(out, bin * out.strides[0], load_real(out, bin * out.strides[0]) + 1);
  }
  return {};
}

}  // namespace portfire::ops::search
