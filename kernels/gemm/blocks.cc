#include "kernels/gemm/blocks.h"

namespace portfire::gemm {

Parts choose_parts(size_t blocks, size_t panels, size_t threads, size_t least, double entry) {
  const auto up = [](size_t a, size_t b) { return (a + b - 1) / b; };
  const size_t rows_tried[] = {1, threads, 2 * threads, 4 * threads, 8 * threads};
  const size_t panels_tried[] = {1, threads, 2 * threads, 4 * threads, 8 * threads, panels, panels / 2, panels / 3, panels / 4};
  Parts best{1, 1};
  double least_time = static_cast<double>(blocks * panels);
  for (const size_t r : rows_tried)
    for (const size_t p : panels_tried) {
      if (r > blocks || p == 0 || p > panels || r * p > 8 * threads) continue;
      const size_t height = up(blocks, r), part = height * up(panels, p);
      if (part < least) continue;
      // Each part of rows reads the panels from L2 once: a tenth of what a block of rows takes.
      const double again = r > 1 ? 0.1 / static_cast<double>(height) : 0;
      const double time = (static_cast<double>(up(r * p, threads)) + 0.25) * (static_cast<double>(part) * (1 + again) + entry * static_cast<double>(height));
      if (time >= least_time) continue;
      least_time = time;
      best = {r, p};
    }
  return best;
}

}  // namespace portfire::gemm
