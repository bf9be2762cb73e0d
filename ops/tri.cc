#include "ops/tri.h"

#include "ops/rows.h"

namespace portfire::ops::tri {
namespace {

Error triangle(const Args& a, const TensorView& out, bool lower) {
  const TensorView& x = a.tensor(0);
  const int r = x.rank() - 2, c = x.rank() - 1;
  const int64_t rows = x.size(r), columns = x.size(c), diagonal = a.integer(1);
  auto clamp = [columns](int64_t j) { return j < 0 ? 0 : j > columns ? columns : j; };
  for (int64_t i = 0; i < rows; ++i) {
    const TensorView to = sliced(out, r, i, 1), from = sliced(x, r, i, 1);
    // The row is kept up to `edge` (lower) or from there on (upper).
    const int64_t edge = clamp(lower ? i + diagonal + 1 : i + diagonal);
    const TensorView left = sliced(to, c, 0, edge), right = sliced(to, c, edge, columns - edge);
    copy_view(lower ? left : right, lower ? sliced(from, c, 0, edge) : sliced(from, c, edge, columns - edge));
    fill_view(lower ? right : left, int64_t{0});
  }
  return {};
}

}  // namespace

Error Tril::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  if (x.rank() < 2) return Error::make(Code::bad_argument, "%s (expected a matrix)", TypeText(x).c_str());
  outs[0] = {x.dtype, x.shape};
  return {};
}
Error Tril::reference(const Args& a, std::span<TensorView> outs) { return triangle(a, outs[0], true); }
Error Triu::reference(const Args& a, std::span<TensorView> outs) { return triangle(a, outs[0], false); }

}  // namespace portfire::ops::tri
