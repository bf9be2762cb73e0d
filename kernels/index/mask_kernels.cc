// aten::masked_scatter. What happens to an element hangs on no branch: masks are as good as random.
#include <algorithm>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::index {
namespace {

bool prepare(const Operands& o, void*, size_t*) { return o.in(2).is_contiguous() && o.in(2).dtype == o.out(0).dtype; }

Error run(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &mask = o.in(1), &source = o.in(2), &out = o.out(0);
  copy::copy(out, o.in(0), context.pool);
  const TensorView chosen = ops::broadcast_view(mask, out.shape);
  const auto* m = mask.as<const uint8_t>();
  const int64_t given = source.numel();
  int64_t n = 0;
  bool enough = true;
  ops::with_bits(out.dtype, [&](auto bits) {
    using T = decltype(bits);
    const T* x = source.as<const T>();
    for (ops::Rows r(out.shape, {out.strides, chosen.strides}); r.valid(); r.next()) {
      T* a = out.as<T>() + r.offset(0);
      const uint8_t* b = m + r.offset(1);
      const int64_t length = r.length(), step = r.step(0), mask_step = r.step(1);
      int64_t j = 0;
      for (const int64_t sure = std::min(length, given - n); j < sure; ++j) {
        T& to = a[j * step];
        const bool takes = b[j * mask_step] != 0;
        to = takes ? x[n] : to;
        n += takes;
      }
      for (; j < length; ++j) {
        if (b[j * mask_step] == 0) continue;
        enough &= n < given;
        if (!enough) return;
        a[j * step] = x[n++];
      }
    }
  });
  if (enough) return {};
  return Error::make(Code::bad_argument, "the mask has more true elements than source %s has elements", TypeText(source).c_str());
}

}  // namespace

extern const Kernel kMaskedScatter;
const Kernel kMaskedScatter = {"aten::masked_scatter", 0, prepare, run};

}  // namespace portfire::index
