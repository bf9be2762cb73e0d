#include "kernels/reduce/walk.h"

#include <algorithm>
#include <cstdlib>

#include "core/insertion_sort.h"

namespace portfire::reduce {

void Dims::push(int64_t size, int64_t in_stride, int64_t out_stride) {
  if (rank > 0 && in[rank - 1] == in_stride * size && out[rank - 1] == out_stride * size) {
    sizes[rank - 1] *= size;
    in[rank - 1] = in_stride;
    out[rank - 1] = out_stride;
    return;
  }
  sizes[rank] = size;
  in[rank] = in_stride;
  out[rank++] = out_stride;
}

int64_t Dims::count() const {
  int64_t n = 1;
  for (int d = 0; d < rank; ++d) n *= sizes[d];
  return n;
}

void Dims::take(int d) {
  for (--rank; d < rank; ++d) {
    sizes[d] = sizes[d + 1];
    in[d] = in[d + 1];
    out[d] = out[d + 1];
  }
}

int64_t Dims::in_offset(int64_t n) const {
  if (rank == 1) return n * in[0];  // divisions take longer than short rows
  int64_t offset = 0;
  for (int d = rank - 1; d >= 0; n /= sizes[d--]) offset += n % sizes[d] * in[d];
  return offset;
}
int64_t Dims::out_offset(int64_t n) const {
  if (rank == 1) return n * out[0];
  int64_t offset = 0;
  for (int d = rank - 1; d >= 0; n /= sizes[d--]) offset += n % sizes[d] * out[d];
  return offset;
}

Walk::Walk(const TensorView& x, const bool* mask, const TensorView& out, bool keepdim) {
  int order[kMaxRank], dims = 0, out_dim[kMaxRank], next = 0;
  for (int d = 0; d < x.rank(); ++d) {
    out_dim[d] = keepdim ? d : next;
    if (!mask[d]) ++next;
    if (x.size(d) != 1) order[dims++] = d;
  }
  insertion_sort(order, order + dims, [&](int a, int b) { return std::abs(x.strides[a]) > std::abs(x.strides[b]); });
  for (int k = 0; k < dims; ++k) {
    const int d = order[k];
    mask[d] ? reduced.push(x.size(d), x.strides[d], 0) : kept.push(x.size(d), x.strides[d], out.strides[out_dim[d]]);
  }
  row_length = reduced.count();
  // The last of each are candidates; a few elements make no loop while the other has many.
  const int k = kept.rank - 1, r = reduced.rank - 1;
  if (k < 0 && r < 0) return;
  constexpr int64_t kFew = 16;
  inner_reduced = k < 0 || (r >= 0 && std::abs(reduced.in[r]) < std::abs(kept.in[k]));
  if (k >= 0 && r >= 0) {
    if (inner_reduced && reduced.sizes[r] < kFew && kept.sizes[k] > reduced.sizes[r])
      inner_reduced = false;
    else if (!inner_reduced && kept.sizes[k] < kFew && reduced.sizes[r] > kept.sizes[k])
      inner_reduced = true;
  }
  const int at = inner_reduced ? r : k;
  Dims& from = inner_reduced ? reduced : kept;
  inner = from.sizes[at];
  inner_in = from.in[at];
  inner_out = from.out[at];
  from.take(at);
}

}  // namespace portfire::reduce
