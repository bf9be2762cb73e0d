// Short-time Fourier transforms: stft cuts a signal into windowed frames and transforms each, istft
// adds the frames up again and divides by the sum of the squared windows. And complex numbers from
// their parts.
#pragma once

#include <string>

#include "ops/composite.h"

namespace portfire::ops::spectrogram {

// The window, n_fft long: ones where none is given, in the middle of zeros where it is shorter.
template <class G, class T>
T window_of(G& g, T x, int64_t n_fft) {
  const int64_t length = g.none("win_length") ? n_fft : g.known_integer("win_length");
  if (length < 1 || length > n_fft) g.reject("win_length out of range (expected [1, " + std::to_string(n_fft) + "])");
  T window = g.tensor("window");
  if (!window) window = g.full({length}, 1.0, real_of(x.dtype()));
  const int64_t left = (n_fft - length) / 2, right = n_fft - length - left;
  if (left + right == 0) return window;
  return g("aten::constant_pad_nd", window, std::vector<int64_t>{left, right}, 0);
}
template <class G>
int64_t hop_of(G& g, int64_t n_fft) {
  const int64_t hop = g.none("hop_length") ? n_fft / 4 : g.known_integer("hop_length");
  if (hop < 1) g.reject("hop_length is " + std::to_string(hop) + " (expected 1 or more)");
  return hop;
}

template <class G>
auto stft(G& g, bool center) {
  auto x = g.tensor("self");
  const int64_t n_fft = g.known_integer("n_fft"), hop = hop_of(g, n_fft);
  if (g.boolean("align_to_window")) g.refuse("align_to_window");
  if (x.rank() != 1 && x.rank() != 2) g.reject("rank " + std::to_string(x.rank()) + " (expected 1 or 2)");
  const bool batch = x.rank() == 2;
  if (!batch) x = g.reshape(x, {1, g.size(x, 0)});
  if (center) x = g("aten::pad", x, std::vector<int64_t>{n_fft / 2, n_fft / 2}, g.string("pad_mode"));
  auto window = window_of(g, x, n_fft);
  auto frames = g("aten::unfold", x, 1, n_fft, hop) * window;
  const bool complex_signal = is_complex(frames.dtype());
  const bool onesided = g.boolean("onesided", !complex_signal);
  const int64_t norm = g.boolean("normalized") ? 1 : 0;
  if (complex_signal && onesided) g.reject("onesided of a complex signal");
  const std::vector<int64_t> last{2};
  auto y = complex_signal ? g("aten::_fft_c2c", frames, last, norm, true) : g("aten::_fft_r2c", frames, last, norm, onesided);
  y = g.permute(y, {0, 2, 1});
  if (!batch) y = g("aten::squeeze.dim", y, 0);
  return g.boolean("return_complex", complex_signal) ? y : g("aten::view_as_real", y);
}
PF_COMPOSITE(Stft,
             "aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool "
             "normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor") {
  g.result(stft(g, false));
}
PF_COMPOSITE(StftCenter,
             "aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? "
             "window=None, bool center=True, str pad_mode=\"reflect\", bool normalized=False, bool? onesided=None, "
             "bool? return_complex=None, bool? align_to_window=None) -> Tensor") {
  g.result(stft(g, g.boolean("center")));
}

PF_COMPOSITE(Istft,
             "aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, "
             "bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool "
             "return_complex=False) -> Tensor") {
  auto x = g.tensor("self");
  const int64_t n_fft = g.known_integer("n_fft"), hop = hop_of(g, n_fft);
  if (x.rank() != 2 && x.rank() != 3) g.reject("rank " + std::to_string(x.rank()) + " (expected 2 or 3)");
  const bool batch = x.rank() == 3;
  if (!batch) x = g("aten::unsqueeze", x, 0);
  auto window = window_of(g, x, n_fft);
  x = g.permute(x, {0, 2, 1});
  const auto count = g.size(x, 0), frames = g.size(x, 1);
  const int64_t norm = g.boolean("normalized") ? 1 : 2;
  const std::vector<int64_t> last{2};
  if (g.boolean("return_complex")) {
    x = g("aten::_fft_c2c", x, last, norm, false);
  } else {
    if (!same(g.size(x, 2), n_fft / 2 + 1)) x = g("aten::slice.Tensor", x, 2, 0, n_fft / 2 + 1);
    x = g("aten::_fft_c2r", x, last, norm, n_fft);
  }
  x = x * window;

  // Overlap and add: element i of frame t goes to t hop + i.
  const auto samples = (frames - 1) * hop + n_fft;
  auto starts = g("aten::arange.start_step", 0, frames * hop, hop, DType::i64);
  auto at = g("aten::unsqueeze", starts, 1) + g("aten::arange.start_step", 0, n_fft, 1, DType::i64);
  at = g.reshape(at, {frames * n_fft});
  auto y = g("aten::index_add", g.full({count, samples}, 0, x.dtype()), 1, at, g.reshape(x, {count, frames * n_fft}));
  auto squares = g("aten::expand", window * window, std::vector<typename G::Int>{frames, n_fft});
  auto envelope = g("aten::index_add", g.full({samples}, 0, window.dtype()), 0, at, g.reshape(squares, {frames * n_fft}));

  const int64_t start = g.boolean("center") ? n_fft / 2 : 0;
  typename G::Int end = samples - start, missing = 0;
  if (!g.none("length")) {
    end = g.integer("length") + start;
    missing = end - min(end, samples);
    end = min(end, samples);
  }
  y = g("aten::slice.Tensor", y, 1, start, end) / g("aten::slice.Tensor", envelope, 0, start, end);
  if (!same(missing, 0)) y = g("aten::constant_pad_nd", y, std::vector<typename G::Int>{0, missing}, 0);
  g.result(batch ? y : g("aten::squeeze.dim", y, 0));
}

// --- complex numbers from their parts ---

template <class G, class T>
T complex_of_parts(G& g, T real, T imag) {
  const auto sizes = broadcast_sizes(g, real, imag);
  const auto part = [&](T x) { return g("aten::unsqueeze", g("aten::expand", x, sizes), -1); };
  return g("aten::view_as_complex", g("aten::cat", g.list(part(real), part(imag)), -1));
}
PF_COMPOSITE(ComplexOf, "aten::complex(Tensor real, Tensor imag) -> Tensor") {
  g.result(complex_of_parts(g, g.tensor("real"), g.tensor("imag")));
}
PF_COMPOSITE(Polar, "aten::polar(Tensor abs, Tensor angle) -> Tensor") {
  auto size = g.tensor("abs"), angle = g.tensor("angle");
  g.result(complex_of_parts(g, size * g("aten::cos", angle), size * g("aten::sin", angle)));
}

using Ops = OpList<Stft, StftCenter, Istft, ComplexOf, Polar>;

}  // namespace portfire::ops::spectrogram
