// Pads whose borders show the inside: reflected, replicated or continued around. Row by row: the inside
// of a row is one copy, its borders go element by element.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/pad.h"
#include "ops/rows.h"

namespace portfire::copy {
namespace {

using ops::pad::Mode;

constexpr int64_t kGrain = 32 << 10;  // elements for each thread at least

// One dimension: which input each output shows.
struct Border {
  int64_t n = 1, before = 0, first = 0, left = 1;  // of the input, `left` indices from `first` on stay
  Mode mode = Mode::replicate;

  int64_t source(int64_t i) const {
    i -= before;
    switch (mode) {
      case Mode::reflect: return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
      case Mode::replicate: return std::clamp<int64_t>(i, 0, n - 1);
      case Mode::circular: return i < first ? i + left : i < first + left ? i : i - left;
    }
    return i;
  }
};

bool prepare(const Operands& o, void*, size_t*) {
  const TensorView &x = o.in(0), &out = o.out(0);
  const int last = x.rank() - 1;
  return last >= 0 && x.strides[last] == 1 && out.strides[last] == 1;
}

template <Mode mode>
Error run(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &x = o.in(0), &out = o.out(0);
  const auto pad = Args(o.args).ints(1);
  const int last = x.rank() - 1;
  if (out.numel() == 0) return {};
  Border borders[kMaxRank];
  for (int d = 0; d <= last; ++d) {
    const size_t i = static_cast<size_t>(last - d) * 2;
    const int64_t before = i < pad.size() ? pad[i] : 0, after = i < pad.size() ? pad[i + 1] : 0;
    const int64_t first = std::max<int64_t>(0, -before);
    borders[d] = {x.size(d), before, first, x.size(d) - first + std::min<int64_t>(0, after), mode};
  }
  // Outputs begin..end of a row are inputs `first` on, as they are.
  const Border& across = borders[last];
  const int64_t width = out.size(last), begin = std::clamp<int64_t>(across.before, 0, width);
  const int64_t end = std::clamp<int64_t>(across.before + across.first + across.left, begin, width);
  const int64_t rows = out.numel() / width;
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(out.numel() / kGrain, 1, std::min(rows, threads * 2));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const auto t = static_cast<int64_t>(task);
    for (int64_t r = rows * t / tasks; r < rows * (t + 1) / tasks; ++r) {
      int64_t from = 0, to = 0, rest = r;
      for (int d = last - 1; d >= 0; rest /= out.size(d--)) {
        const int64_t i = rest % out.size(d);
        from += borders[d].source(i) * x.strides[d];
        to += i * out.strides[d];
      }
      ops::with_bits(x.dtype, [&](auto tag) {
        const auto* row = x.as<const decltype(tag)>() + from;
        auto* y = out.as<decltype(tag)>() + to;
        for (int64_t i = 0; i < begin; ++i) y[i] = row[across.source(i)];
        std::copy(row + (begin - across.before), row + (end - across.before), y + begin);
        for (int64_t i = end; i < width; ++i) y[i] = row[across.source(i)];
      });
    }
  });
  return {};
}

}  // namespace

#define PF_BORDER_KERNEL(name, op, mode) \
  extern const Kernel name;              \
  const Kernel name = {op, 0, prepare, run<Mode::mode>};
PF_BORDER_KERNEL(kReflectionPad1d, "aten::reflection_pad1d", reflect)
PF_BORDER_KERNEL(kReflectionPad2d, "aten::reflection_pad2d", reflect)
PF_BORDER_KERNEL(kReflectionPad3d, "aten::reflection_pad3d", reflect)
PF_BORDER_KERNEL(kReplicationPad1d, "aten::replication_pad1d", replicate)
PF_BORDER_KERNEL(kReplicationPad2d, "aten::replication_pad2d", replicate)
PF_BORDER_KERNEL(kReplicationPad3d, "aten::replication_pad3d", replicate)
PF_BORDER_KERNEL(kCircularPad, "aten::_pad_circular", circular)
#undef PF_BORDER_KERNEL

}  // namespace portfire::copy
