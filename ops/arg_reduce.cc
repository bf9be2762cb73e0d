#include "ops/arg_reduce.h"

#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::ops::arg_reduce {
namespace {

Error row_mask(const Args& a, bool* mask) {
  const int rank = a.tensor(0).rank();
  if (a.none(1)) return dim_mask({}, rank, mask);
  const int64_t dim = a.integer(1);
  return dim_mask({&dim, 1}, rank, mask);
}

// outs: values and indices, or indices alone.
template <bool greatest>
Error choose(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  bool mask[kMaxRank];
  PF_TRY(row_mask(a, mask));
  const ReducedRows rows(x, mask);
  with_wide(x.dtype, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, Complex>) {
      rows.for_each(outs, a.boolean(2), [&](int64_t from, const int64_t* to) {
        T best{};
        int64_t best_at = -1, at = 0;
        rows.strips<T>(x, from, [&](const T* v, int64_t n) {
          for (int64_t i = 0; i < n; ++i, ++at)
            if (best_at < 0 || (greatest ? v[i] > best : v[i] < best) || (v[i] != v[i] && best == best)) {
              best = v[i];
              best_at = at;
            }
        });
        if (outs.size() == 2) store_one(outs[0], to[0], best);
        store_one(outs.back(), to[outs.size() - 1], best_at);
      });
    }
  });
  return {};
}

Error infer_rows(const Args& a, Shape* out) {
  const TensorView& x = a.tensor(0);
  bool mask[kMaxRank];
  PF_TRY(row_mask(a, mask));
  *out = reduced(x.shape, mask, a.boolean(2));
  if (is_complex(x.dtype)) return Error::make(Code::bad_argument, "order of %s", TypeText(x).c_str());
  if (x.numel() == 0 && out->numel() != 0)
    return Error::make(Code::bad_argument, "no element to choose from in %s", TypeText(x).c_str());
  return {};
}

}  // namespace

Error MaxDim::infer(const Args& a, std::span<TensorSpec> outs) {
  outs[0].dtype = a.tensor(0).dtype;
  outs[1].dtype = DType::i64;
  PF_TRY(infer_rows(a, &outs[0].shape));
  outs[1].shape = outs[0].shape;
  return {};
}
Error MaxDim::reference(const Args& a, std::span<TensorView> outs) { return choose<true>(a, outs); }
Error MinDim::reference(const Args& a, std::span<TensorView> outs) { return choose<false>(a, outs); }

Error Argmax::infer(const Args& a, std::span<TensorSpec> outs) {
  outs[0].dtype = DType::i64;
  return infer_rows(a, &outs[0].shape);
}
Error Argmax::reference(const Args& a, std::span<TensorView> outs) { return choose<true>(a, outs); }
Error Argmin::reference(const Args& a, std::span<TensorView> outs) { return choose<false>(a, outs); }

}  // namespace portfire::ops::arg_reduce
