// Quantizing f32 to 8 bits and back, and the parameters for it, row by row: where elements of a row lie together.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/affine/rows.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"
#include "ops/choose_qparams.h"
#include "ops/dequantize.h"
#include "ops/quantize.h"
#include "ops/torchao.h"

namespace portfire::affine {
namespace {

using ops::AffineCall;
using ReadFn = Error (*)(const Args&, AffineCall*);

constexpr int64_t kTask = 32 << 10;  // elements that are worth a task
constexpr int64_t kShortest = 8;     // runs with parameters of their own that are worth vectors

bool is_byte(DType t) { return t == DType::i8 || t == DType::u8; }
bool lies_together(const TensorView& t) { return t.rank() == 0 || t.size(t.rank() - 1) <= 1 || t.strides[t.rank() - 1] == 1; }

// Parameters by number, faster than ops::parameter where they lie together.
class Parameters {
 public:
  explicit Parameters(const TensorView& t) : t_(t), together_(t.is_contiguous()) {}
  double operator[](int64_t n) const {
    if (!together_) return ops::parameter(t_, n);
    return t_.dtype == DType::f32 ? static_cast<double>(t_.as<float>()[n]) : ops::load_real(t_, n);
  }

 private:
  const TensorView& t_;
  bool together_;
};

template <ReadFn read>
bool prepare(const TensorView& x, const TensorView& y, const Operands& o) {
  AffineCall c;
  for (const Value* v : o.args)  // products of 16 bits are rounded to them
    if (v->kind == Value::Kind::tensor && is_floating(v->tensor->dtype) && byte_size(v->tensor->dtype) < 4) return false;
  // torchao's of f64 are not rounded to f32.
  if ((read == &ops::torchao::Quantize::read || read == &ops::torchao::Dequantize::read) && o.in(2).dtype != DType::f32) return false;
  if (!lies_together(x) || !lies_together(y) || read(Args(o.args), &c)) return false;
  const int last = x.rank() - 1;
  return last < 0 || c.blocks.size[last] >= std::min(kShortest, x.size(last));
}

// Calls f(first element of x, of y, length, scale, zero point) for runs with the same parameters.
template <ReadFn read, class F>
Error for_each_run(const Operands& o, const KernelContext& context, F f) {
  TensorView x = o.in(0), y = o.out(0);
  AffineCall c;
  PF_TRY(read(Args(o.args), &c));
  if (x.numel() == 0) return {};
  if (c.blocks.count == 1 && x.is_contiguous() && y.is_contiguous()) {
    for (TensorView* t : {&x, &y}) *t = TensorView::of(t->data, t->dtype, std::initializer_list<int64_t>{x.numel()});
    c.blocks = ops::Blocks::whole();
  }
  const int last = x.rank() - 1;
  const int64_t n = last < 0 ? 1 : x.size(last), run = last < 0 ? 1 : std::min(c.blocks.size[last], n), step = last < 0 ? 0
      : c.blocks.step[last];
  // A run may be cut into chunks where it is the whole row.
  const int64_t rows = x.numel() / n, chunk = run == n ? std::min(n, kTask) : round_up(std::min(n, kTask), run), chunks =
      (n + chunk - 1) / chunk;
  const int64_t together = chunks > 1 ? 1 : std::max<int64_t>(kTask / n, 1), groups = (rows + together - 1) / together;
  const Parameters scales(c.scales ? *c.scales : x), zeros(c.zero_points ? *c.zero_points : x);
  const double zero = c.scales ? 0 : static_cast<double>(c.zero_point);
  parallel(context.pool, static_cast<size_t>(groups * chunks), [&](size_t task, size_t) {
    const int64_t group = static_cast<int64_t>(task) / chunks, begin = static_cast<int64_t>(task) % chunks * chunk;
    const int64_t end = std::min(n, begin + chunk);
    for (int64_t row = group * together; row < std::min(rows, (group + 1) * together); ++row) {
      int64_t from = 0, to = 0, block = 0, rest = row;
      for (int d = last - 1; d >= 0; --d) {
        const int64_t i = rest % x.size(d);
        rest /= x.size(d);
        from += i * x.strides[d];
        to += i * y.strides[d];
        block += i / c.blocks.size[d] * c.blocks.step[d];
      }
      for (int64_t j = begin; j < end;) {
        const int64_t length = std::min(run, end - j), number = block + (step ? j / run * step : 0);
        f(from + j, to + j, static_cast<size_t>(length), c.scales ? scales[number] : c.scale, c.zero_points ? zeros[number] : zero, c);
        j += length;
      }
    }
  });
  return {};
}

template <ReadFn read>
bool prepare_quantize(const Operands& o, void*, size_t*) {
  return o.in(0).dtype == DType::f32 && is_byte(o.out(0).dtype) && prepare<read>(o.in(0), o.out(0), o);
}
template <ReadFn read>
Error run_quantize(const void*, const Operands& o, const KernelContext& context) {
  const Functions& row = functions();
  const auto* x = o.in(0).as<const float>();
  void* const y = o.out(0).data;
  const bool is_signed = o.out(0).dtype == DType::i8;
  return for_each_run<read>(o, context, [&](int64_t from, int64_t to, size_t n, double scale, double zero, const AffineCall& c) {
    const float inverse = 1.0f / static_cast<float>(scale), shift = static_cast<float>(zero);
    const auto low = static_cast<float>(std::min(c.low, c.high)), high = static_cast<float>(c.high);
    if (is_signed)
      row.quantize_i8(x + from, n, inverse, shift, low, high, static_cast<int8_t*>(y) + to);
    else
      row.quantize_u8(x + from, n, inverse, shift, low, high, static_cast<uint8_t*>(y) + to);
  });
}

template <ReadFn read>
bool prepare_dequantize(const Operands& o, void*, size_t*) {
  return is_byte(o.in(0).dtype) && o.out(0).dtype == DType::f32 && prepare<read>(o.in(0), o.out(0), o);
}
template <ReadFn read>
Error run_dequantize(const void*, const Operands& o, const KernelContext& context) {
  const Functions& row = functions();
  const void* const q = o.in(0).data;
  auto* const x = o.out(0).as<float>();
  const bool is_signed = o.in(0).dtype == DType::i8;
  return for_each_run<read>(o, context, [&](int64_t from, int64_t to, size_t n, double scale, double zero, const AffineCall&) {
    if (is_signed)
      row.dequantize_i8(static_cast<const int8_t*>(q) + from, n, static_cast<float>(scale), static_cast<float>(zero), x + to);
    else
      row.dequantize_u8(static_cast<const uint8_t*>(q) + from, n, static_cast<float>(scale), static_cast<float>(zero), x + to);
  });
}

bool prepare_per_token(const Operands& o, void*, size_t*) {
  return o.in(0).dtype == DType::f32 && lies_together(o.in(0)) && o.out(0).is_contiguous() && o.out(1).is_contiguous();
}
Error run_per_token(const void*, const Operands& o, const KernelContext& context) {
  const Functions& row = functions();
  const TensorView& x = o.in(0);
  const int last = x.rank() - 1;
  const int64_t n = x.size(last), rows = ops::leading_count(x, last), together = std::max<int64_t>(kTask / std::max<int64_t>(n, 1), 1);
  parallel(context.pool, static_cast<size_t>((rows + together - 1) / together), [&](size_t task, size_t) {
    const int64_t begin = static_cast<int64_t>(task) * together;
    for (int64_t r = begin; r < std::min(rows, begin + together); ++r) {
      const Extremes e = row.extremes(x.as<const float>() + ops::leading_offset(x, last, r), static_cast<size_t>(n));
      const ops::choose_qparams::Qparams q = ops::choose_qparams::choose(e.least, e.most, -128, 127);
      o.out(0).as<double>()[r] = q.scale;
      o.out(1).as<int64_t>()[r] = q.zero_point;
    }
  });
  return {};
}

// Blocks that are parts of rows.
bool prepare_blocks(const Operands& o, void*, size_t*) {
  const TensorView& x = o.in(0);
  const std::span<const int64_t> block = Args(o.args).ints(2);
  for (size_t d = 0; d + 1 < block.size(); ++d)
    if (block[d] != 1) return false;
  return x.rank() > 0 && x.dtype == DType::f32 && lies_together(x) && x.numel() > 0;
}
Error run_blocks(const void*, const Operands& o, const KernelContext& context) {
  const Functions& row = functions();
  const TensorView& x = o.in(0);
  const Args a(o.args);
  const ops::torchao::ChooseQparams::Rule choose = ops::torchao::ChooseQparams::rule(a);
  const int last = x.rank() - 1;
  const int64_t size = a.ints(2).back(), each = x.size(last) / size, blocks = x.numel() / size, together =
      std::max<int64_t>(kTask / size, 1);
  TensorView outs[] = {o.out(0), o.out(1)};
  parallel(context.pool, static_cast<size_t>((blocks + together - 1) / together), [&](size_t task, size_t) {
    const int64_t begin = static_cast<int64_t>(task) * together;
    for (int64_t b = begin; b < std::min(blocks, begin + together); ++b) {
      const Extremes e = row.extremes(x.as<const float>() + ops::leading_offset(x, last, b / each) + b % each * size,
          static_cast<size_t>(size));
      ops::torchao::ChooseQparams::store_parameters(outs, b, choose(e.least, e.most));
    }
  });
  return {};
}

// Extremes of parts first, then of those.
bool prepare_choose(const Operands& o, void*, size_t* scratch) {
  *scratch = sizeof(Extremes) * static_cast<size_t>(o.in(0).numel() / kTask + 1);
  return o.in(0).dtype == DType::f32 && o.in(0).is_contiguous();
}
template <ops::choose_qparams::Rule rule>
Error run_choose(const void*, const Operands& o, const KernelContext& context) {
  const Functions& row = functions();
  const TensorView& x = o.in(0);
  const int64_t n = x.numel(), parts = (n + kTask - 1) / kTask;
  auto* const found = reinterpret_cast<Extremes*>(context.scratch.data());
  parallel(context.pool, static_cast<size_t>(parts), [&](size_t part, size_t) {
    const int64_t begin = static_cast<int64_t>(part) * kTask;
    found[part] = row.extremes(x.as<const float>() + begin, static_cast<size_t>(std::min(kTask, n - begin)));
  });
  ops::choose_qparams::Extremes e;
  for (int64_t part = 0; part < parts; ++part)
    for (float v : {found[part].least, found[part].most}) e.add(v);
  TensorView outs[] = {o.out(0), o.out(1)};
  ops::choose_qparams::store(Args(o.args), outs, e, rule);
  return {};
}

}  // namespace

#define PF_AFFINE(constant, text, type, which) \
  extern const Kernel constant;                \
  const Kernel constant = {text, 0, prepare_##which<type::read>, run_##which<type::read>};
PF_AFFINE(kQuantizePerTensor, "quantized_decomposed::quantize_per_tensor", ops::quantize::PerTensor, quantize)
PF_AFFINE(kQuantizePerTensorOfTensors, "quantized_decomposed::quantize_per_tensor.tensor", ops::quantize::PerTensorOfTensors, quantize)
PF_AFFINE(kQuantizePerTensorOut, "quantized_decomposed::quantize_per_tensor.Tensor", ops::quantize::PerTensorOut, quantize)
PF_AFFINE(kQuantizePerChannel, "quantized_decomposed::quantize_per_channel", ops::quantize::PerChannel, quantize)
PF_AFFINE(kQuantizePerToken, "quantized_decomposed::quantize_per_token", ops::quantize::PerToken, quantize)
PF_AFFINE(kQuantizePerGroup, "quantized_decomposed::quantize_per_channel_group", ops::quantize::PerGroup, quantize)
PF_AFFINE(kQuantizeAffine, "torchao::quantize_affine", ops::torchao::Quantize, quantize)
PF_AFFINE(kDequantizePerTensor, "quantized_decomposed::dequantize_per_tensor", ops::dequantize::PerTensor, dequantize)
PF_AFFINE(kDequantizePerTensorOfTensors, "quantized_decomposed::dequantize_per_tensor.tensor", ops::dequantize::PerTensorOfTensors,
    dequantize)
PF_AFFINE(kDequantizePerTensorOut, "quantized_decomposed::dequantize_per_tensor.Tensor", ops::dequantize::PerTensorOut, dequantize)
PF_AFFINE(kDequantizePerChannel, "quantized_decomposed::dequantize_per_channel", ops::dequantize::PerChannel, dequantize)
PF_AFFINE(kDequantizePerToken, "quantized_decomposed::dequantize_per_token", ops::dequantize::PerToken, dequantize)
PF_AFFINE(kDequantizePerGroup, "quantized_decomposed::dequantize_per_channel_group", ops::dequantize::PerGroup, dequantize)
PF_AFFINE(kDequantizeAffine, "torchao::dequantize_affine", ops::torchao::Dequantize, dequantize)
#undef PF_AFFINE

extern const Kernel kChooseQparamsPerToken, kChooseQparams, kChooseQparamsAffine, kChooseQparamsSymmetric;
const Kernel kChooseQparamsPerToken = {"quantized_decomposed::choose_qparams_per_token_asymmetric", 0, prepare_per_token, run_per_token};
extern const Kernel kChooseQparamsOfBlocks;
const Kernel kChooseQparamsOfBlocks = {"torchao::choose_qparams_affine", 0, prepare_blocks, run_blocks};
using ops::choose_qparams::Rule;
const Kernel kChooseQparams = {"quantized_decomposed::choose_qparams.Tensor", 0, prepare_choose, run_choose<Rule::runtime>};
const Kernel kChooseQparamsAffine = {"quantized_decomposed::choose_qparams.tensor", 0, prepare_choose, run_choose<Rule::affine>};
const Kernel kChooseQparamsSymmetric = {"quantized_decomposed::choose_qparams_symmetric.tensor", 0, prepare_choose,
    run_choose<Rule::symmetric>};

}  // namespace portfire::affine
