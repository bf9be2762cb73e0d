#include "ops/choose_qparams.h"

namespace portfire::ops::choose_qparams {
namespace {

Extremes extremes(const TensorView& x) {
  Extremes e;
  for (Index at(x.shape); at.valid(); at.next()) e.add(load_real(x, at.offset(x)));
  return e;
}
Error look_and_store(const Args& a, std::span<TensorView> outs, Rule rule) {
  store(a, outs, extremes(a.tensor(0)), rule);
  return {};
}
Qparams choose_of(const Extremes& e, int64_t low, int64_t high) {
  if (e.nan) return choose(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::quiet_NaN(), low, high);
  return choose(static_cast<float>(e.least), static_cast<float>(e.most), low, high);
}

Error check_input(const TensorView& x) {
  if (is_floating(x.dtype)) return {};
  return Error::make(Code::bad_argument, "%s (expected a floating dtype)", TypeText(x).c_str());
}

}  // namespace

Qparams choose(float least, float most, int64_t low, int64_t high) {
  constexpr float kSmallest = 6.1e-5f;
  least = std::min(least, 0.0f);
  most = std::max(most, 0.0f);
  const auto first = static_cast<double>(low), last = static_cast<double>(high);
  double scale = (static_cast<double>(most) - least) / (last - first);
  if (const auto narrow = static_cast<float>(scale); narrow == 0 || std::isinf(1.0f / narrow)) scale = 0.1;
  if (scale < kSmallest) {
    const float times = kSmallest / static_cast<float>(scale);
    scale = kSmallest;
    if (least == 0)
      most = kSmallest * static_cast<float>(last - first);
    else if (most == 0)
      least = -kSmallest * static_cast<float>(last - first);
    else {
      least *= times;
      most *= times;
    }
  }
  const double from_least = first - least / scale, from_most = last - most / scale;
  const double error_of_least = std::abs(first) - std::abs(least / scale), error_of_most = std::abs(last) - std::abs(most / scale);
  const double zero = error_of_least < error_of_most ? from_least : from_most;
  return {scale, clamped(std::nearbyint(static_cast<float>(std::clamp(zero, first, last))), low, high)};
}

// PyTorch's rules give 1 and 0 where there is nothing, or what has no order.
void store(const Args& a, std::span<TensorView> outs, const Extremes& e, Rule rule) {
  const DType dtype = a.tensor(0).dtype;
  const int64_t low = a.integer(1), high = a.integer(2);
  Qparams q{1, 0};
  if (rule == Rule::runtime) {
    q = choose_of(e, low, high);
  } else if (!e.nan && e.least <= e.most) {
    const double least = std::min(e.least, 0.0), most = std::max(e.most, 0.0), range = static_cast<double>(high) - static_cast<double>(low);
    const bool symmetric = rule == Rule::symmetric;
    q.scale = symmetric ? round_to(dtype, std::max(-least, most) / (range / 2)) : round_to(dtype, round_to(dtype, most - least) / range);
    q.scale = std::max(q.scale, static_cast<double>(static_cast<float>(a.real(3))));
    if (symmetric)
      q.zero_point = a.dtype(4, DType::i8) == DType::u8 ? 128 : 0;
    else
      q.zero_point = clamped(static_cast<double>(low) - std::nearbyint(round_to(promote(dtype, DType::f32), least / q.scale)), low, high);
  }
  store_real(outs[0], 0, q.scale);
  store_int(outs[1], 0, q.zero_point);
}

Error Runtime::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(check_input(a.tensor(0)));
  if (a.integer(1) >= a.integer(2))
    return Error::make(Code::bad_argument, "integers %lld..%lld", static_cast<long long>(a.integer(1)),
        static_cast<long long>(a.integer(2)));
  Shape one;
  one.push(1);
  outs[0] = {DType::f64, one};
  outs[1] = {DType::i64, one};
  return {};
}
Error Runtime::reference(const Args& a, std::span<TensorView> outs) { return look_and_store(a, outs, Rule::runtime); }
Error Affine::reference(const Args& a, std::span<TensorView> outs) { return look_and_store(a, outs, Rule::affine); }
Error Symmetric::reference(const Args& a, std::span<TensorView> outs) { return look_and_store(a, outs, Rule::symmetric); }

Error PerTokenAsymmetric::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  PF_TRY(check_input(x));
  if (x.rank() == 0) return Error::make(Code::bad_argument, "a rank-0 tensor has no rows");
  Shape rows = x.shape;
  rows.sizes[x.rank() - 1] = 1;
  outs[0] = {DType::f64, rows};
  outs[1] = {DType::i64, rows};
  return {};
}
Error PerTokenAsymmetric::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  const int last = x.rank() - 1;
  for (int64_t row = 0; row < leading_count(x, last); ++row) {
    const Extremes e = extremes(item(x, last, row));
    const Qparams q = choose_of(e, -128, 127);
    store_real(outs[0], leading_offset(outs[0], last, row), q.scale);
    store_int(outs[1], leading_offset(outs[1], last, row), q.zero_point);
  }
  return {};
}

}  // namespace portfire::ops::choose_qparams
