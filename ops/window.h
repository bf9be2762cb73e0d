// aten::hann_window and its kin: weights for short-time Fourier transforms, constants of the program.
// n is the length; a periodic window is a symmetric one of length n + 1 without its last item.
#pragma once

#include <cmath>

#include "ops/op.h"

namespace portfire::ops::window {

#define PF_OPTIONS "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"

// f(i, n - 1) for i < n
template <class G, class F>
void window(G& g, bool periodic, F f) {
  const int64_t length = g.known_integer("window_length"), n = length + periodic;
  std::vector<double> values;
  for (int64_t i = 0; i < length; ++i) values.push_back(length == 1 ? 1 : f(static_cast<double>(i), static_cast<double>(n - 1)));
  g.result(g.cast(g.constant(DType::f64, {length}, values.data()), g.dtype("dtype").value_or(DType::f32)));
}

constexpr double kPi = 3.14159265358979323846;

// alpha - beta cos(2 pi i / (n - 1))
template <class G>
void cosine(G& g, bool periodic, double alpha, double beta) {
  window(g, periodic, [=](double i, double n) { return alpha - beta * std::cos(2 * kPi * i / n); });
}
// 1 - |2 i / (n - 1) - 1|
template <class G>
void bartlett(G& g, bool periodic) {
  window(g, periodic, [](double i, double n) { return 1 - std::fabs(2 * i / n - 1); });
}
template <class G>
void blackman(G& g, bool periodic) {
  window(g, periodic,
         [](double i, double n) { return 0.42 - 0.5 * std::cos(2 * kPi * i / n) + 0.08 * std::cos(4 * kPi * i / n); });
}
// The modified Bessel function I0 by its series sum_k ((x/2)^k / k!)^2.
inline double bessel_i0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; k < 1000 && term > sum * 1e-18; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}
// I0(beta sqrt(1 - (2 i / (n - 1) - 1)^2)) / I0(beta)
template <class G>
void kaiser(G& g, bool periodic, double beta) {
  window(g, periodic, [=](double i, double n) {
    const double x = 2 * i / n - 1;
    return bessel_i0(beta * std::sqrt(std::fmax(0, 1 - x * x))) / bessel_i0(beta);
  });
}

#define PF_WINDOW(type, name, args, ...)                                                                          \
  struct type {                                                                                                   \
    static constexpr std::string_view schema = "aten::" name "(int window_length" args ", *, " PF_OPTIONS ") -> Tensor"; \
    template <class G>                                                                                            \
    static void decompose(G& g) {                                                                                 \
      __VA_ARGS__;                                                                                                \
    }                                                                                                             \
  };
#define PF_PERIODIC g.boolean("periodic")
PF_WINDOW(Hann, "hann_window", "", cosine(g, true, 0.5, 0.5))
PF_WINDOW(HannPeriodic, "hann_window.periodic", ", bool periodic", cosine(g, PF_PERIODIC, 0.5, 0.5))
PF_WINDOW(Hamming, "hamming_window", "", cosine(g, true, 0.54, 0.46))
PF_WINDOW(HammingPeriodic, "hamming_window.periodic", ", bool periodic", cosine(g, PF_PERIODIC, 0.54, 0.46))
PF_WINDOW(HammingAlpha, "hamming_window.periodic_alpha", ", bool periodic, float alpha",
          cosine(g, PF_PERIODIC, g.real("alpha"), 0.46))
PF_WINDOW(HammingAlphaBeta, "hamming_window.periodic_alpha_beta", ", bool periodic, float alpha, float beta",
          cosine(g, PF_PERIODIC, g.real("alpha"), g.real("beta")))
PF_WINDOW(Bartlett, "bartlett_window", "", bartlett(g, true))
PF_WINDOW(BartlettPeriodic, "bartlett_window.periodic", ", bool periodic", bartlett(g, PF_PERIODIC))
PF_WINDOW(Blackman, "blackman_window", "", blackman(g, true))
PF_WINDOW(BlackmanPeriodic, "blackman_window.periodic", ", bool periodic", blackman(g, PF_PERIODIC))
PF_WINDOW(Kaiser, "kaiser_window", "", kaiser(g, true, 12))
PF_WINDOW(KaiserPeriodic, "kaiser_window.periodic", ", bool periodic", kaiser(g, PF_PERIODIC, 12))
PF_WINDOW(KaiserBeta, "kaiser_window.beta", ", bool periodic, float beta", kaiser(g, PF_PERIODIC, g.real("beta")))
#undef PF_WINDOW
#undef PF_PERIODIC

using Ops = OpList<Hann, HannPeriodic, Hamming, HammingPeriodic, HammingAlpha, HammingAlphaBeta, Bartlett,
                   BartlettPeriodic, Blackman, BlackmanPeriodic, Kaiser, KaiserPeriodic, KaiserBeta>;

}  // namespace portfire::ops::window
