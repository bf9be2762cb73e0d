// Discrete Fourier transforms: y_k = sum_j x_j exp(-+2 pi i j k / n), of any length, along any
// dimensions, and torch.fft made of the three that run.
// normalization: 0 none, 1 by 1 / sqrt(n), 2 by 1 / n, n the product of the transformed sizes.
#pragma once

#include <string>
#include <vector>

#include "ops/composite.h"
#include "ops/gradients.h"

namespace portfire::ops::fft {

// `dim` in [0, rank), the last one last.
template <class G>
std::vector<int64_t> wrapped_dims_of(G& g, int rank) {
  auto dims = g.known_ints("dim");
  for (int64_t& d : dims) d += d < 0 ? rank : 0;
  return dims;
}
// Zeros at the end of `dim`, to size n.
template <class G, class T, class I>
T filled_up(G& g, T x, int64_t dim, I n) {
  const auto now = g.size(x, dim);
  if (same(now, n)) return x;
  std::vector<typename G::Int> pad(2 * static_cast<size_t>(x.rank() - dim), 0);  // last dimension first
  pad.back() = n - now;
  return g("aten::constant_pad_nd", x, pad, 0);
}

// Complex to complex; `forward` has the minus.
struct C2c {
  static constexpr std::string_view schema =
      "aten::_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::_fft_c2c", g.grad(), g.arg("dim"), g.arg("normalization"), !g.boolean("forward")));
  }
};
// Real to complex, forward. Onesided: the last of `dim` keeps its first n / 2 + 1 frequencies, the
// others being their conjugates.
struct R2c {
  static constexpr std::string_view schema =
      "aten::_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  // Frequencies that were left out have none.
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self"), d = g.grad();
    const auto dims = wrapped_dims_of(g, x.rank());
    if (g.boolean("onesided")) d = filled_up(g, d, dims.back(), g.size(x, dims.back()));
    g.give("self", g("aten::real", g("aten::_fft_c2c", d, dims, g.arg("normalization"), false)));
  }
};
// Backward from onesided frequencies to last_dim_size reals.
struct C2r {
  static constexpr std::string_view schema =
      "aten::_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  // Of the frequencies that were read, all but the first (and the middle one, of an even size) stand for their conjugates too.
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self"), d = g.grad();
    const auto dims = wrapped_dims_of(g, x.rank());
    const int64_t last = dims.back();
    d = g("aten::_fft_r2c", d, dims, g.arg("normalization"), true);
    const typename G::Int n = g.integer("last_dim_size"), half = floor_div(n, 2) + 1, twice = n - half;
    const auto part = [&](typename G::Int from, typename G::Int to) { return g("aten::slice.Tensor", d, last, from, to); };
    d = g("aten::cat", std::vector<typename G::Tensor>{part(0, 1), part(1, twice + 1) * 2.0, part(twice + 1, half)}, last);
    g.give("self", filled_up(g, d, last, g.size(x, last)));
  }
};

// --- torch.fft ---

template <class G>
int64_t normalization(G& g, const std::string& norm, bool forward) {
  if (norm == "ortho") return 1;
  if (norm == "forward") return forward ? 2 : 0;
  if (!norm.empty() && norm != "backward") g.reject("norm is \"" + norm + "\" (expected forward, backward or ortho)");
  return forward ? 0 : 2;
}
template <class G, class T>
T real_input(G& g, T x) {
  if (is_complex(x.dtype())) g.reject("complex input (expected real)");
  return widen(g, x);
}
template <class G, class T>
T complex_input(G& g, T x) {
  return is_complex(x.dtype()) ? x : g.cast(x, complex_of(float_result(x.dtype())));
}
// x with size n along `dim`, cut or filled with zeros at its end; both where sizes are symbolic and
// the one or the other may be the greater.
template <class G, class T, class I>
T resized(G& g, T x, int64_t dim, I n) {
  const auto now = g.size(x, dim);
  x = filled_up(g, x, dim, max(n, now));
  return same(max(n, now), n) ? x : g("aten::slice.Tensor", x, dim, 0, n);
}

// The dimensions of a transform and the sizes asked for, of arguments n and dim, or s and dim.
template <class G>
struct Plan {
  std::vector<int64_t> dims;
  std::vector<typename G::Int> sizes;  // empty: as the input
};
template <class G, class T>
Plan<G> one_dim(G& g, T x) {
  if (x.rank() == 0) g.reject("rank 0 (expected 1 or more)");
  Plan<G> p{{g.dim("dim", x.rank())}, {}};
  if (!g.none("n")) p.sizes = {g.integer("n")};
  return p;
}
template <class G, class T>
Plan<G> many_dims(G& g, T x) {
  Plan<G> p{g.known_ints("dim"), g.ints("s")};
  if (g.none("dim")) {
    const int64_t first = g.none("s") ? 0 : x.rank() - static_cast<int64_t>(p.sizes.size());
    for (int64_t d = first; d < x.rank(); ++d) p.dims.push_back(d);
  }
  for (int64_t& d : p.dims) d += d < 0 ? x.rank() : 0;
  if (!g.none("s") && p.sizes.size() != p.dims.size()) g.reject("as many sizes as dims expected");
  for (size_t i = 0; i < p.sizes.size(); ++i)
    if (same(p.sizes[i], -1)) p.sizes[i] = g.size(x, p.dims[i]);
  return p;
}
template <class G, class T>
T resized(G& g, T x, const Plan<G>& p) {
  for (size_t i = 0; i < p.sizes.size(); ++i) x = resized(g, x, p.dims[i], p.sizes[i]);
  return x;
}

template <class G, class T>
T c2c(G& g, T x, const Plan<G>& p, bool forward) {
  x = resized(g, complex_input(g, x), p);
  if (p.dims.empty()) return x;
  return g("aten::_fft_c2c", x, p.dims, normalization(g, g.string("norm"), forward), forward);
}
template <class G, class T>
T r2c(G& g, T x, const Plan<G>& p) {
  x = resized(g, real_input(g, x), p);
  return g("aten::_fft_r2c", x, p.dims, normalization(g, g.string("norm"), true), true);
}
// Frequencies to reals: the last size asked for is that of the result, by default 2 (n - 1).
template <class G, class T>
T c2r(G& g, T x, Plan<G> p, bool forward) {
  x = complex_input(g, x);
  const auto last = p.sizes.empty() ? (g.size(x, p.dims.back()) - 1) * 2 : p.sizes.back();
  if (!p.sizes.empty()) p.sizes.back() = floor_div(last, 2) + 1;
  x = resized(g, x, p);
  if (forward) x = g("aten::conj", x);
  return g("aten::_fft_c2r", x, p.dims, normalization(g, g.string("norm"), forward), last);
}
template <class G>
Plan<G> all_but_last(const Plan<G>& p) {
  Plan<G> rest = p;
  rest.dims.pop_back();
  if (!rest.sizes.empty()) rest.sizes.pop_back();
  return rest;
}
template <class G>
Plan<G> only_last(const Plan<G>& p) {
  Plan<G> last{{p.dims.back()}, {}};
  if (!p.sizes.empty()) last.sizes = {p.sizes.back()};
  return last;
}
template <class G, class T>
T hermitian(G& g, T x, const Plan<G>& p) {
  if (p.dims.size() > 1) x = c2c(g, x, all_but_last(p), true);
  return c2r(g, x, only_last(p), true);
}
template <class G, class T>
T inverse_hermitian(G& g, T x, const Plan<G>& p) {
  const auto last = only_last(p);
  x = g("aten::_fft_r2c", resized(g, real_input(g, x), last), last.dims, normalization(g, g.string("norm"), false), true);
  x = g("aten::conj", x);
  return p.dims.size() > 1 ? c2c(g, x, all_but_last(p), false) : x;
}

#define PF_FFT(type, name, arguments, plan, transform)                                            \
  PF_COMPOSITE(type, "aten::fft_" name "(Tensor self, " arguments ", str? norm=None) -> Tensor") { \
    auto x = g.tensor("self");                                                                     \
    const auto p = plan(g, x);                                                                     \
    g.result(transform);                                                                           \
  }
#define PF_FFT_FORMS(type, name, transform)                                            \
  PF_FFT(type, name, "SymInt? n=None, int dim=-1", one_dim, transform)                 \
  PF_FFT(type##2, name "2", "SymInt[1]? s=None, int[1] dim=[-2, -1]", many_dims, transform) \
  PF_FFT(type##N, name "n", "SymInt[1]? s=None, int[1]? dim=None", many_dims, transform)
PF_FFT_FORMS(Fft, "fft", c2c(g, x, p, true))
PF_FFT_FORMS(Ifft, "ifft", c2c(g, x, p, false))
PF_FFT_FORMS(Rfft, "rfft", r2c(g, x, p))
PF_FFT_FORMS(Irfft, "irfft", c2r(g, x, p, false))
PF_FFT_FORMS(Hfft, "hfft", hermitian(g, x, p))
PF_FFT_FORMS(Ihfft, "ihfft", inverse_hermitian(g, x, p))
#undef PF_FFT_FORMS
#undef PF_FFT

// Rolls frequency 0 to the middle, and back.
template <class G>
auto shifted(G& g, bool back) {
  auto x = g.tensor("self");
  auto dims = g.known_ints("dim");
  if (g.none("dim"))
    for (int d = 0; d < x.rank(); ++d) dims.push_back(d);
  std::vector<typename G::Int> shifts;
  for (int64_t d : dims) shifts.push_back(floor_div(g.size(x, d) + (back ? 1 : 0), 2));
  return dims.empty() ? x : g("aten::roll", x, shifts, dims);
}
PF_COMPOSITE(Fftshift, "aten::fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor") { g.result(shifted(g, false)); }
PF_COMPOSITE(Ifftshift, "aten::fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor") { g.result(shifted(g, true)); }

// The frequencies of bins: j / (n d), negative ones in the second half (none where onesided).
template <class G>
auto frequencies(G& g, bool onesided) {
  const int64_t n = g.known_integer("n");
  const double step = 1 / (static_cast<double>(n) * g.real("d"));
  std::vector<double> f;
  for (int64_t j = 0; j < (onesided ? n / 2 + 1 : n); ++j)
    f.push_back(static_cast<double>(onesided || j < (n + 1) / 2 ? j : j - n) * step);
  const auto dtype = g.dtype("dtype");
  return g.cast(g.constant(DType::f64, {static_cast<int64_t>(f.size())}, f.data()), dtype ? *dtype : DType::f32);
}
PF_COMPOSITE(Fftfreq,
             "aten::fft_fftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? "
             "device=None, bool? pin_memory=None) -> Tensor") {
  g.result(frequencies(g, false));
}
PF_COMPOSITE(Rfftfreq,
             "aten::fft_rfftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? "
             "device=None, bool? pin_memory=None) -> Tensor") {
  g.result(frequencies(g, true));
}

using Ops = OpList<C2c, R2c, C2r, Fft, Fft2, FftN, Ifft, Ifft2, IfftN, Rfft, Rfft2, RfftN, Irfft, Irfft2, IrfftN, Hfft,
                   Hfft2, HfftN, Ihfft, Ihfft2, IhfftN, Fftshift, Ifftshift, Fftfreq, Rfftfreq>;

}  // namespace portfire::ops::fft
