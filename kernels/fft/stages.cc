#include "kernels/fft/stages.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fft/stages.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace transform {

using fft::Stage;

template <class T>
using Tag = hn::CappedTag<T, 64 / sizeof(T)>;
template <class T>
using Vec = hn::Vec<Tag<T>>;

// For one vector of lanes at a time, `re` and `im` being where its parts stand in a block.
#define PF_EACH_VECTOR(T, exchanged)                                                              \
  const Tag<T> d;                                                                                 \
  constexpr int64_t kLanes = 64 / sizeof(T), kStep = 2 * kLanes;                                  \
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));                                       \
  for (int64_t lane = 0; lane < kLanes; lane += lanes)                                            \
    if (const int64_t re = lane + (exchanged ? kLanes : 0), im = lane + (exchanged ? 0 : kLanes); true)

// to = (r, i) * (w_r, w_i)
template <class T>
HWY_INLINE void store_product(Tag<T> d, Vec<T> r, Vec<T> i, Vec<T> wr, Vec<T> wi, T* to_re, T* to_im) {
  hn::StoreU(hn::NegMulAdd(i, wi, hn::Mul(r, wr)), d, to_re);
  hn::StoreU(hn::MulAdd(i, wr, hn::Mul(r, wi)), d, to_im);
}
template <bool kTurned, class T>
HWY_INLINE void put(Tag<T> d, Vec<T> r, Vec<T> i, Vec<T> wr, Vec<T> wi, T* to, int64_t re, int64_t im) {
  if constexpr (kTurned) {
    store_product<T>(d, r, i, wr, wi, to + re, to + im);
  } else {
    hn::StoreU(r, d, to + re);
    hn::StoreU(i, d, to + im);
  }
}

// Radices 2 to 5 by hand: y_k = w^k sum_t x_t exp(-2 pi i t k / radix), w = exp(-2 pi i p / n). The first
// iteration, p = 0, has no w.
#define PF_PART(k, x) const Vec<T> x##r = hn::LoadU(d, a + k * apart + re), x##i = hn::LoadU(d, a + k * apart + im)
#define PF_PUT(k, real, imaginary) put<kTurned, T>(d, real, imaginary, w##k##r, w##k##i, y + k * near, re, im)

template <class T, bool kTurned, int kRadix>
HWY_INLINE void butterflies(const Stage<T>& s, int64_t p) {
  PF_EACH_VECTOR(T, s.exchanged) {
    const int64_t m = s.n / kRadix, apart = m * s.s * kStep, near = s.s * kStep;
    const T* a = s.from + p * near;
    T* y = s.to + p * kRadix * near;
    [[maybe_unused]] const Vec<T> w0r = hn::Zero(d), w0i = w0r;
#define PF_ROOT(k) \
  [[maybe_unused]] const Vec<T> w##k##r = hn::Set(d, s.roots[2 * (k % kRadix) * p * s.s]), w##k##i = hn::Set(d, s.roots[2 * (k % kRadix) * p * s.s + 1]);
    PF_ROOT(1) PF_ROOT(2) PF_ROOT(3) PF_ROOT(4)
#undef PF_ROOT
    for (int64_t q = 0; q < s.s; ++q, a += kStep, y += kStep) {
      PF_PART(0, x0);
      PF_PART(1, x1);
      if constexpr (kRadix == 2) {
        put<false, T>(d, hn::Add(x0r, x1r), hn::Add(x0i, x1i), w0r, w0i, y, re, im);
        PF_PUT(1, hn::Sub(x0r, x1r), hn::Sub(x0i, x1i));
      }
      if constexpr (kRadix == 3) {
        PF_PART(2, x2);
        const Vec<T> half = hn::Set(d, T(0.5)), root = hn::Set(d, T(0.86602540378443864676));
        const Vec<T> tr = hn::Add(x1r, x2r), ti = hn::Add(x1i, x2i);
        const Vec<T> ur = hn::NegMulAdd(half, tr, x0r), ui = hn::NegMulAdd(half, ti, x0i);
        const Vec<T> vr = hn::Mul(root, hn::Sub(x1r, x2r)), vi = hn::Mul(root, hn::Sub(x1i, x2i));
        put<false, T>(d, hn::Add(x0r, tr), hn::Add(x0i, ti), w0r, w0i, y, re, im);
        PF_PUT(1, hn::Add(ur, vi), hn::Sub(ui, vr));
        PF_PUT(2, hn::Sub(ur, vi), hn::Add(ui, vr));
      }
      if constexpr (kRadix == 4) {
        PF_PART(2, x2);
        PF_PART(3, x3);
        const Vec<T> sr = hn::Add(x0r, x2r), si = hn::Add(x0i, x2i), dr = hn::Sub(x0r, x2r), di = hn::Sub(x0i, x2i);
        const Vec<T> tr = hn::Add(x1r, x3r), ti = hn::Add(x1i, x3i), ur = hn::Sub(x1r, x3r), ui = hn::Sub(x1i, x3i);
        put<false, T>(d, hn::Add(sr, tr), hn::Add(si, ti), w0r, w0i, y, re, im);
        PF_PUT(1, hn::Add(dr, ui), hn::Sub(di, ur));
        PF_PUT(2, hn::Sub(sr, tr), hn::Sub(si, ti));
        PF_PUT(3, hn::Sub(dr, ui), hn::Add(di, ur));
      }
      if constexpr (kRadix == 5) {
        PF_PART(2, x2);
        PF_PART(3, x3);
        PF_PART(4, x4);
        const Vec<T> c1 = hn::Set(d, T(0.30901699437494742410)), c2 = hn::Set(d, T(-0.80901699437494742410));
        const Vec<T> s1 = hn::Set(d, T(0.95105651629515357212)), s2 = hn::Set(d, T(0.58778525229247312917));
        const Vec<T> ar = hn::Add(x1r, x4r), ai = hn::Add(x1i, x4i), br = hn::Add(x2r, x3r), bi = hn::Add(x2i, x3i);
        const Vec<T> er = hn::Sub(x1r, x4r), ei = hn::Sub(x1i, x4i), fr = hn::Sub(x2r, x3r), fi = hn::Sub(x2i, x3i);
        const Vec<T> gr = hn::MulAdd(c2, br, hn::MulAdd(c1, ar, x0r)), gi = hn::MulAdd(c2, bi, hn::MulAdd(c1, ai, x0i));
        const Vec<T> hr = hn::MulAdd(c1, br, hn::MulAdd(c2, ar, x0r)), hi = hn::MulAdd(c1, bi, hn::MulAdd(c2, ai, x0i));
        const Vec<T> ur = hn::MulAdd(s2, fr, hn::Mul(s1, er)), ui = hn::MulAdd(s2, fi, hn::Mul(s1, ei));
        const Vec<T> vr = hn::NegMulAdd(s1, fr, hn::Mul(s2, er)), vi = hn::NegMulAdd(s1, fi, hn::Mul(s2, ei));
        put<false, T>(d, hn::Add(x0r, hn::Add(ar, br)), hn::Add(x0i, hn::Add(ai, bi)), w0r, w0i, y, re, im);
        PF_PUT(1, hn::Add(gr, ui), hn::Sub(gi, ur));
        PF_PUT(2, hn::Add(hr, vi), hn::Sub(hi, vr));
        PF_PUT(3, hn::Sub(hr, vi), hn::Add(hi, vr));
        PF_PUT(4, hn::Sub(gr, ui), hn::Add(gi, ur));
      }
    }
  }
}
#undef PF_PART
#undef PF_PUT

template <class T, int kRadix>
HWY_NOINLINE void radix_stage(const Stage<T>& s) {
  butterflies<T, false, kRadix>(s, 0);
  for (int64_t p = 1; p < s.n / kRadix; ++p) butterflies<T, true, kRadix>(s, p);
}

// Any radix, by its definition.
template <class T>
HWY_NOINLINE void any_stage(const Stage<T>& s) {
  PF_EACH_VECTOR(T, s.exchanged) {
    const int64_t m = s.n / s.radix, apart = m * s.s * kStep, near = s.s * kStep, whole = s.n * s.s;
    for (int64_t p = 0; p < m; ++p)
      for (int64_t q = 0; q < s.s; ++q)
        for (int64_t k = 0; k < s.radix; ++k) {
          const T* a = s.from + p * near + q * kStep;
          Vec<T> r = hn::LoadU(d, a + re), i = hn::LoadU(d, a + im);
          int64_t at = 0;  // of exp(-2 pi i t k / radix) among the roots
          for (int64_t t = 1; t < s.radix; ++t) {
            a += apart;
            at += k * (whole / s.radix);
            if (at >= whole) at -= whole;
            const Vec<T> xr = hn::LoadU(d, a + re), xi = hn::LoadU(d, a + im);
            const Vec<T> wr = hn::Set(d, s.roots[2 * at]), wi = hn::Set(d, s.roots[2 * at + 1]);
            r = hn::NegMulAdd(xi, wi, hn::MulAdd(xr, wr, r));
            i = hn::MulAdd(xi, wr, hn::MulAdd(xr, wi, i));
          }
          const T* w = s.roots + 2 * k * p * s.s;
          T* y = s.to + (p * s.radix + k) * near + q * kStep;
          store_product<T>(d, r, i, hn::Set(d, w[0]), hn::Set(d, w[1]), y + re, y + im);
        }
  }
}

template <class T>
void stage(const Stage<T>& s) {
  if (s.radix == 4) return radix_stage<T, 4>(s);
  if (s.radix == 2) return radix_stage<T, 2>(s);
  if (s.radix == 3) return radix_stage<T, 3>(s);
  if (s.radix == 5) return radix_stage<T, 5>(s);
  any_stage<T>(s);
}

template <class T>
void multiply(T* x, const T* table, int64_t n, bool exchanged) {
  PF_EACH_VECTOR(T, exchanged)
    for (int64_t j = 0; j < n; ++j) {
      T* at = x + j * kStep;
      const Vec<T> wr = hn::Set(d, table[2 * j]), wi = hn::Set(d, table[2 * j + 1]);
      store_product<T>(d, hn::LoadU(d, at + re), hn::LoadU(d, at + im), wr, wi, at + re, at + im);
    }
}
template <class T>
void scale(T* x, int64_t n, T by) {
  PF_EACH_VECTOR(T, false)
    for (T* at = x; at < x + n * kStep; at += kStep) {
      hn::StoreU(hn::Mul(hn::LoadU(d, at + re), hn::Set(d, by)), d, at + re);
      hn::StoreU(hn::Mul(hn::LoadU(d, at + im), hn::Set(d, by)), d, at + im);
    }
}

// With E and O the frequencies of the even and the odd elements, Z = E + i O and X_k = E_k + w^k O_k,
// where E_k = (Z_k + Z*_{m-k}) / 2, O_k = -i (Z_k - Z*_{m-k}) / 2.
template <class T>
void unpack(const T* from, T* to, const T* roots, int64_t m) {
  PF_EACH_VECTOR(T, false) {
    const Vec<T> half = hn::Set(d, T(0.5));
    for (int64_t k = 0; k <= m; ++k) {
      const T *a = from + (k == m ? 0 : k) * kStep, *b = from + (k == 0 ? 0 : m - k) * kStep;
      const Vec<T> ar = hn::LoadU(d, a + re), ai = hn::LoadU(d, a + im), br = hn::LoadU(d, b + re), bi = hn::LoadU(d, b + im);
      const Vec<T> er = hn::Mul(half, hn::Add(ar, br)), ei = hn::Mul(half, hn::Sub(ai, bi));
      const Vec<T> odd_r = hn::Mul(half, hn::Add(ai, bi)), odd_i = hn::Mul(half, hn::Sub(br, ar));
      const Vec<T> wr = hn::Set(d, roots[2 * k]), wi = hn::Set(d, roots[2 * k + 1]);
      hn::StoreU(hn::NegMulAdd(odd_i, wi, hn::MulAdd(odd_r, wr, er)), d, to + k * kStep + re);
      hn::StoreU(hn::MulAdd(odd_i, wr, hn::MulAdd(odd_r, wi, ei)), d, to + k * kStep + im);
    }
  }
}
// Z_k = E_k + i O_k, twice: the inverse of half the length gives half the sum.
template <class T>
void pack(const T* from, T* to, const T* roots, int64_t m) {
  PF_EACH_VECTOR(T, false)
    for (int64_t k = 0; k < m; ++k) {
      const T *a = from + k * kStep, *b = from + (m - k) * kStep;
      const Vec<T> ar = hn::LoadU(d, a + re), ai = hn::LoadU(d, a + im), br = hn::LoadU(d, b + re), bi = hn::LoadU(d, b + im);
      const Vec<T> dr = hn::Sub(ar, br), di = hn::Add(ai, bi);
      const Vec<T> wr = hn::Set(d, roots[2 * k]), wi = hn::Set(d, roots[2 * k + 1]);
      const Vec<T> odd_r = hn::MulAdd(di, wi, hn::Mul(dr, wr)), odd_i = hn::NegMulAdd(dr, wi, hn::Mul(di, wr));
      hn::StoreU(hn::Sub(hn::Add(ar, br), odd_i), d, to + k * kStep + re);
      hn::StoreU(hn::Add(hn::Sub(ai, bi), odd_r), d, to + k * kStep + im);
    }
}

// Powers in double, 16 apart by repeated multiplication.
template <class T>
void twist(T* x, const double* base, int64_t n, bool exchanged) {
  constexpr int64_t kLanes = 64 / sizeof(T), kFine = 16;
  const int64_t re = exchanged ? kLanes : 0, im = exchanged ? 0 : kLanes;
  double fine[kFine][2 * kLanes], far_r[kLanes], far_i[kLanes], step_r[kLanes], step_i[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) {
    double r = 1, i = 0;
    for (int64_t f = 0; f < kFine; ++f) {
      fine[f][l] = r;
      fine[f][kLanes + l] = i;
      const double next = r * base[2 * l] - i * base[2 * l + 1];
      i = r * base[2 * l + 1] + i * base[2 * l];
      r = next;
    }
    step_r[l] = r;
    step_i[l] = i;
    far_r[l] = 1;
    far_i[l] = 0;
  }
  for (int64_t j = 0; j < n; ++j) {
    if (j > 0 && j % kFine == 0)
      for (int64_t l = 0; l < kLanes; ++l) {
        const double next = far_r[l] * step_r[l] - far_i[l] * step_i[l];
        far_i[l] = far_r[l] * step_i[l] + far_i[l] * step_r[l];
        far_r[l] = next;
      }
    const double* near = fine[j % kFine];
    T* at = x + j * 2 * kLanes;
    for (int64_t l = 0; l < kLanes; ++l) {
      const T wr = static_cast<T>(far_r[l] * near[l] - far_i[l] * near[kLanes + l]);
      const T wi = static_cast<T>(far_r[l] * near[kLanes + l] + far_i[l] * near[l]);
      const T r = at[re + l], i = at[im + l];
      at[re + l] = r * wr - i * wi;
      at[im + l] = r * wi + i * wr;
    }
  }
}

template <class T>
void gather(T* x, const T* from_re, const T* from_im, int64_t step, int64_t n) {
  PF_EACH_VECTOR(T, false)
    for (int64_t j = 0; j < n; ++j) {
      hn::StoreU(hn::LoadU(d, from_re + j * step + lane), d, x + j * kStep + re);
      hn::StoreU(from_im ? hn::LoadU(d, from_im + j * step + lane) : hn::Zero(d), d, x + j * kStep + im);
    }
}
template <class T>
void gather_pairs(T* x, const T* from, int64_t step, int64_t n) {
  PF_EACH_VECTOR(T, false)
    for (int64_t j = 0; j < n; ++j) {
      Vec<T> r, i;
      hn::LoadInterleaved2(d, from + j * step + 2 * lane, r, i);
      hn::StoreU(r, d, x + j * kStep + re);
      hn::StoreU(i, d, x + j * kStep + im);
    }
}
template <class T>
void scatter(const T* x, T* to_re, T* to_im, int64_t step, int64_t n) {
  PF_EACH_VECTOR(T, false)
    for (int64_t j = 0; j < n; ++j) {
      hn::StoreU(hn::LoadU(d, x + j * kStep + re), d, to_re + j * step + lane);
      if (to_im) hn::StoreU(hn::LoadU(d, x + j * kStep + im), d, to_im + j * step + lane);
    }
}
template <class T>
void scatter_pairs(const T* x, T* to, int64_t step, int64_t n) {
  PF_EACH_VECTOR(T, false)
    for (int64_t j = 0; j < n; ++j)
      hn::StoreInterleaved2(hn::LoadU(d, x + j * kStep + re), hn::LoadU(d, x + j * kStep + im), d, to + j * step + 2 * lane);
}

}  // namespace transform

template <class T>
fft::Functions<T> transform_functions() {
  return {transform::stage<T>, transform::multiply<T>, transform::scale<T>, transform::unpack<T>, transform::pack<T>,
          transform::twist<T>, transform::gather<T>, transform::gather_pairs<T>, transform::scatter<T>, transform::scatter_pairs<T>};
}
fft::Functions<float> transform_f32() { return transform_functions<float>(); }
fft::Functions<double> transform_f64() { return transform_functions<double>(); }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(transform_f32);
HWY_EXPORT(transform_f64);
namespace fft {
template <>
Functions<float> functions() { return HWY_DYNAMIC_DISPATCH(transform_f32)(); }
template <>
Functions<double> functions() { return HWY_DYNAMIC_DISPATCH(transform_f64)(); }
}  // namespace fft
}  // namespace portfire
#endif
