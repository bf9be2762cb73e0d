#include "ops/random.h"

#include <cmath>

#include "ops/creation.h"
#include "ops/element.h"
#include "ops/philox.h"

namespace portfire::ops::random {
namespace {

constexpr uint64_t kKey = 0x706f727466697265;  // any constant; the counter carries the seed

// One call takes a block of the counter; element i of the call has the bits at start + i.
class Stream {
 public:
  Stream(const Args& a, int64_t count) : start_(a.context().random_counter ? *a.context().random_counter : 0) {
    if (a.context().random_counter) *a.context().random_counter += static_cast<uint64_t>(count);
  }
  Bits128 at(int64_t i) const { return philox(start_ + static_cast<uint64_t>(i), 0, kKey); }

 private:
  uint64_t start_;
};

// As many random bits as the dtype has significant ones, so that 1 is never reached by rounding.
double uniform(const Bits128& b, DType dtype, int half = 0) {
  const uint64_t bits = uint64_t{b.word[2 * half]} << 32 | b.word[2 * half + 1];
  const int digits = dtype == DType::f64 ? 53 : dtype == DType::f16 ? 11 : dtype == DType::bf16 ? 8 : 24;
  return std::ldexp(static_cast<double>(bits >> (64 - digits)), -digits);
}

template <class F>
Error draw(const Args& a, const TensorView& out, F value) {
  const Stream stream(a, out.numel());
  int64_t n = 0;
  for (Index i(out.shape); i.valid(); i.next()) value(i.offset(out), stream.at(n++));
  return {};
}

Error infer_floating(const Args& a, std::span<TensorSpec> outs) {
  outs[0].dtype = a.dtype(1, DType::f32);
  if (!is_floating(outs[0].dtype))
    return Error::make(Code::bad_argument, "random numbers of %s (expected a floating dtype)", name_of(outs[0].dtype));
  return creation::sizes_of(a.ints(0), &outs[0].shape);
}

// Uniform below `range` (0: any) but for a bias of at most range / 2^64.
uint64_t below(const Bits128& b, uint64_t range) {
  const uint64_t bits = uint64_t{b.word[0]} << 32 | b.word[1];
  return range ? static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * range) >> 64) : bits;
}

}  // namespace

Error Rand::infer(const Args& a, std::span<TensorSpec> outs) { return infer_floating(a, outs); }
Error Rand::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& out = outs[0];
  return draw(a, out, [&](int64_t o, const Bits128& b) { store_real(out, o, uniform(b, out.dtype)); });
}

Error Randn::infer(const Args& a, std::span<TensorSpec> outs) { return infer_floating(a, outs); }
Error Randn::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& out = outs[0];
  return draw(a, out, [&](int64_t o, const Bits128& b) {
    const double u = 1 - uniform(b, DType::f64, 0), v = uniform(b, DType::f64, 1);
    store_real(out, o, std::sqrt(-2 * std::log(u)) * std::cos(6.28318530717958647692 * v));
  });
}

Error RandintLow::infer(const Args& a, std::span<TensorSpec> outs) {
  if (a.integer(0) >= a.integer(1))
    return Error::make(Code::bad_argument, "integers from %lld to %lld", static_cast<long long>(a.integer(0)),
                       static_cast<long long>(a.integer(1)));
  outs[0].dtype = a.dtype(3, DType::i64);
  return creation::sizes_of(a.ints(2), &outs[0].shape);
}
Error RandintLow::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& out = outs[0];
  const uint64_t low = static_cast<uint64_t>(a.integer(0)), range = static_cast<uint64_t>(a.integer(1)) - low;
  return draw(a, out, [&](int64_t o, const Bits128& b) { store_int(out, o, static_cast<int64_t>(low + below(b, range))); });
}

Error Randperm::infer(const Args& a, std::span<TensorSpec> outs) {
  if (a.integer(0) < 0) return Error::make(Code::bad_argument, "%lld numbers", static_cast<long long>(a.integer(0)));
  outs[0].dtype = a.dtype(1, DType::i64);
  outs[0].shape = Shape();
  outs[0].shape.push(a.integer(0));
  return {};
}
// Each place is exchanged with a random one that is not before it (Durstenfeld 1964).
Error Randperm::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& out = outs[0];
  const int64_t n = out.size(0), step = out.strides[0];
  const Stream stream(a, n);
  for (int64_t i = 0; i < n; ++i) store_int(out, i * step, i);
  for (int64_t i = 0; i + 1 < n; ++i) {
    const int64_t j = i + static_cast<int64_t>(below(stream.at(i), static_cast<uint64_t>(n - i)));
    const int64_t x = load_int(out, i * step), y = load_int(out, j * step);
    store_int(out, i * step, y);
    store_int(out, j * step, x);
  }
  return {};
}

}  // namespace portfire::ops::random
