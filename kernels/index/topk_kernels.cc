// aten::topk. Equal elements stand as the reference's std::partial_sort or std::nth_element and std::sort leave them,
// which is as PyTorch has them:
// - Few of many: the heap of std::partial_sort, which most elements do not enter. They are compared with its top a
//   block at a time.
// - More of fewer: where no two of the first k + 1 are equal there is one answer, and the heap finds it. Else, and
//   where k is large, the reference's functions run, on whole numbers in the order of the elements.
#include <algorithm>
#include <limits>

#include "kernels/index/keys.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "ops/rows.h"
#include "ops/strips.h"

namespace portfire::index {
namespace {

constexpr int64_t kBlock = 64;

template <class K>
bool before(const Item<K>& a, const Item<K>& b) {
  return a.key < b.key;
}

template <class T>
class Chooser {
 public:
  using K = Key<T>;
  Chooser(const TensorView& x, int dim, int64_t k, bool descending, std::byte* scratch)
      : x_(x), n_(x.size(dim)), step_(x.strides[dim]), k_(k), descending_(descending), items_(reinterpret_cast<Item<K>*>(scratch)) {}

  // The k first items, in order, of the row at `from`.
  const Item<K>* choose(int64_t from) {
    if (k_ * 64 <= n_) {
      fill_heap(from, k_);
      return items_;
    }
    // Rows of which every other one has equals are better not tried.
    if (k_ * 8 <= n_ && 2 * tied_ <= tried_) {
      fill_heap(from, k_ + 1);
      const bool tie = std::adjacent_find(items_, items_ + k_ + 1, [](const auto& a, const auto& b) { return a.key == b.key; }) != items_ + k_ + 1;
      ++tried_;
      tied_ += tie;
      if (!tie) return items_;
    }
    for (int64_t i = 0; i < n_; i += kBlock) {
      const int64_t count = std::min(n_ - i, kBlock);
      load(from, i, count);
      put(items_ + i, i, count);
    }
    std::nth_element(items_, items_ + k_ - 1, items_ + n_, before<K>);
    std::sort(items_, items_ + k_ - 1, before<K>);
    return items_;
  }

 private:
  // Keys of a block, of which it gives the least.
  K load(int64_t from, int64_t i, int64_t count) {
    const auto* memory = x_.as<std::byte>() + (from + i * step_) * static_cast<int64_t>(byte_size(x_.dtype));
    const bool direct = step_ == 1 && pointwise::in_class(x_.dtype);
    if (!direct) load_(strip_, memory, step_, static_cast<size_t>(count));
    return keys_of_(keys_, direct ? reinterpret_cast<const T*>(memory) : strip_, static_cast<size_t>(count), descending_);
  }
  void put(Item<K>* to, int64_t i, int64_t count) const {
    for (int64_t j = 0; j < count; ++j) to[j] = {keys_[j], static_cast<uint32_t>(i + j)};
  }
  // As std::partial_sort(row, row + k, row + n) does.
  void fill_heap(int64_t from, int64_t k) {
    for (int64_t i = 0; i < k; i += kBlock) {
      const int64_t count = std::min(k - i, kBlock);
      load(from, i, count);
      put(items_ + i, i, count);
    }
    std::make_heap(items_, items_ + k, before<K>);
    for (int64_t i = k; i < n_; i += kBlock) {
      const int64_t count = std::min(n_ - i, kBlock);
      if (load(from, i, count) >= items_[0].key) continue;
      for (int64_t j = 0; j < count; ++j) {
        if (keys_[j] >= items_[0].key) continue;
        items_[k] = {keys_[j], static_cast<uint32_t>(i + j)};
        std::pop_heap(items_, items_ + k + 1, before<K>);
      }
    }
    std::sort_heap(items_, items_ + k, before<K>);
  }

  const TensorView& x_;
  int64_t n_, step_, k_, tried_ = 0, tied_ = 0;
  bool descending_;
  Item<K>* items_;
  pointwise::LoadFn load_ = pointwise::load_fn(x_.dtype);
  KeysFn<T> keys_of_ = keys_fn<T>();
  alignas(64) T strip_[kBlock];
  alignas(64) K keys_[kBlock];
};

template <class T>
void run_as(const Operands& o, int dim, const KernelContext& context) {
  const Args a(o.args);
  const TensorView &x = o.in(0), &values = o.out(0), &places = o.out(1);
  const int64_t k = a.integer(1);
  bool mask[kMaxRank] = {};
  mask[dim] = true;
  const TensorView outs[] = {values, places};
  Chooser<T> chooser(x, dim, k, a.boolean(3), context.scratch.data());
  ops::ReducedRows(x, mask).for_each(std::span(outs), true, [&](int64_t from, const int64_t* to) {
    const auto* chosen = chooser.choose(from);
    int64_t* index = places.as<int64_t>() + to[1];
    ops::with_bits(x.dtype, [&](auto tag) {
      using B = decltype(tag);
      const B* in = x.as<const B>() + from;
      B* out = values.as<B>() + to[0];
      for (int64_t i = 0; i < k; ++i) {
        out[i * values.strides[dim]] = in[chosen[i].index * x.strides[dim]];
        index[i * places.strides[dim]] = chosen[i].index;
      }
    });
  });
}

bool prepare(const Operands& o, void*, size_t* scratch) {
  const TensorView& x = o.in(0);
  int dim;
  if (x.rank() == 0 || is_complex(x.dtype) || x.dtype == DType::u16 || x.dtype == DType::u32 || x.dtype == DType::u64 ||
      ops::wrap_dim(o.args[2]->integer, x.rank(), &dim) || o.out(1).dtype != DType::i64)
    return false;
  if (x.size(dim) >= std::numeric_limits<uint32_t>::max()) return false;
  *scratch = static_cast<size_t>(x.size(dim) + 1) * sizeof(Item<uint64_t>);
  return true;
}
Error run(const void*, const Operands& o, const KernelContext& context) {
  int dim;
  PF_TRY(ops::wrap_dim(o.args[2]->integer, o.in(0).rank(), &dim));
  if (o.out(0).numel() == 0) return {};
  switch (pointwise::class_of(o.in(0).dtype)) {
    case pointwise::Class::f32: run_as<float>(o, dim, context); break;
    case pointwise::Class::f64: run_as<double>(o, dim, context); break;
    case pointwise::Class::i64: run_as<int64_t>(o, dim, context); break;
    case pointwise::Class::i32: run_as<int32_t>(o, dim, context); break;
    case pointwise::Class::i8: run_as<int8_t>(o, dim, context); break;
    case pointwise::Class::u8: run_as<uint8_t>(o, dim, context); break;
  }
  return {};
}

}  // namespace

extern const Kernel kTopk;
const Kernel kTopk = {"aten::topk", 0, prepare, run};

}  // namespace portfire::index
