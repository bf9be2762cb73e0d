// aten::rand, randn, randint, randperm and the distributions made of them. The numbers differ from
// PyTorch's; their distributions do not.
#pragma once

#include "ops/op.h"

namespace portfire::ops::random {

#define PF_OPTIONS "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
#define PF_LIKE_OPTIONS PF_OPTIONS ", MemoryFormat? memory_format=None"

// Uniform in [0, 1).
struct Rand {
  static constexpr std::string_view schema = "aten::rand(SymInt[] size, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static constexpr bool random = true;
};
// Normal with mean 0 and variance 1 (Box, Muller 1958).
struct Randn {
  static constexpr std::string_view schema = "aten::randn(SymInt[] size, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static constexpr bool random = true;
};
// Integers, uniform in [low, high).
struct RandintLow {
  static constexpr std::string_view schema =
      "aten::randint.low(SymInt low, SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, "
      "Device? device=None, bool? pin_memory=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static constexpr bool random = true;
};
// The numbers 0 .. n - 1 in random order.
struct Randperm {
  static constexpr std::string_view schema =
      "aten::randperm(SymInt n, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, "
      "bool? pin_memory=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static constexpr bool random = true;
};

#define PF_RANDOM(type, schema_text, ...)                \
  struct type {                                          \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                   \
    static void decompose(G& g) {                        \
      __VA_ARGS__;                                       \
    }                                                    \
  };

// One more than the largest integer up to which the dtype holds all.
inline int64_t limit(DType t) {
  switch (t) {
    case DType::boolean: return 2;
    case DType::u8: return 256;
    case DType::i8: return 128;
    case DType::i16: return 32768;
    case DType::i32: return int64_t{1} << 31;
    case DType::f16: return (1 << 11) + 1;
    case DType::bf16: return (1 << 8) + 1;
    case DType::f32: return (1 << 24) + 1;
    case DType::f64: return (int64_t{1} << 53) + 1;
    default: return INT64_MAX;
  }
}
// Numbers in the sizes of x, computed in f32 or f64.
template <class G>
typename G::Tensor uniform_like(G& g, typename G::Tensor x) {
  return g("aten::rand", g.sizes(x), x.dtype() == DType::f64 ? DType::f64 : DType::f32);
}
template <class G>
typename G::Tensor normal_like(G& g, typename G::Tensor x) {
  return g("aten::randn", g.sizes(x), x.dtype() == DType::f64 ? DType::f64 : DType::f32);
}
// In (0, 1], for logarithms.
template <class G>
typename G::Tensor positive_like(G& g, typename G::Tensor x) {
  return -uniform_like(g, x) + 1.0;
}

PF_RANDOM(RandLike, "aten::rand_like(Tensor self, *, " PF_LIKE_OPTIONS ") -> Tensor", auto x = g.tensor("self");
          g.result(g("aten::rand", g.sizes(x), g.dtype("dtype").value_or(x.dtype()))))
PF_RANDOM(RandnLike, "aten::randn_like(Tensor self, *, " PF_LIKE_OPTIONS ") -> Tensor", auto x = g.tensor("self");
          g.result(g("aten::randn", g.sizes(x), g.dtype("dtype").value_or(x.dtype()))))
PF_RANDOM(RandGenerator, "aten::rand.generator(SymInt[] size, *, Generator? generator, " PF_OPTIONS ") -> Tensor",
          g.forward("aten::rand"))
PF_RANDOM(RandnGenerator, "aten::randn.generator(SymInt[] size, *, Generator? generator, " PF_OPTIONS ") -> Tensor",
          g.forward("aten::randn"))
PF_RANDOM(RandLikeGenerator, "aten::rand_like.generator(Tensor self, *, Generator? generator, " PF_LIKE_OPTIONS ") -> Tensor",
          g.forward("aten::rand_like"))
PF_RANDOM(RandnLikeGenerator, "aten::randn_like.generator(Tensor self, *, Generator? generator, " PF_LIKE_OPTIONS ") -> Tensor",
          g.forward("aten::randn_like"))
#define PF_INTEGERS "ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None"
PF_RANDOM(RandpermGenerator, "aten::randperm.generator(SymInt n, *, Generator? generator, " PF_INTEGERS ") -> Tensor",
          g.forward("aten::randperm"))
PF_RANDOM(RandintGenerator,
          "aten::randint.generator(SymInt high, SymInt[] size, *, Generator? generator, " PF_INTEGERS ") -> Tensor",
          g.forward("aten::randint"))
PF_RANDOM(RandintLowGenerator,
          "aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, " PF_INTEGERS
          ") -> Tensor",
          g.forward("aten::randint.low"))
#undef PF_INTEGERS
PF_RANDOM(Randint,
          "aten::randint(SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, "
          "Device? device=None, bool? pin_memory=None) -> Tensor",
          g.result(g("aten::randint.low", 0, g.arg("high"), g.arg("size"), g.arg("dtype"))))
PF_RANDOM(RandintLike, "aten::randint_like(Tensor self, SymInt high, *, " PF_LIKE_OPTIONS ") -> Tensor",
          auto x = g.tensor("self");
          g.result(g("aten::randint.low", 0, g.arg("high"), g.sizes(x), g.dtype("dtype").value_or(x.dtype()))))
PF_RANDOM(RandintLikeLow,
          "aten::randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, " PF_LIKE_OPTIONS ") -> Tensor",
          auto x = g.tensor("self");
          g.result(g("aten::randint.low", g.arg("low"), g.arg("high"), g.sizes(x), g.dtype("dtype").value_or(x.dtype()))))

PF_RANDOM(Uniform, "aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self"); const double from = g.real("from"), to = g.real("to");
          g.result(g.cast(uniform_like(g, x) * (to - from) + from, x.dtype())))
PF_RANDOM(NormalFunctional,
          "aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self");
          g.result(g.cast(normal_like(g, x) * g.real("std") + g.real("mean"), x.dtype())))
PF_RANDOM(NormalTensorFloat, "aten::normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor",
          auto mean = g.tensor("mean"); g.result(normal_like(g, mean) * g.real("std") + mean))
PF_RANDOM(NormalFloatTensor, "aten::normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor",
          auto std = g.tensor("std"); g.result(normal_like(g, std) * std + g.real("mean")))
PF_RANDOM(NormalTensorTensor, "aten::normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor",
          auto mean = g.tensor("mean"), std = g.tensor("std"); g.result(normal_like(g, mean + std) * std + mean))
PF_RANDOM(NormalFloatFloat,
          "aten::normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, " PF_OPTIONS
          ") -> Tensor",
          g.result(g("aten::randn", g.arg("size"), g.arg("dtype")) * g.real("std") + g.real("mean")))
// Integers of [from, to), or of what the dtype holds exactly.
template <class G>
void random_integers(G& g, typename G::Int from, typename G::Int to) {
  auto x = g.tensor("self");
  g.result(g("aten::randint.low", from, to, g.sizes(x), x.dtype()));
}
PF_RANDOM(RandomFrom, "aten::random.from(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor",
          random_integers(g, g.integer("from"), g.integer_or("to", limit(g.tensor("self").dtype()))))
PF_RANDOM(RandomTo, "aten::random.to(Tensor self, int to, *, Generator? generator=None) -> Tensor",
          random_integers(g, typename G::Int(0), g.integer("to")))
PF_RANDOM(Random, "aten::random(Tensor self, *, Generator? generator=None) -> Tensor",
          random_integers(g, typename G::Int(0), typename G::Int(limit(g.tensor("self").dtype()))))
// -log(u) / lambda
PF_RANDOM(Exponential, "aten::exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self");
          g.result(g.cast(g("aten::log", positive_like(g, x)) / -g.real("lambd"), x.dtype())))
// ceil(log(u) / log(1 - p))
PF_RANDOM(Geometric, "aten::geometric(Tensor self, float p, *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self"); auto log_q = g("aten::log1p", g.scalar_tensor(-g.real("p"), DType::f64));
          auto trials = g("aten::ceil", g("aten::log", positive_like(g, x)) / log_q);
          g.result(g.cast(g("aten::clamp", trials, 1), x.dtype())))
// median + sigma tan(pi (u - 1/2))
PF_RANDOM(Cauchy, "aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self"); auto t = g("aten::tan", (uniform_like(g, x) - 0.5) * 3.14159265358979323846);
          g.result(g.cast(t * g.real("sigma") + g.real("median"), x.dtype())))
PF_RANDOM(LogNormal, "aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self");
          g.result(g.cast(g("aten::exp", normal_like(g, x) * g.real("std") + g.real("mean")), x.dtype())))

// 1 with probability p, else 0
PF_RANDOM(Bernoulli, "aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", auto x = g.tensor("self");
          g.result(g.cast(g("aten::lt.Tensor", uniform_like(g, x), x), x.dtype())))
PF_RANDOM(BernoulliP, "aten::bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self"); g.result(g.cast(g("aten::lt.Scalar", uniform_like(g, x), g.real("p")), x.dtype())))
PF_RANDOM(BernoulliTensor, "aten::bernoulli.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor",
          auto x = g.tensor("self"); g.result(g.cast(g("aten::lt.Tensor", uniform_like(g, x), g.tensor("p")), x.dtype())))

// x where positive, else x times a slope: random between the bounds in training, else their mean.
template <class G>
void rrelu(G& g) {
  auto x = g.tensor("self");
  const double lower = g.real("lower"), upper = g.real("upper");
  const bool training = g.boolean("training");
  auto negative = training ? g.cast(x * (uniform_like(g, x) * (upper - lower) + lower), x.dtype()) : x * ((lower + upper) / 2);
  g.result(g.where(g("aten::gt.Scalar", x, 0), x, negative));
}
PF_RANDOM(Rrelu,
          "aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, "
          "Generator? generator=None) -> Tensor",
          rrelu(g))

// Numbers drawn with the probabilities of each row. With replacement: where u falls among the sums.
// Without: the largest p / -log(u) (Efraimidis, Spirakis 2006).
template <class G>
void multinomial(G& g) {
  auto p = g.tensor("self");
  if (g.boolean("replacement")) {
    auto sums = g("aten::cumsum", p, -1);
    auto sizes = g.sizes(p);
    sizes.back() = g.integer("num_samples");
    auto u = g("aten::rand", sizes, p.dtype()) * g("aten::slice.Tensor", sums, -1, -1);
    return g.result(g("aten::searchsorted.Tensor", sums, u, false, true));
  }
  auto keys = p / -g("aten::log", positive_like(g, p));
  g.result(g.all("aten::topk", keys, g.arg("num_samples"), -1)[1]);
}
PF_RANDOM(Multinomial,
          "aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> "
          "Tensor",
          multinomial(g))
#undef PF_RANDOM

using Ops = OpList<Rand, Randn, RandintLow, Randperm, RandLike, RandnLike, RandGenerator, RandnGenerator, Randint,
                   RandintLike, RandintLikeLow, Uniform, NormalFunctional, NormalTensorFloat, NormalFloatTensor,
                   NormalTensorTensor, NormalFloatFloat, Exponential, Geometric, Cauchy, LogNormal, Bernoulli,
                   BernoulliP, BernoulliTensor, Multinomial, RandLikeGenerator, RandnLikeGenerator,
                   RandpermGenerator, RandintGenerator, RandintLowGenerator, RandomFrom, RandomTo, Random, Rrelu>;

}  // namespace portfire::ops::random
