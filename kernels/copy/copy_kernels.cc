// Operators that move elements unchanged: each is a few copies between views.
#include <algorithm>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "ops/creation.h"
#include "ops/scatter_view.h"
#include "ops/view_copy.h"

namespace portfire::copy {
namespace {

bool same_dtype(const TensorView& a, const TensorView& b) { return a.dtype == b.dtype; }

// --- one view of the first argument ---

bool prepare_first(const Operands& o, void*, size_t*) { return same_dtype(o.in(0), o.out(0)); }

template <Error (*View)(const Args&, TensorView&)>
Error run_view(const void*, const Operands& o, const KernelContext& context) {
  TensorView v;
  PF_TRY(View(Args(o.args), v));
  copy(o.out(0), v, context.pool);
  return {};
}

Error flipped(const Args& a, TensorView& v) {
  v = a.tensor(0);
  for (int64_t dim : a.ints(1)) {
    int d;
    PF_TRY(ops::wrap_dim(dim, v.rank(), &d));
    if (v.rank() == 0 || v.size(d) == 0) continue;
    v = ops::shifted(v, (v.size(d) - 1) * v.strides[d]);
    v.strides[d] = -v.strides[d];
  }
  return {};
}

bool prepare_view_copy(const Operands& o, void*, size_t*) { return same_dtype(o.in(0), o.out(0)) && o.out(0).is_contiguous(); }
Error run_view_copy(const void*, const Operands& o, const KernelContext& context) {
  TensorView to = o.out(0);  // in the sizes of the input: the order of the elements is the same
  to.shape = o.in(0).shape;
  to.set_contiguous();
  copy(to, o.in(0), context.pool);
  return {};
}

// [n0, n1] repeated [r0, r1] times is [r0, n0, r1, n1] with strides 0 at the repeats.
bool prepare_repeat(const Operands& o, void*, size_t*) {
  return same_dtype(o.in(0), o.out(0)) && 2 * o.out(0).rank() <= kMaxRank;
}
Error run_repeat(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &x = o.in(0), &out = o.out(0);
  TensorView to = out, from = x;
  to.shape = from.shape = Shape();
  for (int d = 0; d < out.rank(); ++d) {
    const int k = d - (out.rank() - x.rank());
    const int64_t n = k < 0 ? 1 : x.size(k);
    for (bool repeats : {true, false}) {
      const int at = to.rank();
      from.strides[at] = repeats || k < 0 ? 0 : x.strides[k];
      to.strides[at] = repeats ? n * out.strides[d] : out.strides[d];
      to.shape.push(repeats ? (n ? out.size(d) / n : 0) : n);
      from.shape.push(to.shape.sizes[at]);
    }
  }
  copy(to, from, context.pool);
  return {};
}

// What wraps around and what does not is copied apart, dimension after dimension.
bool prepare_roll(const Operands& o, void*, size_t*) { return same_dtype(o.in(0), o.out(0)) && o.args[2]->ints.count > 0; }
void roll(const TensorView& to, const TensorView& from, const int64_t (&shift)[kMaxRank], int d, ThreadPool* pool) {
  if (d == to.rank()) return copy(to, from, pool);
  const int64_t n = to.size(d), s = shift[d];
  if (s > 0) roll(ops::sliced(to, d, 0, s), ops::sliced(from, d, n - s, s), shift, d + 1, pool);
  roll(ops::sliced(to, d, s, n - s), ops::sliced(from, d, 0, n - s), shift, d + 1, pool);
}
Error run_roll(const void*, const Operands& o, const KernelContext& context) {
  const TensorView& x = o.in(0);
  const Args a(o.args);
  if (x.numel() == 0) return {};
  int64_t shift[kMaxRank] = {};
  for (size_t i = 0; i < a.ints(2).size(); ++i) {
    int d;
    PF_TRY(ops::wrap_dim(a.ints(2)[i], x.rank(), &d));
    if (x.rank() == 0) continue;
    const int64_t n = x.size(d);
    shift[d] = ((shift[d] + a.ints(1)[i]) % n + n) % n;
  }
  roll(o.out(0), x, shift, 0, context.pool);
  return {};
}

// --- several inputs ---

bool prepare_list(const Operands& o, void*, size_t*) {
  for (const TensorView* t : o.args[0]->tensors)
    if (!same_dtype(*t, o.out(0))) return false;
  return true;
}
Error run_cat(const void*, const Operands& o, const KernelContext& context) {
  int d;
  PF_TRY(ops::wrap_dim(o.args[1]->integer, o.out(0).rank(), &d));
  int64_t start = 0;
  for (const TensorView* t : o.args[0]->tensors) {
    if (t->rank() == 1 && t->size(0) == 0) continue;  // counts for nothing, whatever the rank of the others
    copy(ops::sliced(o.out(0), d, start, t->size(d)), *t, context.pool);
    start += t->size(d);
  }
  return {};
}
Error run_stack(const void*, const Operands& o, const KernelContext& context) {
  int d;
  PF_TRY(ops::wrap_dim(o.args[1]->integer, o.out(0).rank(), &d));
  int64_t i = 0;
  for (const TensorView* t : o.args[0]->tensors) copy(ops::selected(o.out(0), d, i++), *t, context.pool);
  return {};
}

bool prepare_write(const Operands& o, void*, size_t*) { return same_dtype(o.in(0), o.in(1)); }
Error run_write(const void*, const Operands& o, const KernelContext& context) {
  if (o.in(0).data != o.in(1).data) copy(o.in(0), o.in(1), context.pool);
  return {};
}

bool prepare_scattered(const Operands& o, void*, size_t*) { return same_dtype(o.in(0), o.out(0)) && same_dtype(o.in(1), o.out(0)); }
template <Error (*View)(const Args&, TensorView&)>
Error run_scattered(const void*, const Operands& o, const KernelContext& context) {
  TensorView part;
  copy(o.out(0), o.in(0), context.pool);
  PF_TRY(ops::scatter_view::Scattered<View>::part_of(o.out(0), Args(o.args), &part));
  copy(part, o.in(1), context.pool);
  return {};
}

// --- borders ---

// Each dimension's borders are filled in what the dimensions before it have left of the result.
Error run_pad(const void*, const Operands& o, const KernelContext& context) {
  const Args a(o.args);
  const auto pad = a.ints(1);
  TensorView to = o.out(0), from = o.in(0), border;
  ops::Bits<16> bytes;
  border.data = &bytes;
  border.dtype = to.dtype;
  ops::creation::fill_with(border, a.scalar(2));
  for (int d = 0; d < to.rank(); ++d) {
    const size_t i = static_cast<size_t>(to.rank() - 1 - d) * 2;
    const int64_t before = i < pad.size() ? pad[i] : 0, after = i < pad.size() ? pad[i + 1] : 0;
    const int64_t first = before < 0 ? -before : 0, end = from.size(d) + (after < 0 ? after : 0);
    const int64_t count = end > first ? end - first : 0;
    const int64_t at = std::min(first + before, to.size(d) - count);  // cropping may take what padding added
    fill(ops::sliced(to, d, 0, at), &bytes, context.pool);
    fill(ops::sliced(to, d, at + count, to.size(d) - at - count), &bytes, context.pool);
    from = ops::sliced(from, d, first, count);
    to = ops::sliced(to, d, at, count);
  }
  copy(to, from, context.pool);
  return {};
}

}  // namespace

#define PF_COPY_KERNEL(name, op, prepare, ...) \
  extern const Kernel name;                    \
  const Kernel name = {op, 0, prepare, __VA_ARGS__};
PF_COPY_KERNEL(kClone, "aten::clone", prepare_first, run_view<ops::view_copy::same_view>)
PF_COPY_KERNEL(kToCopy, "aten::_to_copy", prepare_first, run_view<ops::view_copy::same_view>)
PF_COPY_KERNEL(kFlip, "aten::flip", prepare_first, run_view<flipped>)
PF_COPY_KERNEL(kExpandCopy, "aten::expand_copy", prepare_first, run_view<ops::expand::Expand::view>)
PF_COPY_KERNEL(kPermuteCopy, "aten::permute_copy", prepare_first, run_view<ops::permute::Permute::view>)
PF_COPY_KERNEL(kTransposeCopy, "aten::transpose_copy.int", prepare_first, run_view<ops::view_copy::transposed>)
PF_COPY_KERNEL(kTCopy, "aten::t_copy", prepare_first, run_view<ops::view_copy::transposed_matrix>)
PF_COPY_KERNEL(kSliceCopy, "aten::slice_copy.Tensor", prepare_first, run_view<ops::slice::Slice::view>)
PF_COPY_KERNEL(kSelectCopy, "aten::select_copy.int", prepare_first, run_view<ops::slice::Select::view>)
PF_COPY_KERNEL(kUnfoldCopy, "aten::unfold_copy", prepare_first, run_view<ops::strided::Unfold::view>)
PF_COPY_KERNEL(kViewCopy, "aten::view_copy", prepare_view_copy, run_view_copy)
PF_COPY_KERNEL(kRepeat, "aten::repeat", prepare_repeat, run_repeat)
PF_COPY_KERNEL(kRoll, "aten::roll", prepare_roll, run_roll)
PF_COPY_KERNEL(kCat, "aten::cat", prepare_list, run_cat)
PF_COPY_KERNEL(kStack, "aten::stack", prepare_list, run_stack)
PF_COPY_KERNEL(kWrite, "portfire::write", prepare_write, run_write)
PF_COPY_KERNEL(kSelectScatter, "aten::select_scatter", prepare_scattered, run_scattered<ops::slice::Select::view>)
PF_COPY_KERNEL(kSliceScatter, "aten::slice_scatter", prepare_scattered, run_scattered<ops::slice::Slice::view>)
PF_COPY_KERNEL(kDiagonalScatter, "aten::diagonal_scatter", prepare_scattered, run_scattered<ops::strided::Diagonal::view>)
PF_COPY_KERNEL(kConstantPad, "aten::constant_pad_nd", prepare_first, run_pad)
#undef PF_COPY_KERNEL

}  // namespace portfire::copy
