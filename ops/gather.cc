#include "ops/gather.h"

#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::ops::gather {

Error Gather::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &index = a.tensor(2);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  PF_TRY(check_index_dtype(index));
  bool fits = index.rank() == x.rank() || (index.rank() <= 1 && x.rank() <= 1) || index.numel() == 0;
  for (int d = 0; fits && index.numel() > 0 && d < x.rank() && d < index.rank(); ++d)
    fits = d == dim || index.size(d) <= x.size(d);
  if (!fits)
    return Error::make(Code::bad_argument, "index %s into %s along dim %d", TypeText(index).c_str(), TypeText(x).c_str(),
                       dim);
  outs[0] = {x.dtype, index.shape};
  return {};
}

Error Gather::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &index = a.tensor(2), &out = outs[0];
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  const int64_t n = x.rank() ? x.size(dim) : 1, stride = x.rank() ? x.strides[dim] : 0;
  // Where the element would be were its index 0: the walk over x stands still along dim.
  int64_t base[kMaxRank];
  for (int d = 0; d < index.rank(); ++d) base[d] = d == dim || d >= x.rank() ? 0 : x.strides[d];
  const IndexReader read(index, n);
  return with_bits(x.dtype, [&](auto tag) -> Error {
    const auto* from = x.as<decltype(tag)>();
    auto* to = out.as<decltype(tag)>();
    for (Rows r(index.shape, {out.strides, index.strides, base}); r.valid(); r.next())
      for (int64_t j = 0; j < r.length(); ++j) {
        const int64_t i = read(r.offset(1) + j * r.step(1));
        if (!read.valid(i)) return read.out_of_range(i, dim);
        to[r.offset(0) + j * r.step(0)] = from[r.offset(2) + j * r.step(2) + i * stride];
      }
    return {};
  });
}

Error IndexSelect::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &index = a.tensor(2);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  PF_TRY(check_index_dtype(index));
  if (index.rank() > 1 || (x.rank() == 0 && index.numel() != 1))
    return Error::make(Code::bad_argument, "index %s into %s (expected one dimension)", TypeText(index).c_str(),
                       TypeText(x).c_str());
  outs[0] = {x.dtype, x.shape};
  if (x.rank()) outs[0].shape.sizes[dim] = index.numel();
  return {};
}

namespace {

// to[.., j, ..] = from[.., index_j, ..] for all j; `index` is a list.
Error select_rows(const TensorView& to, int to_dim, const TensorView& from, int dim, const TensorView& index) {
  const IndexReader read(index, from.size(dim));
  const int64_t step = index.rank() ? index.strides[0] : 0;
  Shape rest = to.shape;
  rest.sizes[to_dim] = 1;
  Rows r(rest, {to.strides, from.strides});
  return with_bits(from.dtype, [&](auto tag) -> Error {
    for (int64_t j = 0; j < index.numel(); ++j) {
      const int64_t i = read(j * step);
      if (!read.valid(i)) return read.out_of_range(i, dim);
      auto* y = to.as<decltype(tag)>() + j * to.strides[to_dim];
      const auto* x = from.as<decltype(tag)>() + i * from.strides[dim];
      for (r.restart(); r.valid(); r.next())
        if (r.step(0) == 1 && r.step(1) == 1)
          std::memcpy(y + r.offset(0), x + r.offset(1), static_cast<size_t>(r.length()) * sizeof tag);
        else
          for (int64_t k = 0; k < r.length(); ++k) y[r.offset(0) + k * r.step(0)] = x[r.offset(1) + k * r.step(1)];
    }
    return {};
  });
}

}  // namespace

Error IndexSelect::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &index = a.tensor(2);
  int dim;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &dim));
  if (x.rank() > 0) return select_rows(outs[0], dim, x, dim, index);
  const IndexReader read(index, 1);
  if (!read.valid(read(0))) return read.out_of_range(read(0), 0);
  copy_view(outs[0], x);
  return {};
}

Error Embedding::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &weight = a.tensor(0), &index = a.tensor(1);
  PF_TRY(check_index_dtype(index));
  if (weight.rank() != 2 || index.rank() >= kMaxRank)
    return Error::make(Code::bad_argument, "weight %s (expected a matrix)", TypeText(weight).c_str());
  outs[0] = {weight.dtype, index.shape};
  outs[0].shape.push(weight.size(1));
  return {};
}

Error Embedding::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &weight = a.tensor(0), &index = a.tensor(1), &out = outs[0];
  const IndexReader read(index, weight.size(0));
  TensorView row = out, from = weight;
  row.shape = from.shape = Shape();
  row.shape.push(weight.size(1)), from.shape.push(weight.size(1));
  row.strides[0] = out.strides[out.rank() - 1], from.strides[0] = weight.strides[1];
  for (Rows r(index.shape, {index.strides, out.strides}); r.valid(); r.next())
    for (int64_t j = 0; j < r.length(); ++j) {
      const int64_t i = read(r.offset(0) + j * r.step(0));
      if (!read.valid(i)) return read.out_of_range(i, 0);
      copy_view(shifted(row, r.offset(1) + j * r.step(1)), shifted(from, i * weight.strides[0]));
    }
  return {};
}

}  // namespace portfire::ops::gather
