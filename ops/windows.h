// Windows of signal processing over n points, with t = i / (n - 1), or i / n where periodic:
//   hann      0.5 - 0.5 cos 2 pi t          hamming   alpha - beta cos 2 pi t
//   blackman  0.42 - 0.5 cos 2 pi t + 0.08 cos 4 pi t
//   bartlett  1 - |2 t - 1|                 kaiser    i0(beta sqrt(1 - (2 t - 1)^2)) / i0(beta)
#pragma once

#include <cmath>
#include <functional>
#include <numbers>
#include <string>

#include "ops/op.h"

namespace portfire::ops::windows {

inline double hann(double t) { return 0.5 - 0.5 * std::cos(2 * std::numbers::pi * t); }
inline double bartlett(double t) { return 1 - std::fabs(2 * t - 1); }
inline double blackman(double t) {
  return 0.42 - 0.5 * std::cos(2 * std::numbers::pi * t) +
         0.08 * std::cos(4 * std::numbers::pi * t);
}
inline double i0(double x) {  // modified Bessel function: sum of ((x / 2)^k / k!)^2
  double term = 1, sum = 1;
  for (int k = 1; term > 1e-17 * sum; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}
inline double kaiser(double t, double beta) {
  const double r = 2 * t - 1;
  return i0(beta * std::sqrt(std::fmax(0, 1 - r * r))) / i0(beta);
}
inline double hamming(double t, double alpha, double beta) {
  return alpha - beta * std::cos(2 * std::numbers::pi * t);
}

// One point alone is 1.
template <class G>
void decompose_window(G& g, bool periodic, std::function<double(double)> at) {
  const int64_t n = g.known_integer("window_length");
  if (n < 0) g.reject("window_length " + std::to_string(n));
  std::vector<double> values(static_cast<size_t>(n), 1);
  for (int64_t i = 0; i < n && n > 1; ++i)
    values[static_cast<size_t>(i)] =
        at(static_cast<double>(i) / static_cast<double>(periodic ? n : n - 1));
  g.result(
      g.cast(g.constant(DType::f64, {n}, values.data()), g.dtype("dtype").value_or(DType::f32)));
}

#define PF_WINDOW_OPTIONS                                                                          \
  ", *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) " \
  "-> Tensor"
#define PF_WINDOW(type, text, periodic, formula)                                    \
  struct type {                                                                     \
    static constexpr std::string_view schema = "aten::" text PF_WINDOW_OPTIONS;     \
    template <class G>                                                              \
    static void decompose(G& g) {                                                   \
      decompose_window(g, periodic, [&](double t) { return formula; });             \
    }                                                                               \
  };
PF_WINDOW(Hann, "hann_window(int window_length", true, hann(t))
PF_WINDOW(HannPeriodic, "hann_window.periodic(int window_length, bool periodic",
          g.boolean("periodic"), hann(t))
PF_WINDOW(Hamming, "hamming_window(int window_length", true, hamming(t, 0.54, 0.46))
PF_WINDOW(HammingPeriodic, "hamming_window.periodic(int window_length, bool periodic",
          g.boolean("periodic"), hamming(t, 0.54, 0.46))
PF_WINDOW(HammingAlpha,
          "hamming_window.periodic_alpha(int window_length, bool periodic, float alpha",
          g.boolean("periodic"), hamming(t, g.real("alpha"), 0.46))
PF_WINDOW(HammingAlphaBeta,
          "hamming_window.periodic_alpha_beta(int window_length, bool periodic, float alpha, float "
          "beta",
          g.boolean("periodic"), hamming(t, g.real("alpha"), g.real("beta")))
PF_WINDOW(Blackman, "blackman_window(int window_length", true, blackman(t))
PF_WINDOW(BlackmanPeriodic, "blackman_window.periodic(int window_length, bool periodic",
          g.boolean("periodic"), blackman(t))
PF_WINDOW(Bartlett, "bartlett_window(int window_length", true, bartlett(t))
PF_WINDOW(BartlettPeriodic, "bartlett_window.periodic(int window_length, bool periodic",
          g.boolean("periodic"), bartlett(t))
PF_WINDOW(Kaiser, "kaiser_window(int window_length", true, kaiser(t, 12))
PF_WINDOW(KaiserPeriodic, "kaiser_window.periodic(int window_length, bool periodic",
          g.boolean("periodic"), kaiser(t, 12))
PF_WINDOW(KaiserBeta, "kaiser_window.beta(int window_length, bool periodic, float beta",
          g.boolean("periodic"), kaiser(t, g.real("beta")))
#undef PF_WINDOW
#undef PF_WINDOW_OPTIONS

using Ops = OpList<Hann, HannPeriodic, Hamming, HammingPeriodic, HammingAlpha, HammingAlphaBeta,
                   Blackman, BlackmanPeriodic, Bartlett, BartlettPeriodic, Kaiser, KaiserPeriodic,
                   KaiserBeta>;

}  // namespace portfire::ops::windows
