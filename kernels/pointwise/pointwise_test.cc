// The pointwise engine against the reference of portfire::pointwise.
#include "kernels/kernel_case.h"

namespace portfire::pointwise {
namespace {


constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Pointwise, Lengths) {
  for (int64_t n : {0, 1, 2, 15, 16, 17, 63, 64, 65, 100, 1023, 1024, 1025, 1087, 1088, 1100, 2049, 5000})
    for (DType t : {DType::f32, DType::f64, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::f16, DType::bf16}) {
      const std::string dtype = name_of(t);
      KernelCase("portfire::pointwise").tensor(t, {n}).tensor(t, {n}).list(2).text("mul." + dtype + " 0 1; add." + dtype + " 2 #3").expect_kernel_matches(0);
    }
}

// A product and a sum that is not of it stand behind each other.
TEST(Pointwise, SumsBesideProducts) {
  for (DType t : {DType::f32, DType::f64, DType::i32}) {
    const std::string d = "." + std::string(name_of(t));
    KernelCase("portfire::pointwise").tensor(t, {70}).tensor(t, {70}).list(2).text("mul" + d + " 0 1; add" + d + " 1 #2; mul" + d + " 2 3").expect_kernel_matches(1e-6);
    KernelCase("portfire::pointwise").tensor(t, {70}).tensor(t, {70}).list(2).text("maximum" + d + " 0 #0; minimum" + d + " 1 #2; mul" + d + " 2 3").expect_kernel_matches(1e-6);
  }
}

TEST(Pointwise, ShapesAndLayouts) {
  const std::vector<std::vector<int64_t>> shapes = {{}, {1}, {3, 3}, {40, 70}, {5, 7, 9}, {2, 3, 100}, {65, 3, 2}, {3, 600}, {3, 1100}, {33, 33, 3}, {0, 4}, {64, 64}, {20, 300}, {150, 11}};
  for (const auto& shape : shapes)
    for (Layout a : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
      for (DType t : {DType::f32, DType::f64, DType::i64, DType::u8, DType::bf16, DType::f16}) {
        std::vector<int64_t> row(shape.size(), 1), column = shape;
        if (!shape.empty()) row.back() = shape.back(), column.back() = 1;
        const std::string dtype = name_of(t);
        KernelCase("portfire::pointwise").tensor(t, shape, a).tensor(t, row).tensor(t, column).list(3)
            .text("add." + dtype + " 0 1; sub." + dtype + " 3 2").expect_kernel_matches(0);
      }
}

TEST(Pointwise, Functions) {
  const std::vector<double> hard = {0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -3.0, 1e-3, -1e-3, 1e-30, 1e-41, -1e-41, 20.0, -20.0,
                                    90.0, -90.0, 104.0, 1e5, -1e5, 3e38, -3e38, kInf, -kInf, kNan};
  const auto n = static_cast<int64_t>(hard.size());
  for (const char* name : {"abs", "neg", "sign", "square", "relu", "ceil", "floor", "trunc", "round", "frac", "reciprocal", "sqrt", "rsqrt", "exp", "expm1",
                           "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
                           "erf", "erfc", "sigmoid", "silu", "gelu", "gelu_tanh", "isnan", "isinf", "logical_not"}) {
    const std::string step = std::string(name) + ".f32 0";
    KernelCase("portfire::pointwise").tensor(DType::f32, {3000}).list(1).text(step).expect_kernel_matches(1e-6);
    // Each by itself, so that none hides behind the magnitude of another. The tail of gelu is a
    // difference of neighbours of 1, to PyTorch too.
    const double each = std::string_view(name).starts_with("gelu") ? 1e-4 : 2e-6;
    for (double x : hard) KernelCase("portfire::pointwise").reals(DType::f32, {1}, {x}).list(1).text(step).expect_kernel_matches(each);
    KernelCase("portfire::pointwise").tensor(DType::bf16, {300}).list(1).text(std::string(name) + ".bf16 0").expect_kernel_matches(0.008);
  }
  for (const char* name : {"add", "sub", "mul", "div", "maximum", "minimum", "fmax", "fmin", "pow", "copysign", "atan2", "fmod", "remainder", "eq", "ne",
                           "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"}) {
    const std::string step = std::string(name) + ".f32 0 1";
    KernelCase("portfire::pointwise").tensor(DType::f32, {3000}).tensor(DType::f32, {3000}).list(2).text(step).expect_kernel_matches(1e-6);
    for (double x : hard)
      KernelCase("portfire::pointwise").reals(DType::f32, {1}, {x}).reals(DType::f32, {n}, hard).list(2).text(step).expect_kernel_matches(1e-6);
    if (std::string_view(name) == "pow")
      for (double x : hard)
        for (double y : hard) KernelCase("portfire::pointwise").reals(DType::f32, {1}, {x}).reals(DType::f32, {1}, {y}).list(2).text(step).expect_kernel_matches(2e-6);
  }
}

TEST(Pointwise, Choices) {
  const std::vector<double> hard = {0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 1e-3, 1e-41, -1e-41, 90.0, 1e18, -1e18, kInf, -kInf, kNan};
  const auto n = static_cast<int64_t>(hard.size());
  const std::vector<std::string> steps = {"threshold # 0 #1 #7",   "leaky_relu # 0 #0x1p-3",      "hardshrink # 0 #0.5", "softshrink # 0 #0.5",
                                          "hardsigmoid # 0",       "hardswish # 0",               "replace_nan # 0 #3",  "replace_inf # 0 #5 #-4",
                                          "lerp # 0 1 #0.25",      "lerp # 0 1 #0.75",            "smooth_l1 # 0 1 #1",  "huber # 0 1 #0.5",
                                          "nextafter # 0 1",       "clamp # 0 #-1 #2",            "clamp # 0 1 #2",      "leaky_relu # 0 1",
                                          "addcmul # 0 1 1",       "maximum # 0 #-2; minimum # 2 #1", "maximum # 0 #2; minimum # 2 #1; add # 3 2",
                                          "replace_nan # 0 #1; replace_inf # 2 #5 #-5; add # 3 #1"};
  for (DType t : {DType::f32, DType::f64, DType::bf16, DType::f16})
    for (const std::string& form : steps) {
      std::string text;
      for (size_t i = 0; i < form.size(); ++i) {
        if (form.compare(i, 3, " # ") == 0) {
          text += '.';
          text += name_of(t);
          text += ' ';
          i += 2;
        } else {
          text += form[i];
        }
      }
      if (t == DType::f16 && text.starts_with("nextafter")) continue;
      const double tolerance = t == DType::f64 ? 1e-14 : t == DType::f32 ? 1e-6 : 0.008;
      for (int64_t m : {1, 63, 64, 65, 1100})
        KernelCase("portfire::pointwise").tensor(t, {m}).tensor(t, {m}).list(2).text(text).expect_kernel_matches(tolerance);
      for (double x : hard)
        KernelCase("portfire::pointwise").reals(t, {1}, {x}).reals(t, {n}, hard).list(2).text(text).expect_kernel_matches(tolerance);
    }
  for (DType t : {DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean}) {
    const std::string dtype = std::string(".") + name_of(t);
    for (const char* form : {"clamp$ 0 #3 #50", "threshold$ 0 #10 #7", "maximum$ 0 #10; minimum$ 1 #20"}) {
      std::string text = form;
      for (size_t at; (at = text.find('$')) != text.npos;) text.replace(at, 1, dtype);
      KernelCase("portfire::pointwise").tensor(t, {1100}).list(1).text(text).expect_kernel_matches(0);
    }
  }
}

// Signs of 16-bit floats are changed where they are; of others, and of tensors that lie otherwise, as all else.
TEST(Pointwise, Signs) {
  const std::vector<double> hard = {0.0, -0.0, 1.0, -1.0, kInf, -kInf, kNan};
  for (DType t : {DType::f16, DType::bf16})
    for (const char* name : {"abs", "neg", "copysign"})
      for (Layout layout : {Layout::contiguous, Layout::transposed}) {
        const bool two = std::string_view(name) == "copysign";
        const std::string step = std::string(name) + "." + name_of(t) + (two ? " 1 0" : " 0");
        for (int64_t m : {0, 1, 7, 64, 3000}) {
          KernelCase c("portfire::pointwise");
          c.tensor(t, {m, 3}, layout);
          if (two) c.tensor(t, {m, 3});
          c.list(two ? 2 : 1).text(step).expect_kernel_matches(0);
        }
        KernelCase c("portfire::pointwise");
        c.reals(t, {7}, hard);
        if (two) c.reals(t, {7}, {1, -1, -1, 1, -1, 1, -1});
        c.list(two ? 2 : 1).text(step).expect_kernel_matches(0);
      }
}

// Chains of 16-bit floats that are computed in f32 and rounded once, results that are operands, operands that
// stay where the others change.
TEST(Pointwise, CastsThatDoNothing) {
  for (DType t : {DType::f16, DType::bf16, DType::i16}) {
    const std::string name = name_of(t), wide = t == DType::i16 ? "i32" : "f32";
    for (int64_t m : {5, 64, 1500}) {
      KernelCase("portfire::pointwise").tensor(t, {m}).tensor(t, {m}).list(2).text("cast." + wide + " 0; mul." + wide + " 2 2; cast." + name + " 3").expect_kernel_matches(0);
      KernelCase("portfire::pointwise").tensor(t, {m}).tensor(t, {m}).list(2).text("cast." + wide + " 0").expect_kernel_matches(0);
      KernelCase("portfire::pointwise").tensor(t, {m}).tensor(t, {m}).list(2).text("mul." + name + " 0 1; cast." + wide + " 2; add." + wide + " 3 3; cast." + name + " 4").expect_kernel_matches(0);
      KernelCase("portfire::pointwise").tensor(t, {m}).tensor(t, {m}).list(2).text("mul." + name + " 0 1; cast." + wide + " 2").expect_kernel_matches(0);
    }
  }
  KernelCase("portfire::pointwise").tensor(DType::boolean, {70}).list(1).text("cast.u8 0").expect_kernel_matches(0);
  KernelCase("portfire::pointwise").tensor(DType::u8, {70}).list(1).text("cast.bool 0").expect_kernel_matches(0);
  for (DType t : {DType::f32, DType::f16})
    for (int64_t rows : {3, 40, 700})
      for (int64_t columns : {3, 250, 500, 700}) {
        const std::string dtype = name_of(t);
        KernelCase("portfire::pointwise").tensor(t, {rows, columns}).tensor(t, {columns}).tensor(t, {rows, 1}).tensor(t, {}).list(4)
            .text("mul." + dtype + " 0 1; add." + dtype + " 4 2; mul." + dtype + " 5 3; add." + dtype + " 6 1").expect_kernel_matches(1e-2);
      }
}

TEST(Pointwise, EveryClass) {
  for (DType t : {DType::f64, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean}) {
    std::string dtype = ".";
    dtype += name_of(t);
    for (const char* name : {"abs", "neg", "square", "relu", "sign", "logical_not"})
      KernelCase("portfire::pointwise").tensor(t, {1100}).list(1).text(std::string(name) + dtype + " 0").expect_kernel_matches(1e-12);
    for (const char* name : {"add", "sub", "mul", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"})
      KernelCase("portfire::pointwise").tensor(t, {1100}).tensor(t, {1100}).list(2).text(std::string(name) + dtype + " 0 1").expect_kernel_matches(1e-12);
    KernelCase("portfire::pointwise").tensor(DType::boolean, {70, 1}).tensor(t, {70, 30}).tensor(t, {30}).list(3).text("where" + dtype + " 0 1 2").expect_kernel_matches(0);
    if (t != DType::f64)
      for (const char* name : {"bitwise_and", "bitwise_or", "bitwise_xor"})
        KernelCase("portfire::pointwise").tensor(t, {1100}).tensor(t, {1100}).list(2).text(std::string(name) + dtype + " 0 1").expect_kernel_matches(0);
  }
}

TEST(Pointwise, Casts) {
  const DType all[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean};
  for (DType from : all)
    for (DType to : all)
      for (const char* after : {"", "; logical_not."}) {
        const std::string cast = std::string("cast.") + name_of(to) + " 0";
        KernelCase("portfire::pointwise").tensor(from, {1200}).list(1).text(*after ? cast + after + name_of(to) + " 1" : cast).expect_kernel_matches(0);
      }
}

// Halves: all of them there and back, and what lies between them.
TEST(Pointwise, HalvesRoundToNearestEven) {
  std::vector<double> all;
  for (uint32_t h = 0; h < 0x10000; h += 7)
    for (double nudge : {0.0, 0.5, 0.501, 0.499}) {
      TensorView t;
      uint16_t bits[2] = {static_cast<uint16_t>(h), static_cast<uint16_t>(h + 1)};
      t.data = bits;
      t.dtype = DType::f16;
      const double a = ops::load_real(t, 0), b = ops::load_real(t, 1);
      all.push_back(nudge == 0 ? a : a + (b - a) * nudge);
    }
  const auto n = static_cast<int64_t>(all.size());
  for (DType t : {DType::f16, DType::bf16}) {
    const std::string dtype = name_of(t);
    KernelCase("portfire::pointwise").reals(DType::f32, {n}, all).list(1).text("cast." + dtype + " 0").expect_kernel_matches(0);
    KernelCase("portfire::pointwise").reals(DType::f32, {n}, all).list(1).text("cast." + dtype + " 0; neg." + dtype + " 1").expect_kernel_matches(0);
  }
}

}  // namespace
}  // namespace portfire::pointwise
