#include "ops/delta_rule.h"

#include "ops/reader.h"

namespace portfire::ops::delta_rule {

Error ChannelwiseGatedDeltaRule::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &q = a.tensor(0), &k = a.tensor(1), &v = a.tensor(2), &decay = a.tensor(3), &beta = a.tensor(4), &state = a.tensor(5);
  for (size_t i = 0; i < 6; ++i)
    if (a.tensor(i).dtype != DType::f32 || a.tensor(i).rank() != (i == 4 ? 3 : 4))
      return Error::make(Code::bad_argument, "argument %zu is %s (expected f32 of rank %d)", i, TypeText(a.tensor(i))
          .c_str(), i == 4 ? 3 : 4);
  bool fits = q.shape == k.shape && q.shape == decay.shape && state.size(2) == q.size(3) && state.size(3) == v.size(3);
  for (int d = 0; d < 3; ++d) fits = fits && v.size(d) == q.size(d) && beta.size(d) == q.size(d);
  for (int d = 0; d < 2; ++d) fits = fits && state.size(d) == q.size(d);
  if (!fits)
    return Error::make(Code::bad_argument, "query %s, value %s, beta %s, state %s", TypeText(q).c_str(), TypeText(v)
        .c_str(), TypeText(beta).c_str(),
                       TypeText(state).c_str());
  outs[0] = {DType::f32, v.shape};
  outs[1] = {DType::f32, state.shape};
  return {};
}

// The state of a head, and what of it a key calls up.
size_t ChannelwiseGatedDeltaRule::scratch(const Args& a) {
  const TensorView& state = a.tensor(5);
  return state.rank() == 4 ? sizeof(double) * static_cast<size_t>((state.size(2) + 1) * state.size(3)) : 0;
}

Error ChannelwiseGatedDeltaRule::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& state = a.tensor(5);
  const int64_t keys = state.size(2), values = state.size(3), tokens = a.tensor(0).size(2);
  auto* const s = reinterpret_cast<double*>(a.context().scratch.data());
  double* const change = s + keys * values;
  for (int64_t head = 0; head < leading_count(state, 2); ++head) {
    const auto of = [&](size_t i) { return item(a.tensor(i), 2, head); };
    const TensorView q = of(0), k = of(1), v = of(2), decay = of(3), beta = of(4), first = of(5), y = item(outs[0], 2, head), final =
        item(outs[1], 2, head);
    const auto at = [](const TensorView& t, int64_t i, int64_t j) -> float& { return t.as<float>()[i * t.strides[0] + j * t.strides[1]]; };
    for (int64_t i = 0; i < keys; ++i)
      for (int64_t j = 0; j < values; ++j) s[i * values + j] = at(first, i, j);
    for (int64_t t = 0; t < tokens; ++t) {
      const double rate = beta.as<float>()[t * beta.strides[0]];
      for (int64_t j = 0; j < values; ++j) change[j] = at(v, t, j);
      for (int64_t i = 0; i < keys; ++i)
        for (int64_t j = 0; j < values; ++j) change[j] -= (s[i * values + j] *= at(decay, t, i)) * at(k, t, i);
      for (int64_t i = 0; i < keys; ++i)
        for (int64_t j = 0; j < values; ++j) s[i * values + j] += at(k, t, i) * rate * change[j];
      for (int64_t j = 0; j < values; ++j) {
        double sum = 0;
        for (int64_t i = 0; i < keys; ++i) sum += s[i * values + j] * at(q, t, i);
        at(y, t, j) = static_cast<float>(sum);
      }
    }
    for (int64_t i = 0; i < keys; ++i)
      for (int64_t j = 0; j < values; ++j) at(final, i, j) = static_cast<float>(s[i * values + j]);
  }
  return {};
}

}  // namespace portfire::ops::delta_rule
