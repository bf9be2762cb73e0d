#include "ops/index.h"

#include "ops/cells.h"
#include "ops/index_reader.h"
#include "ops/rows.h"
#include "ops/strips.h"

namespace portfire::ops::index {
namespace {

// x[indices] taken apart: `places` are what the indices range over, `rest` the other dimensions of x.
struct Plan {
  int count = 0;                         // of index tensors
  int dims[kMaxRank] = {};               // of x that they index
  const TensorView* indices[kMaxRank] = {};
  Shape places, rest, result;
  int64_t rest_strides[kMaxRank] = {};   // of x
  int at = 0;                            // where the places begin in the result

  // The strides of a tensor of the result's shape, sorted into those of places and rest.
  void sort_strides(const TensorView& t, int64_t* place, int64_t* other) const {
    for (int d = 0; d < t.rank(); ++d) {
      if (d >= at && d < at + places.rank)
        place[d - at] = t.strides[d];
      else
        other[d < at ? d : d - places.rank] = t.strides[d];
    }
  }
};

Error make_plan(const TensorView& x, std::span<TensorView* const> indices, Plan* p) {
  if (static_cast<int>(indices.size()) > x.rank())
    return Error::make(Code::bad_argument, "%zu indices into %s", indices.size(), TypeText(x).c_str());
  bool neighbours = true;
  for (int d = 0; d < x.rank(); ++d) {
    const TensorView* i = d < static_cast<int>(indices.size()) ? indices[d] : nullptr;
    if (!i) {
      p->rest_strides[p->rest.rank] = x.strides[d];
      p->rest.push(x.size(d));
      continue;
    }
    if (i->dtype == DType::boolean || i->dtype == DType::u8)
      return Error::make(Code::unsupported, "a mask as index (expected numbers)");
    PF_TRY(check_index_dtype(*i));
    neighbours &= p->count == 0 || p->dims[p->count - 1] == d - 1;
    p->dims[p->count] = d;
    p->indices[p->count++] = i;
    PF_TRY(broadcast(p->places, i->shape, &p->places));
  }
  if (p->places.rank + p->rest.rank > kMaxRank)
    return Error::make(Code::unsupported, "more than %d dimensions", kMaxRank);
  p->at = p->count && neighbours ? p->dims[0] : 0;
  for (int d = 0; d < p->at; ++d) p->result.push(p->rest.sizes[d]);
  for (int64_t n : p->places.dims()) p->result.push(n);
  for (int d = p->at; d < p->rest.rank; ++d) p->result.push(p->rest.sizes[d]);
  return {};
}

// Calls row(offset in x, step, offset in t, step, length) until every element of `t`, a tensor of the
// result's shape, has met its element of x.
template <class F>
Error each_row(const Plan& p, const TensorView& x, const TensorView& t, F row) {
  int64_t place[kMaxRank] = {}, other[kMaxRank] = {};
  p.sort_strides(t, place, other);
  Rows rest(p.rest, {p.rest_strides, other});
  if (!rest.valid()) return {};
  for (Index i(p.places); i.valid(); i.next()) {
    int64_t from = 0, to = 0;
    for (int k = 0; k < p.count; ++k) {
      const int d = p.dims[k];
      const IndexReader read(*p.indices[k], x.size(d));
      const int64_t number = read.wrapped(i.offset(*p.indices[k]));
      if (!read.valid(number)) return read.out_of_range(number, d);
      from += number * x.strides[d];
    }
    for (int d = 0; d < p.places.rank; ++d) to += i[d] * place[d];
    for (rest.restart(); rest.valid(); rest.next())
      row(from + rest.offset(0), rest.step(0), to + rest.offset(1), rest.step(1), rest.length());
  }
  return {};
}

}  // namespace

Error IndexTensor::infer(const Args& a, std::span<TensorSpec> outs) {
  Plan p;
  PF_TRY(make_plan(a.tensor(0), a.tensors(1), &p));
  outs[0] = {a.tensor(0).dtype, p.result};
  return {};
}

Error IndexTensor::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  Plan p;
  PF_TRY(make_plan(x, a.tensors(1), &p));
  return with_bits(x.dtype, [&](auto tag) {
    const auto* from = x.as<decltype(tag)>();
    auto* to = outs[0].as<decltype(tag)>();
    return each_row(p, x, outs[0], [=](int64_t i, int64_t si, int64_t o, int64_t so, int64_t n) {
      for (int64_t j = 0; j < n; ++j) to[o + j * so] = from[i + j * si];
    });
  });
}

Error IndexPut::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &values = a.tensor(2);
  Plan p;
  Shape both;
  PF_TRY(make_plan(x, a.tensors(1), &p));
  if (values.dtype != x.dtype)
    return Error::make(Code::bad_argument, "values are %s (expected %s)", name_of(values.dtype), name_of(x.dtype));
  PF_TRY(broadcast(p.result, values.shape, &both));
  if (both != p.result)
    return Error::make(Code::bad_argument, "values %s (expected to broadcast to %s)", TypeText(values).c_str(),
                       TypeText(x.dtype, p.result).c_str());
  outs[0] = {x.dtype, x.shape};
  return {};
}

Error IndexPut::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = outs[0];
  const bool accumulate = a.boolean(3);
  Plan p;
  copy_view(x, a.tensor(0));
  PF_TRY(make_plan(x, a.tensors(1), &p));
  const TensorView values = broadcast_view(a.tensor(2), p.result);
  if (!accumulate)
    return with_bits(x.dtype, [&](auto tag) {
      auto* to = x.as<decltype(tag)>();
      const auto* from = values.as<decltype(tag)>();
      return each_row(p, x, values, [=](int64_t i, int64_t si, int64_t o, int64_t so, int64_t n) {
        for (int64_t j = 0; j < n; ++j) to[i + j * si] = from[o + j * so];
      });
    });
  if (is_complex(x.dtype))
    return each_row(p, x, values, [&](int64_t i, int64_t si, int64_t o, int64_t so, int64_t n) {
      for (int64_t j = 0; j < n; ++j, i += si, o += so) store_complex(x, i, load_complex(x, i) + load_complex(values, o));
    });
  return with_cells(x.dtype, [&](auto type) {
    using Cell = typename decltype(type)::type;
    const Cell to(x), from(values);
    return each_row(p, x, values, [&](int64_t i, int64_t si, int64_t o, int64_t so, int64_t n) {
      for (int64_t j = 0; j < n; ++j, i += si, o += so) to.set(i, wrapping_add(to.get(i), from.get(o)));
    });
  });
}

}  // namespace portfire::ops::index
