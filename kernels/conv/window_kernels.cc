// Depthwise convolution and max pooling, channels last. Each output row is cut where taps fall out of
// the input: inside, all pixels share one set of taps; at the borders pixels go one by one.
#include <algorithm>

#include "kernels/conv/window.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/packed_conv2d.h"

namespace portfire::conv {
namespace {

using ops::packed_conv2d::Window;
constexpr int64_t kMaxLines = 64;  // of a kernel

struct Plan {
  Window w;
  bool clamp;
  float low, high;
};

bool prepare_window(const Operands& o, size_t first, Plan* p) {
  const TensorView &x = o.in(0), &out = o.out(0);
  if (ops::packed_conv2d::read_window(Args(o.args), first, &p->w) || !out.is_contiguous() || x.dtype != DType::f32) return false;
  p->clamp = false;
  p->low = p->high = 0;
  return (x.strides[3] == 1 || x.size(3) == 1) && p->w.kernel[0] <= kMaxLines;
}

bool prepare_depthwise(const Operands& o, void* state, size_t*) {
  auto* p = new (state) Plan;
  if (!prepare_window(o, 3, p)) return false;
  const Args a(o.args);
  const std::string_view activation = a.string(7);
  p->clamp = !activation.empty();
  p->low = activation == "clamp" ? static_cast<float>(a.real(8)) : 0;
  p->high = activation == "clamp" ? static_cast<float>(a.real(9)) : __builtin_inff();
  return activation.empty() || activation == "clamp" || activation == "relu";
}

bool prepare_max(const Operands& o, void* state, size_t*) { return prepare_window(o, 1, new (state) Plan); }

void run_rows(const Plan& p, const Operands& o, WindowFn fn, const float* weight, const float* bias, ThreadPool* pool) {
  const TensorView &x = o.in(0), &out = o.out(0);
  const int64_t oh = out.size(1), ow = out.size(2), c = out.size(3), height = x.size(1), width = x.size(2);
  const Window& w = p.w;
  const int64_t rows = out.size(0) * oh;
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(rows * ow * c / (8 << 10), 1, std::min(rows, threads * 4));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    for (int64_t r = rows * static_cast<int64_t>(task) / tasks; r < rows * static_cast<int64_t>(task + 1) / tasks; ++r) {
      const float* image = x.as<float>() + r / oh * x.strides[0];
      float* to = out.as<float>() + r * ow * c;
      const int64_t top = r % oh * w.stride[0] - w.padding[0];
      auto columns = [&](int64_t first, int64_t count) {
        const float *line[kMaxLines], *weights[kMaxLines];
        // Taps that are inside: of each, where there are several columns.
        const int64_t left = first * w.stride[1] - w.padding[1], step = w.dilation[1];
        const int64_t begin = std::min(w.kernel[1], left < 0 ? (-left + step - 1) / step : 0);
        const int64_t end = count > 1 ? w.kernel[1] : std::clamp((width - left + step - 1) / step, begin, w.kernel[1]);
        size_t lines = 0;
        for (int64_t i = 0; i < w.kernel[0]; ++i) {
          const int64_t h = top + i * w.dilation[0];
          if (h < 0 || h >= height) continue;
          line[lines] = image + h * x.strides[1] + (left + begin * step) * x.strides[2];
          weights[lines++] = weight ? weight + (i * w.kernel[1] + begin) * c : nullptr;
        }
        fn({static_cast<size_t>(count), static_cast<size_t>(c), lines, static_cast<size_t>(end - begin), line, w.stride[1] * x.strides[2],
            step * x.strides[2], weights, bias, to + first * c, p.clamp, p.low, p.high});
      };
      // Columns whose window lies inside the input from left to right.
      const int64_t reach = (w.kernel[1] - 1) * w.dilation[1];
      const int64_t begin = std::min(ow, (w.padding[1] + w.stride[1] - 1) / w.stride[1]);
      const int64_t room = width + w.padding[1] - reach - 1;
      const int64_t end = room < 0 ? begin : std::clamp(room / w.stride[1] + 1, begin, ow);
      for (int64_t i = 0; i < begin; ++i) columns(i, 1);
      if (end > begin) columns(begin, end - begin);
      for (int64_t i = end; i < ow; ++i) columns(i, 1);
    }
  });
}

Error run_depthwise(const void* state, const Operands& o, const KernelContext& context) {
  static const WindowFn fn = depthwise_row();
  run_rows(*static_cast<const Plan*>(state), o, fn, o.in(1).as<float>(), o.optional(2) ? o.optional(2)->as<float>() : nullptr, context.pool);
  return {};
}

Error run_max(const void* state, const Operands& o, const KernelContext& context) {
  static const WindowFn fn = max_row();
  run_rows(*static_cast<const Plan*>(state), o, fn, nullptr, nullptr, context.pool);
  return {};
}

}  // namespace

extern const Kernel kDepthwiseConv2d, kMaxPool2d;
const Kernel kDepthwiseConv2d = {"portfire::depthwise_conv2d", sizeof(Plan), prepare_depthwise, run_depthwise};
const Kernel kMaxPool2d = {"portfire::max_pool2d", sizeof(Plan), prepare_max, run_max};

}  // namespace portfire::conv
