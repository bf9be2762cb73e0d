#include "ops/repeat.h"

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

}  // namespace portfire::ops::repeat
