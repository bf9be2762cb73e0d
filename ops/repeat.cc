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

namespace {
Error count(const TensorView& repeats, int64_t* total) {
  *total = 0;
  for (int64_t i = 0; i < repeats.size(0); ++i) {
    const int64_t r = load_int(repeats, i * repeats.strides[0]);
    if (r < 0 || __builtin_add_overflow(*total, r, total))
      return Error::make(Code::bad_argument, "%lld repeats (expected at least 0)", static_cast<long long>(r));
  }
  return {};
}
}  // namespace

Error RepeatInterleave::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& repeats = a.tensor(0);
  if (repeats.rank() != 1 || (repeats.dtype != DType::i64 && repeats.dtype != DType::i32))
    return Error::make(Code::bad_argument, "repeats %s (expected one dimension of i32 or i64)", TypeText(repeats).c_str());
  outs[0].dtype = repeats.dtype;
  outs[0].shape = Shape();
  int64_t total = 0;
  if (!a.none(1))
    total = a.integer(1);
  else if (repeats.data)
    PF_TRY(count(repeats, &total));
  else
    return Error::make(Code::unsupported, "repeats without output_size: the size of the result has no bound");
  outs[0].shape.push(total);
  return {};
}

Error RepeatInterleave::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& repeats = a.tensor(0);
  int64_t total, at = 0;
  PF_TRY(count(repeats, &total));
  if (a.none(1) ? total > outs[0].size(0) : total != a.integer(1))
    return Error::make(Code::bad_argument, "repeats sum to %lld (expected %lld)", static_cast<long long>(total),
                       static_cast<long long>(outs[0].size(0)));
  outs[0].shape.sizes[0] = total;
  for (int64_t i = 0; i < repeats.size(0); ++i)
    for (int64_t r = load_int(repeats, i * repeats.strides[0]); r > 0; --r) store_int(outs[0], at++ * outs[0].strides[0], i);
  return {};
}

}  // namespace portfire::ops::repeat
