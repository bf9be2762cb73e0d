#include "ops/sort.h"

#include <algorithm>

#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::ops::sort {
namespace {

template <class T>
struct Item {
  T key;
  int64_t index;
};
static_assert(sizeof(Item<double>) == 16 && sizeof(Item<int64_t>) == 16);

// NaN is greater than every number, and equal to itself.
template <class T>
bool less(const Item<T>& a, const Item<T>& b) {
  return a.key < b.key || (a.key == a.key && b.key != b.key);
}
template <class T>
bool greater(const Item<T>& a, const Item<T>& b) {
  return less(b, a);
}
// The index makes an order total, so that std::sort, which needs no memory, is as good as a stable
// sort.
template <class T, bool (*before)(const Item<T>&, const Item<T>&)>
bool stable(const Item<T>& a, const Item<T>& b) {
  return before(a, b) || (!before(b, a) && a.index < b.index);
}

int64_t length(const TensorView& x, int dim) { return x.rank() ? x.size(dim) : 1; }

size_t row_bytes(const Args& a, size_t dim_arg) {
  int dim;
  if (wrap_dim(a.integer(dim_arg), a.tensor(0).rank(), &dim)) return 0;
  return static_cast<size_t>(length(a.tensor(0), dim)) * sizeof(Item<double>);
}

// Calls row(items of one row along dim, offsets in outs) for each; `outs` have dim, or (!keepdim) not.
template <class F>
Error for_rows(const Args& a, size_t dim_arg, std::span<TensorView> outs, bool keepdim, F row) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(dim_arg), x.rank(), &dim));
  const int64_t n = length(x, dim);
  if (a.context().scratch.size() < static_cast<size_t>(n) * sizeof(Item<double>))
    return Error::make(Code::out_of_memory, "%lld elements to order and no memory for them", static_cast<long long>(n));
  bool mask[kMaxRank] = {};
  if (x.rank()) mask[dim] = true;
  const ReducedRows rows(x, mask);
  with_wide(x.dtype, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, Complex>) {
      Item<T>* items = reinterpret_cast<Item<T>*>(a.context().scratch.data());
      rows.for_each(outs, keepdim, [&](int64_t from, const int64_t* to) {
        int64_t at = 0;
        rows.strips<T>(x, from, [&](const T* v, int64_t count) {
          for (int64_t i = 0; i < count; ++i, ++at) items[at] = {v[i], at};
        });
        row(std::span<Item<T>>(items, static_cast<size_t>(n)), to);
      });
    }
  });
  return {};
}

// Puts item i of the row, i < k, at index i along dim of outs, after arrange(items, before) with the
// comparison `before`, has brought the row into order.
template <class Arrange>
Error order(const Args& a, size_t dim_arg, bool descending, bool is_stable, std::span<TensorView> outs,
            Arrange arrange) {
  int dim;
  PF_TRY(wrap_dim(a.integer(dim_arg), a.tensor(0).rank(), &dim));
  const int64_t k = outs[0].rank() ? outs[0].size(dim) : 1;
  const int64_t value_step = outs[0].rank() ? outs[0].strides[dim] : 0;
  const int64_t index_step = outs[1].rank() ? outs[1].strides[dim] : 0;
  return for_rows(a, dim_arg, outs, true, [&]<class T>(std::span<Item<T>> items, const int64_t* to) {
    if (is_stable)
      descending ? arrange(items, stable<T, greater<T>>) : arrange(items, stable<T, less<T>>);
    else
      descending ? arrange(items, greater<T>) : arrange(items, less<T>);
    for (int64_t i = 0; i < k; ++i) {
      store_one(outs[0], to[0] + i * value_step, items[i].key);
      store_one(outs[1], to[1] + i * index_step, items[i].index);
    }
  });
}
constexpr auto sort_row = [](auto items, auto before) { std::sort(items.begin(), items.end(), before); };

// Item number pick(items) in ascending order goes to outs.
template <class Pick>
Error select(const Args& a, size_t dim_arg, bool keepdim, std::span<TensorView> outs, Pick pick) {
  return for_rows(a, dim_arg, outs, keepdim, [&]<class T>(std::span<Item<T>> items, const int64_t* to) {
    const size_t at = pick(items);
    std::nth_element(items.begin(), items.begin() + at, items.end(), stable<T, less<T>>);
    store_one(outs[0], to[0], items[at].key);
    store_one(outs[1], to[1], items[at].index);
  });
}
template <class T>
size_t count_nan(std::span<const Item<T>> items) {
  size_t n = 0;
  for (const Item<T>& i : items) n += i.key != i.key;
  return n;
}

Error infer_sorted(const Args& a, size_t dim_arg, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(dim_arg), x.rank(), &dim));
  if (is_complex(x.dtype)) return Error::make(Code::bad_argument, "order of %s", TypeText(x).c_str());
  outs[0] = {x.dtype, x.shape};
  outs[1] = {DType::i64, x.shape};
  return {};
}
Error infer_selected(const Args& a, size_t dim_arg, bool keepdim, std::span<TensorSpec> outs) {
  PF_TRY(infer_sorted(a, dim_arg, outs));
  const TensorView& x = a.tensor(0);
  const int64_t dim = a.integer(dim_arg);
  bool mask[kMaxRank];
  PF_TRY(dim_mask({&dim, 1}, x.rank(), mask));
  outs[0].shape = outs[1].shape = reduced(x.shape, mask, keepdim);
  if (x.numel() == 0 && outs[0].shape.numel() != 0)
    return Error::make(Code::bad_argument, "no element to choose from in %s", TypeText(x).c_str());
  return {};
}

}  // namespace

Error Sort::infer(const Args& a, std::span<TensorSpec> outs) { return infer_sorted(a, 1, outs); }
size_t Sort::scratch(const Args& a) { return row_bytes(a, 1); }
Error Sort::reference(const Args& a, std::span<TensorView> outs) {
  return order(a, 1, a.boolean(2), false, outs, sort_row);
}
Error SortStable::infer(const Args& a, std::span<TensorSpec> outs) { return infer_sorted(a, 2, outs); }
size_t SortStable::scratch(const Args& a) { return row_bytes(a, 2); }
Error SortStable::reference(const Args& a, std::span<TensorView> outs) {
  return order(a, 2, a.boolean(3), a.boolean(1), outs, sort_row);
}

Error Topk::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(infer_sorted(a, 2, outs));
  const TensorView& x = a.tensor(0);
  int dim;
  PF_TRY(wrap_dim(a.integer(2), x.rank(), &dim));
  const int64_t k = a.integer(1), n = length(x, dim);
  if (k < 0 || k > n)
    return Error::make(Code::bad_argument, "k out of range (expected [0, %lld], got %lld)", static_cast<long long>(n),
                       static_cast<long long>(k));
  if (x.rank()) outs[0].shape.sizes[dim] = outs[1].shape.sizes[dim] = k;
  return {};
}
size_t Topk::scratch(const Args& a) { return row_bytes(a, 2); }
Error Topk::reference(const Args& a, std::span<TensorView> outs) {
  const int64_t k = a.integer(1);
  return order(a, 2, a.boolean(3), false, outs, [k](auto items, auto before) {
    // Few of many: a heap of k. Else a partition, then a sort of the front.
    if (k * 64 <= static_cast<int64_t>(items.size()))
      return std::partial_sort(items.begin(), items.begin() + k, items.end(), before);
    if (k == 0) return;
    std::nth_element(items.begin(), items.begin() + k - 1, items.end(), before);
    std::sort(items.begin(), items.begin() + k - 1, before);
  });
}

Error Kthvalue::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(infer_selected(a, 2, a.boolean(3), outs));
  int dim;
  PF_TRY(wrap_dim(a.integer(2), a.tensor(0).rank(), &dim));
  const int64_t k = a.integer(1), n = length(a.tensor(0), dim);
  if (k < 1 || k > n)
    return Error::make(Code::bad_argument, "k out of range (expected [1, %lld], got %lld)", static_cast<long long>(n),
                       static_cast<long long>(k));
  return {};
}
size_t Kthvalue::scratch(const Args& a) { return row_bytes(a, 2); }
Error Kthvalue::reference(const Args& a, std::span<TensorView> outs) {
  return select(a, 2, a.boolean(3), outs, [&](const auto&) { return static_cast<size_t>(a.integer(1) - 1); });
}

Error MedianDim::infer(const Args& a, std::span<TensorSpec> outs) { return infer_selected(a, 1, a.boolean(2), outs); }
size_t MedianDim::scratch(const Args& a) { return row_bytes(a, 1); }
Error MedianDim::reference(const Args& a, std::span<TensorView> outs) {
  return select(a, 1, a.boolean(2), outs, []<class T>(std::span<Item<T>> items) {
    const size_t nan = count_nan<T>(items);
    return nan ? items.size() - nan : (items.size() - 1) / 2;  // the first NaN stands after the numbers
  });
}
Error NanmedianDim::reference(const Args& a, std::span<TensorView> outs) {
  return select(a, 1, a.boolean(2), outs, []<class T>(std::span<Item<T>> items) {
    const size_t numbers = items.size() - count_nan<T>(items);
    return numbers ? (numbers - 1) / 2 : 0;
  });
}

Error Mode::reference(const Args& a, std::span<TensorView> outs) {
  return for_rows(a, 1, outs, a.boolean(2), [&]<class T>(std::span<Item<T>> items, const int64_t* to) {
    std::sort(items.begin(), items.end(), stable<T, less<T>>);
    size_t best = 0, best_count = 0;  // the last item of the longest run
    for (size_t i = 0, start = 0; i < items.size(); ++i) {
      if (items[i].key != items[start].key) start = i;
      if (i - start + 1 > best_count) best_count = i - start + 1, best = i;
    }
    store_one(outs[0], to[0], items[best].key);
    store_one(outs[1], to[1], items[best].index);
  });
}

}  // namespace portfire::ops::sort
