// portfire::packed_conv2d: chunks of pixels, and panels where pixels are few, for the threads.
#include <algorithm>

#include "kernels/conv/implicit_gemm.h"
#include "kernels/gemm/blocks.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"

namespace portfire::conv {
namespace {

using gemm::kPanel;
using gemm::kRows;

bool prepare(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) ImplicitGemm;
  const Args a(o.args);
  ops::packed_conv2d::Window w;
  if (ops::packed_conv2d::read_window(a, 5, &w) || !o.out(0).is_contiguous()) return false;
  if (const TensorView* r = o.optional(3); r && !r->is_contiguous()) return false;
  if (!plan_implicit_gemm(o.in(0), o.in(1), o.out(0), w, {nullptr, nullptr, a.string(9), a.real(10), a.real(11)}, p)) return false;
  *scratch = p->image_bytes + p->thread_bytes * o.threads;
  return true;
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const ImplicitGemm*>(state);
  if (p.pixels == 0) return {};
  const TensorView x = arrange(p, o.in(0), context.scratch.data(), context.pool);
  const float* bias = o.optional(2) ? o.optional(2)->as<float>() : nullptr;
  const float* residual = o.optional(3) ? o.optional(3)->as<float>() : nullptr;
  const int64_t panels = (p.channels + static_cast<int64_t>(kPanel) - 1) / static_cast<int64_t>(kPanel);
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  // Chunks of whole blocks; where pixels are few the panels are split as well.
  constexpr int64_t kBlock = static_cast<int64_t>(kRows);
  const int64_t blocks = (p.pixels + kBlock - 1) / kBlock, work = std::max<int64_t>(1, kBlock * static_cast<int64_t>(kPanel) * p.k * p.taps);
  const gemm::Parts parts = threads == 1 ? gemm::Parts{1, 1}
                                         : gemm::choose_parts(static_cast<size_t>(blocks), static_cast<size_t>(panels), static_cast<size_t>(threads),
                                                              (gemm::kGrain / 2 + static_cast<size_t>(work) - 1) / static_cast<size_t>(work), p.bf16 ? gemm::kRounding : 0);
  const int64_t chunks = std::max(static_cast<int64_t>(parts.rows), (blocks * kBlock + kMostPixels - 1) / kMostPixels);
  const int64_t groups = chunks >= threads * 4 ? 1 : static_cast<int64_t>(parts.panels);
  parallel(context.pool, static_cast<size_t>(chunks * groups), [&](size_t task, size_t worker) {
    const int64_t chunk = static_cast<int64_t>(task) / groups, group = static_cast<int64_t>(task) % groups;
    const int64_t first = blocks * chunk / chunks * kBlock, end = std::min(p.pixels, blocks * (chunk + 1) / chunks * kBlock), at = first * p.channels;
    run_pixels(p, x, {o.in(1).data, bias, residual ? residual + at : nullptr}, first, end - first, panels * group / groups, panels * (group + 1) / groups,
               o.out(0).as<float>() + at, context.scratch.data() + p.image_bytes + worker * p.thread_bytes);
  });
  return {};
}

}  // namespace

extern const Kernel kPackedConv2d;
const Kernel kPackedConv2d = {"portfire::packed_conv2d", sizeof(ImplicitGemm), prepare, run};

}  // namespace portfire::conv
