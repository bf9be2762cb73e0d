#include "ops/repeat.h"

#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::repeat {

Error Repeat::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  const auto repeats = a.ints(1);
  const int shift = static_cast<int>(repeats.size()) - x.rank();
  if (shift < 0 || repeats.size() > kMaxRank)
    return Error::make(Code::bad_argument, "%zu repeats of %s", repeats.size(), TypeText(x).c_str());
  outs[0].dtype = x.dtype;
  outs[0].shape = Shape();
  for (int d = 0; d < static_cast<int>(repeats.size()); ++d) {
    int64_t n = 0;
    if (repeats[d] < 0 || !checked_multiply(repeats[d], d < shift ? 1 : x.size(d - shift), &n))
      return Error::make(Code::bad_argument, "%lld repeats at dim %d", static_cast<long long>(repeats[d]), d);
    outs[0].shape.push(n);
  }
  return {};
}

Error Repeat::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  const auto repeats = a.ints(1);
  if (outs[0].numel() == 0) return {};  // however many repeats of nothing
  Shape blocks;
  for (int64_t r : repeats) blocks.push(r);
  const int shift = blocks.rank - x.rank();
  for (Index at(blocks); at.valid(); at.next()) {
    TensorView to = outs[0];
    for (int d = 0; d < blocks.rank; ++d) {
      const int64_t n = d < shift ? 1 : x.size(d - shift);
      to = sliced(to, d, at[d] * n, n);
    }
    copy_view(to, x);
  }
  return {};
}

Error RepeatInterleaveMost::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& repeats = a.tensor(0);
  if (repeats.rank() != 1 || (repeats.dtype != DType::i32 && repeats.dtype != DType::i64))
    return Error::make(Code::bad_argument, "repeats %s (expected i32 or i64 of rank 1)", TypeText(repeats).c_str());
  const int64_t size = a.integer(1, a.integer(2));
  if (size < 0) return Error::make(Code::bad_argument, "output_size %lld", static_cast<long long>(size));
  outs[0] = {repeats.dtype, Shape()};
  outs[0].shape.push(size);
  return {};
}

Error RepeatInterleaveMost::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& repeats = a.tensor(0);
  int64_t filled = 0;
  for (int64_t i = 0; i < repeats.size(0); ++i) {
    const int64_t n = load_int(repeats, i * repeats.strides[0]);
    if (n < 0 || n > outs[0].size(0) - filled)
      return Error::make(Code::bad_argument, "repeats of %lld and more at %lld (expected 0 or more, at most %lld in all)", static_cast<long long>(n),
                         static_cast<long long>(i), static_cast<long long>(outs[0].size(0)));
    for (const int64_t end = filled + n; filled < end; ++filled) store_int(outs[0], filled * outs[0].strides[0], i);
  }
  if (!a.none(1) && filled != outs[0].size(0))
    return Error::make(Code::bad_argument, "output_size %lld (expected %lld)", static_cast<long long>(outs[0].size(0)), static_cast<long long>(filled));
  outs[0].shape.sizes[0] = filled;
  return {};
}

}  // namespace portfire::ops::repeat
