#include "ops/linear.h"

#include "ops/reader.h"

namespace portfire::ops::linear {

Error Linear::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1);
  const TensorView* bias = a.optional_tensor(2);
  if (x.rank() < 1 || w.rank() < 1 || w.rank() > 2 || x.size(x.rank() - 1) != w.size(w.rank() - 1))
    return Error::make(Code::bad_argument, "weight %s does not fit input %s", TypeText(w).c_str(),
                       TypeText(x).c_str());
  if (x.dtype != w.dtype || (bias && bias->dtype != x.dtype) || is_complex(x.dtype))
    return Error::make(Code::bad_argument, "weight %s for input %s (expected one real dtype)",
                       TypeText(w).c_str(), TypeText(x).c_str());
  Shape y = x.shape;
  --y.rank;
  if (w.rank() == 2) y.push(w.size(0));
  if (bias && (bias->rank() > 1 || (bias->rank() == 1 && bias->size(0) != 1 &&
                                    (w.rank() == 1 || bias->size(0) != w.size(0)))))
    return Error::make(Code::bad_argument, "bias %s for weight %s", TypeText(*bias).c_str(),
                       TypeText(w).c_str());
  outs[0] = {x.dtype, y};
  return {};
}

Error Linear::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &y = outs[0];
  const TensorView* bias = a.optional_tensor(2);
  const int last = x.rank() - 1;
  const int64_t features = w.rank() == 2 ? w.size(0) : 1, depth = x.size(last),
                weight_step = w.rank() == 2 ? w.strides[0] : 0,
                out_step = w.rank() == 2 ? y.strides[y.rank() - 1] : 0,
                bias_step = bias && bias->rank() && bias->size(0) != 1 ? bias->strides[0] : 0;
  with_reader(x.dtype, [&](auto type) {
    using Reader = typename decltype(type)::type;
    const Reader in(x), weight(w);
    for (int64_t r = 0; r < leading_count(x, last); ++r) {
      const int64_t from = leading_offset(x, last, r), to = leading_offset(y, last, r);
      for (int64_t o = 0; o < features; ++o) {
        auto sum = dot(in, from, x.strides[last], weight, o * weight_step,
                       w.strides[w.rank() - 1], depth);
        if (bias) sum += Reader(*bias)[o * bias_step];
        store_sum(y, to + o * out_step, sum);
      }
    }
  });
  return {};
}

}  // namespace portfire::ops::linear
