#include "ops/cat.h"

#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::cat {
namespace {

bool counts(const TensorView& t) { return t.rank() != 1 || t.size(0) != 0; }

Error promoted(std::span<TensorView* const> tensors, DType* out) {
  if (tensors.empty()) return Error::make(Code::bad_argument, "no tensors (expected at least one)");
  Promotion p;
  for (const TensorView* t : tensors) p.add(*t);
  *out = p.result();
  return {};
}

}  // namespace

Error Cat::infer(const Args& a, std::span<TensorSpec> outs) {
  const auto tensors = a.tensors(0);
  PF_TRY(promoted(tensors, &outs[0].dtype));
  const TensorView* first = nullptr;
  int d = 0;
  for (const TensorView* t : tensors) {
    if (t->rank() == 0) return Error::make(Code::bad_argument, "a rank-0 tensor (expected at least one dimension)");
    if (!counts(*t)) continue;
    if (!first) {
      first = t;
      PF_TRY(wrap_dim(a.integer(1), t->rank(), &d));
      outs[0].shape = t->shape;
      continue;
    }
    bool fits = t->rank() == first->rank();
    for (int i = 0; fits && i < t->rank(); ++i) fits = i == d || t->size(i) == first->size(i);
    if (!fits)
      return Error::make(Code::bad_argument, "%s beside %s along dim %d (expected equal sizes elsewhere)",
                         TypeText(*t).c_str(), TypeText(*first).c_str(), d);
    outs[0].shape.sizes[d] += t->size(d);
  }
  if (!first) outs[0].shape = tensors[0]->shape;
  return {};
}

Error Cat::reference(const Args& a, std::span<TensorView> outs) {
  int d;
  PF_TRY(wrap_dim(a.integer(1), outs[0].rank(), &d));
  int64_t start = 0;
  for (const TensorView* t : a.tensors(0)) {
    if (!counts(*t)) continue;
    copy_view(sliced(outs[0], d, start, t->size(d)), *t);
    start += t->size(d);
  }
  return {};
}

Error Stack::infer(const Args& a, std::span<TensorSpec> outs) {
  const auto tensors = a.tensors(0);
  PF_TRY(promoted(tensors, &outs[0].dtype));
  const Shape& each = tensors[0]->shape;
  int at;
  if (each.rank >= kMaxRank) return Error::make(Code::unsupported, "more than %d dimensions", kMaxRank);
  PF_TRY(wrap_dim(a.integer(1), each.rank + 1, &at));
  Shape& s = outs[0].shape;
  s = Shape();
  for (int i = 0; i <= each.rank; ++i)
    s.push(i == at ? static_cast<int64_t>(tensors.size()) : each.sizes[i - (i > at)]);
  for (const TensorView* t : tensors)
    if (t->shape != each)
      return Error::make(Code::bad_argument, "%s beside %s (expected equal sizes)", TypeText(*t).c_str(),
                         TypeText(*tensors[0]).c_str());
  return {};
}

Error Stack::reference(const Args& a, std::span<TensorView> outs) {
  int at;
  PF_TRY(wrap_dim(a.integer(1), outs[0].rank(), &at));
  const auto tensors = a.tensors(0);
  for (size_t i = 0; i < tensors.size(); ++i) copy_view(selected(outs[0], at, static_cast<int64_t>(i)), *tensors[i]);
  return {};
}

}  // namespace portfire::ops::cat
