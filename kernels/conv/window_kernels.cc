// Depthwise convolution and max pooling, channels last, by rows of the output.
#include <algorithm>

#include "kernels/conv/channels_last.h"
#include "kernels/conv/window.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"

namespace portfire::conv {
namespace {

using ops::packed_conv2d::Window;
struct Plan {
  Window w;
  bool clamp;
  float low, high;
};

bool prepare_window(const Operands& o, size_t first, Plan* p, size_t* scratch) {
  const TensorView &x = o.in(0), &out = o.out(0);
  if (ops::packed_conv2d::read_window(Args(o.args), first, &p->w) || !out.is_contiguous() || x.dtype != DType::f32) return false;
  p->clamp = false;
  p->low = p->high = 0;
  *scratch = adjacent_bytes(x);
  return p->w.kernel[0] <= kMostLines;
}

bool prepare_depthwise(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  if (!prepare_window(o, 3, p, scratch)) return false;
  const Args a(o.args);
  const std::string_view activation = a.string(7);
  p->clamp = !activation.empty();
  p->low = activation == "clamp" ? static_cast<float>(a.real(8)) : 0;
  p->high = activation == "clamp" ? static_cast<float>(a.real(9)) : __builtin_inff();
  return activation.empty() || activation == "clamp" || activation == "relu";
}

bool prepare_max(const Operands& o, void* state, size_t* scratch) { return prepare_window(o, 1, new (state) Plan, scratch); }

void run_rows(const Plan& p, const Operands& o, WindowFn fn, const float* weight, const float* bias, const KernelContext& context) {
  ThreadPool* const pool = context.pool;
  const TensorView x = with_adjacent_channels(o.in(0), context.scratch.data(), pool), &out = o.out(0);
  const int64_t oh = out.size(1), ow = out.size(2), c = out.size(3);
  const WindowLine line{fn, &p.w, x.size(2), ow, c, x.strides[2], c, c, weight, bias, p.clamp, p.low, p.high};
  const int64_t at_once = channels_at_once(p.w, x.size(2), c);
  const int64_t rows = out.size(0) * oh;
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(rows * ow * c / (8 << 10), 1, std::min(rows, threads * 4));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    for (int64_t from = 0; from < c; from += at_once) {
      const WindowLine part = channels_of(line, from, at_once);
      for (int64_t r = rows * static_cast<int64_t>(task) / tasks; r < rows * static_cast<int64_t>(task + 1) / tasks; ++r) {
        const float* lines[kMostLines];
        for (int64_t i = 0; i < p.w.kernel[0]; ++i) {
          const int64_t h = r % oh * p.w.stride[0] - p.w.padding[0] + i * p.w.dilation[0];
          lines[i] = h >= 0 && h < x.size(1) ? x.as<float>() + r / oh * x.strides[0] + h * x.strides[1] + from : nullptr;
        }
        run_line(part, lines, out.as<float>() + r * ow * c + from);
      }
    }
  });
}

Error run_depthwise(const void* state, const Operands& o, const KernelContext& context) {
  static const WindowFn fn = depthwise_row();
  run_rows(*static_cast<const Plan*>(state), o, fn, o.in(1).as<float>(), o.optional(2) ? o.optional(2)->as<float>() : nullptr, context);
  return {};
}

Error run_max(const void* state, const Operands& o, const KernelContext& context) {
  static const WindowFn fn = max_row();
  run_rows(*static_cast<const Plan*>(state), o, fn, nullptr, nullptr, context);
  return {};
}

}  // namespace

extern const Kernel kDepthwiseConv2d, kMaxPool2d;
const Kernel kDepthwiseConv2d = {"portfire::depthwise_conv2d", sizeof(Plan), prepare_depthwise, run_depthwise};
const Kernel kMaxPool2d = {"portfire::max_pool2d", sizeof(Plan), prepare_max, run_max};

}  // namespace portfire::conv
