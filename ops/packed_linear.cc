#include "ops/packed_linear.h"

#include "ops/element.h"
#include "ops/panels.h"
#include "ops/pointwise_table.h"

namespace portfire::ops::packed_linear {

Error PackedLinear::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1);
  const int64_t n = a.integer(4);
  if (x.dtype != DType::f32) return Error::make(Code::bad_argument, "dtype %s (expected f32)", name_of(x.dtype));
  if (x.rank() < 1 || !are_panels(w, x.size(x.rank() - 1), n))
    return Error::make(Code::bad_argument, "%s does not multiply packed %s for %lld columns", TypeText(x).c_str(), TypeText(w).c_str(),
                       static_cast<long long>(n));
  outs[0] = {DType::f32, x.shape};
  outs[0].shape.sizes[x.rank() - 1] = n;
  if (const TensorView* b = a.optional_tensor(2); b && (b->rank() != 1 || b->size(0) != n || b->dtype != DType::f32 || !b->is_contiguous()))
    return Error::make(Code::bad_argument, "bias %s (expected f32[%lld])", TypeText(*b).c_str(), static_cast<long long>(n));
  if (const TensorView* r = a.optional_tensor(3); r && (!(r->shape == outs[0].shape) || r->dtype != DType::f32))
    return Error::make(Code::bad_argument, "residual %s (expected %s)", TypeText(*r).c_str(), TypeText(DType::f32, outs[0].shape).c_str());
  if (!a.string(5).empty() && !find_pointwise(a.string(5)))
    return Error::make(Code::bad_argument, "unknown activation");
  return {};
}

Error PackedLinear::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), *bias = a.optional_tensor(2), *residual = a.optional_tensor(3);
  const Pointwise* activation = find_pointwise(a.string(5));
  const int last = x.rank() - 1;
  const int64_t k = x.size(last);
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    const int64_t n = at[last];
    int64_t from = 0, to = 0, extra = 0;
    for (int d = 0; d < x.rank(); ++d) {
      if (d < last) from += at[d] * x.strides[d];
      to += at[d] * outs[0].strides[d];
      if (residual) extra += at[d] * residual->strides[d];
    }
    double sum = bias ? bias->as<float>()[n] : 0;
    for (int64_t i = 0; i < k; ++i) sum += load_real(x, from + i * x.strides[last]) * panel_element(w, k, i, n);
    if (residual) sum += load_real(*residual, extra);
    store_real(outs[0], to, activation ? activation->real(sum, 0, 0) : sum);
  }
  return {};
}

}  // namespace portfire::ops::packed_linear
