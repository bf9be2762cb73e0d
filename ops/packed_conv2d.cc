#include "ops/packed_conv2d.h"

#include <cmath>
#include <limits>

#include "ops/element.h"
#include "ops/panels.h"
#include "ops/pointwise_table.h"

namespace portfire::ops::packed_conv2d {
namespace {

constexpr int64_t kLimit = int64_t{1} << 20;

double activate(std::string_view name, double x, double low, double high) {
  if (name.empty()) return x;
  if (name == "clamp") return std::fmin(std::fmax(x, low), high);
  return find_pointwise(name)->real(x, 0, 0);
}

Error check_activation(std::string_view name) {
  if (name.empty() || name == "clamp" || find_pointwise(name)) return {};
  return Error::make(Code::bad_argument, "unknown activation");
}

Error check_vector(const TensorView* t, int64_t n, const char* what) {
  if (!t || (t->rank() == 1 && t->size(0) == n && t->dtype == DType::f32 && t->is_contiguous())) return {};
  return Error::make(Code::bad_argument, "%s %s (expected f32[%lld])", what, TypeText(*t).c_str(), static_cast<long long>(n));
}

Error check_input(const TensorView& x) {
  if (x.rank() == 4 && x.dtype == DType::f32) return {};
  return Error::make(Code::bad_argument, "input %s (expected f32 of rank 4)", TypeText(x).c_str());
}

// Calls f(offset of the input element, tap) for the places of a window that lie inside.
template <class F>
void for_window(const Window& w, const TensorView& x, int64_t n, int64_t oh, int64_t ow, F f) {
  for (int64_t i = 0; i < w.kernel[0]; ++i)
    for (int64_t j = 0; j < w.kernel[1]; ++j) {
      const int64_t h = oh * w.stride[0] - w.padding[0] + i * w.dilation[0], v = ow * w.stride[1] - w.padding[1] + j * w.dilation[1];
      if (h < 0 || h >= x.size(1) || v < 0 || v >= x.size(2)) continue;
      f(n * x.strides[0] + h * x.strides[1] + v * x.strides[2], i * w.kernel[1] + j);
    }
}

int64_t offset(const TensorView& t, const Index& at) {
  return at[0] * t.strides[0] + at[1] * t.strides[1] + at[2] * t.strides[2] + at[3] * t.strides[3];
}

}  // namespace

Error read_window(const Args& a, size_t first, Window* w) {
  const auto kernel = a.ints(first), stride = a.ints(first + 1), padding = a.ints(first + 2), dilation = a.ints(first + 3);
  if (kernel.size() != 2 || stride.size() != 2 || padding.size() != 4 || dilation.size() != 2)
    return Error::make(Code::bad_argument, "kernel, stride, padding and dilation have %zu, %zu, %zu, %zu items (expected 2, 2, 4, 2)", kernel.size(),
                       stride.size(), padding.size(), dilation.size());
  for (int i = 0; i < 2; ++i) {
    w->kernel[i] = kernel[i];
    w->stride[i] = stride[i];
    w->dilation[i] = dilation[i];
    if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || kernel[i] > kLimit || stride[i] > kLimit || dilation[i] > kLimit)
      return Error::make(Code::bad_argument, "kernel, stride and dilation must be positive");
  }
  for (int i = 0; i < 4; ++i) {
    w->padding[i] = padding[i];
    if (padding[i] < 0 || padding[i] > kLimit) return Error::make(Code::bad_argument, "padding %lld", static_cast<long long>(padding[i]));
  }
  return {};
}

Error output_size(const Window& w, const TensorView& x, int64_t* height, int64_t* width) {
  const int64_t h = x.size(1) + w.padding[0] + w.padding[2] - w.dilation[0] * (w.kernel[0] - 1) - 1;
  const int64_t v = x.size(2) + w.padding[1] + w.padding[3] - w.dilation[1] * (w.kernel[1] - 1) - 1;
  if (h < 0 || v < 0) return Error::make(Code::bad_argument, "window is larger than the padded input %s", TypeText(x).c_str());
  *height = h / w.stride[0] + 1;
  *width = v / w.stride[1] + 1;
  return {};
}

Error infer_packed(const TensorView& x, const TensorView& packed, int64_t channels, const Window& w, const Finish& f, TensorSpec* out) {
  PF_TRY(check_input(x));
  int64_t h, v;
  PF_TRY(output_size(w, x, &h, &v));
  int64_t k;
  if (__builtin_mul_overflow(w.kernel[0] * w.kernel[1], x.size(3), &k) || channels < 1 || !are_panels(packed, k, channels))
    return Error::make(Code::bad_argument, "packed weights %s do not fit input %s", TypeText(packed).c_str(), TypeText(x).c_str());
  out->dtype = DType::f32;
  out->shape = Shape();
  for (int64_t s : {x.size(0), h, v, channels}) out->shape.push(s);
  PF_TRY(check_vector(f.bias, channels, "bias"));
  if (f.residual && (!(f.residual->shape == out->shape) || f.residual->dtype != DType::f32))
    return Error::make(Code::bad_argument, "residual %s (expected %s)", TypeText(*f.residual).c_str(), TypeText(DType::f32, out->shape).c_str());
  return check_activation(f.activation);
}

void convolve_packed(const TensorView& x, const TensorView& packed, const Window& w, const Finish& f, const TensorView& out) {
  const int64_t c = x.size(3), k = w.kernel[0] * w.kernel[1] * c;
  for (Index at(out.shape); at.valid(); at.next()) {
    const int64_t o = at[3];
    double sum = f.bias ? f.bias->as<float>()[o] : 0;
    for_window(w, x, at[0], at[1], at[2], [&](int64_t from, int64_t tap) {
      for (int64_t i = 0; i < c; ++i) sum += load_real(x, from + i * x.strides[3]) * panel_element(packed, k, tap * c + i, o);
    });
    if (f.residual) sum += load_real(*f.residual, offset(*f.residual, at));
    store_real(out, offset(out, at), activate(f.activation, sum, f.low, f.high));
  }
}

Error infer_depthwise(const TensorView& x, const TensorView& weight, const Window& w, const Finish& f, TensorSpec* out) {
  PF_TRY(check_input(x));
  int64_t h, v;
  PF_TRY(output_size(w, x, &h, &v));
  if (weight.rank() != 2 || weight.dtype != DType::f32 || !weight.is_contiguous() || weight.size(0) != w.kernel[0] * w.kernel[1] || weight.size(1) != x.size(3))
    return Error::make(Code::bad_argument, "weights %s do not fit input %s", TypeText(weight).c_str(), TypeText(x).c_str());
  out->dtype = DType::f32;
  out->shape = Shape();
  for (int64_t s : {x.size(0), h, v, x.size(3)}) out->shape.push(s);
  PF_TRY(check_vector(f.bias, x.size(3), "bias"));
  return check_activation(f.activation);
}

void convolve_depthwise(const TensorView& x, const TensorView& weight, const Window& w, const Finish& f, const TensorView& out) {
  for (Index at(out.shape); at.valid(); at.next()) {
    const int64_t c = at[3];
    double sum = f.bias ? f.bias->as<float>()[c] : 0;
    for_window(w, x, at[0], at[1], at[2], [&](int64_t from, int64_t tap) {
      sum += load_real(x, from + c * x.strides[3]) * weight.as<float>()[tap * x.size(3) + c];
    });
    store_real(out, offset(out, at), activate(f.activation, sum, f.low, f.high));
  }
}

namespace {

Finish packed_finish(const Args& a) { return {a.optional_tensor(2), a.optional_tensor(3), a.string(9), a.real(10), a.real(11)}; }
Finish depthwise_finish(const Args& a) { return {a.optional_tensor(2), nullptr, a.string(7), a.real(8), a.real(9)}; }

}  // namespace

Error PackedConv2d::infer(const Args& a, std::span<TensorSpec> outs) {
  Window w;
  PF_TRY(read_window(a, 5, &w));
  return infer_packed(a.tensor(0), a.tensor(1), a.integer(4), w, packed_finish(a), &outs[0]);
}
Error PackedConv2d::reference(const Args& a, std::span<TensorView> outs) {
  Window w;
  PF_TRY(read_window(a, 5, &w));
  convolve_packed(a.tensor(0), a.tensor(1), w, packed_finish(a), outs[0]);
  return {};
}

Error DepthwiseConv2d::infer(const Args& a, std::span<TensorSpec> outs) {
  Window w;
  PF_TRY(read_window(a, 3, &w));
  return infer_depthwise(a.tensor(0), a.tensor(1), w, depthwise_finish(a), &outs[0]);
}
Error DepthwiseConv2d::reference(const Args& a, std::span<TensorView> outs) {
  Window w;
  PF_TRY(read_window(a, 3, &w));
  convolve_depthwise(a.tensor(0), a.tensor(1), w, depthwise_finish(a), outs[0]);
  return {};
}

Error MaxPool2d::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  PF_TRY(check_input(x));
  Window w;
  PF_TRY(read_window(a, 1, &w));
  int64_t h, v;
  PF_TRY(output_size(w, x, &h, &v));
  outs[0].dtype = DType::f32;
  outs[0].shape = Shape();
  for (int64_t s : {x.size(0), h, v, x.size(3)}) outs[0].shape.push(s);
  return {};
}

Error MaxPool2d::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  Window w;
  PF_TRY(read_window(a, 1, &w));
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    double most = -std::numeric_limits<double>::infinity();
    for_window(w, x, at[0], at[1], at[2], [&](int64_t from, int64_t) {
      const double v = load_real(x, from + at[3] * x.strides[3]);
      if (v > most || v != v) most = v;
    });
    store_real(outs[0], offset(outs[0], at), most);
  }
  return {};
}

}  // namespace portfire::ops::packed_conv2d
