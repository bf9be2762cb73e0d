// Steps computed in vectors of f64 against the table's formulas.
#include "kernels/kernel_case.h"

namespace portfire::pointwise {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> kHard = {0.0,  -0.0, 1.0,  -1.0,  0.5,  -0.5,  0.999, -0.9999999, 1.5,   2.5,  -2.5,  3.0, -3.0, 1e-3,  -1e-3, 1e-30, 1e-41,  -1e-41, 20.0,
                                   -20.0, 27.0, -27.0, 90.0, -90.0, 104.0, 720.0, -720.0,    1e5,   -1e5, 3e38,  -3e38, kInf, -kInf, kNan,  0.1,  1e-310, 4.503599627370497e15};

double each_tolerance(DType t) { return t == DType::f64 ? 4e-13 : 2e-6; }

TEST(DoubleMath, Unaries) {
  for (DType t : {DType::f64, DType::f32})
    for (const char* name : {"abs", "neg", "sign", "square", "relu", "ceil", "floor", "trunc", "round", "frac", "reciprocal", "sqrt", "rsqrt", "exp", "exp2", "expm1",
                             "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
                             "erf", "erfc", "erfinv", "sigmoid", "silu", "gelu", "gelu_tanh", "lgamma"}) {
      const std::string step = std::string(name) + (t == DType::f64 ? ".f64 0" : ".f32 0");
      KernelCase("portfire::pointwise").tensor(t, {3000}).list(1).text(step).expect_kernel_matches(t == DType::f64 ? 1e-13 : 1e-6);
      const bool differs = std::string_view(name).starts_with("gelu");  // its tail is a difference of neighbours of 1
      for (double x : kHard) KernelCase("portfire::pointwise").reals(t, {1}, {x}).list(1).text(step).expect_kernel_matches(differs ? 1e-4 : each_tolerance(t));
    }
}

TEST(DoubleMath, InverseOfErf) {
  std::vector<double> x;
  for (double off = 0.5; off > 1e-15; off *= 0.7) x.insert(x.end(), {1 - off, off - 1, off, -off});
  // Near 0 the reference, which works on the complement, has less digits.
  for (double v : x)
    for (DType t : {DType::f64, DType::f32}) KernelCase("portfire::pointwise").reals(t, {1}, {v}).list(1).text(t == DType::f64 ? "erfinv.f64 0" : "erfinv.f32 0").expect_kernel_matches(std::fmax(each_tolerance(t), 1e-15 / std::fabs(v)));
}

TEST(DoubleMath, Binaries) {
  for (DType t : {DType::f64, DType::f32, DType::bf16})
    for (const char* name : {"div_trunc", "div_floor", "fmod", "remainder", "hypot", "atan2", "copysign", "div"}) {
      const std::string step = std::string(name) + '.' + name_of(t) + " 0 1";
      KernelCase("portfire::pointwise").tensor(t, {3000}).tensor(t, {3000}).list(2).text(step).expect_kernel_matches(t == DType::f64 ? 1e-13 : t == DType::f32 ? 1e-6 : 0.008);
      if (t == DType::bf16) continue;
      for (double x : kHard)
        for (double y : kHard) KernelCase("portfire::pointwise").reals(t, {1}, {x}).reals(t, {1}, {y}).list(2).text(step).expect_kernel_matches(each_tolerance(t));
    }
}

// One by one: what the exponential magnifies would not show beside the largest power.
TEST(DoubleMath, Powers) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> scale(-300, 300), exponent(-700, 700);
  const auto expect = [](DType t, double x, double y, double tolerance) {
    KernelCase("portfire::pointwise").reals(t, {1}, {x}).reals(t, {1}, {y}).list(2).text(t == DType::f64 ? "pow.f64 0 1" : "pow.f32 0 1").expect_kernel_matches(tolerance);
  };
  for (int i = 0; i < 3000; ++i) {
    const double x = i % 2 ? std::exp(scale(random)) : 1 + scale(random) / 1000, y = exponent(random) / std::fmax(std::fabs(std::log(std::fabs(x))), 1e-3);
    expect(DType::f64, x, y, 5e-16);
    expect(DType::f64, -x, std::round(y), 5e-16);
  }
  for (double x : kHard)
    for (double y : kHard) expect(DType::f64, x, y, 5e-16), expect(DType::f32, x, y, 2e-6);
}

TEST(DoubleMath, LogarithmOfGamma) {
  std::vector<double> x = {1, 2, 1.0000001, 0.9999999, 2.0000002, 1.9999999, -0.5, -1e-3, -2.457024738220800, -3.1, -1e6 - 0.25, 1e30, 4e36, 8, 7.9999995};
  for (double v = -12; v < 12; v += 0.0621) x.push_back(v);
  for (double v : x) {
    const double near_root = v < 0 ? 3e-14 / std::fmax(std::fabs(std::lgamma(static_cast<float>(v))), 1e-9) : 0;
    KernelCase("portfire::pointwise").reals(DType::f32, {1}, {v}).list(1).text("lgamma.f32 0").expect_kernel_matches(4e-7 + near_root);
  }
}

// Subnormal and infinite results of f32, which come in two factors.
TEST(DoubleMath, PowersOfTwo) {
  for (double x = -151.75; x < 130; x += 0.37) KernelCase("portfire::pointwise").reals(DType::f32, {1}, {x}).list(1).text("exp2.f32 0").expect_kernel_matches(x < -126 ? 1e-3 : 3e-7);
  for (double x : {-150.0, -149.0, -127.0, -126.0, 0.0, 1.0, 127.0, 128.0}) KernelCase("portfire::pointwise").reals(DType::f32, {1}, {x}).list(1).text("exp2.f32 0").expect_kernel_matches(0);
}

// Quotients that are whole, and nearly.
TEST(DoubleMath, RestsAreExact) {
  std::mt19937 random(3);
  for (DType t : {DType::f64, DType::f32})
    for (const char* name : {"div_floor", "fmod", "remainder"}) {
      std::vector<double> x, y;
      for (int i = 0; i < 2000; ++i) {
        const double b = (static_cast<double>(random() % 2000) - 1000.5) / 7;
        const double a = b * (static_cast<double>(random() % 20000) - 10000);
        y.push_back(t == DType::f32 ? static_cast<float>(b) : b);
        x.push_back(random() % 2 ? a : std::nextafter(a, 0));
      }
      KernelCase("portfire::pointwise").reals(t, {2000}, x).reals(t, {2000}, y).list(2).text(std::string(name) + (t == DType::f64 ? ".f64 0 1" : ".f32 0 1")).expect_kernel_matches(0);
    }
}

// All pairs of bytes, zeros among the divisors too.
TEST(DoubleMath, QuotientsOfBytes) {
  std::vector<double> x, y;
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      x.push_back(a);
      y.push_back(b);
    }
  for (const char* name : {"div_trunc", "div_floor", "fmod", "remainder"})
    KernelCase("portfire::pointwise").reals(DType::u8, {65536}, x).reals(DType::u8, {65536}, y).list(2).text(std::string(name) + ".u8 0 1").expect_kernel_matches(0);
}

TEST(DoubleMath, ShiftsAndSignsOfIntegers) {
  for (DType t : {DType::i64, DType::i32, DType::i16, DType::i8, DType::u8}) {
    const std::string dtype = name_of(t);
    KernelCase("portfire::pointwise").tensor(t, {1100}).list(1).text("sign." + dtype + " 0").expect_kernel_matches(0);
    KernelCase("portfire::pointwise").tensor(t, {1100}).tensor(t, {1100}).list(2).text("bitwise_left_shift." + dtype + " 0 1").expect_kernel_matches(0);
  }
}

}  // namespace
}  // namespace portfire::pointwise
