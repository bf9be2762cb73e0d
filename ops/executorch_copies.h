// Operators of ExecuTorch that only copy: in front of what a backend did not take, or tile by tile.
#pragma once

#include "ops/op.h"
#include "ops/rows.h"
#include "ops/view_copy.h"

namespace portfire::ops::executorch_copies {

struct Fallback : view_copy::Copied<view_copy::same_view> {
  static constexpr std::string_view schema = "llama::fallback(Tensor input) -> Tensor";
};
struct Alias {
  static constexpr std::string_view schema = "executorch::alias(Tensor x, Tensor y) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    g.results({g.tensor("x"), g.tensor("y")});
  }
};

// An image [channels, height, width] as tiles [tiles, channels, tile_size, tile_size], row by row of tiles.
struct TileCrop {
  static constexpr std::string_view schema = "preprocess::tile_crop(Tensor input, int tile_size) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    const TensorView& x = a.tensor(0);
    const int64_t size = a.integer(1);
    if (x.rank() != 3 || size < 1 || x.size(1) % size != 0 || x.size(2) % size != 0)
      return Error::make(Code::bad_argument, "tiles of %lld in %s (expected a divisor of height and width)", static_cast<long long>(size),
                         TypeText(x).c_str());
    outs[0].dtype = x.dtype;
    for (int64_t n : {x.size(1) / size * (x.size(2) / size), x.size(0), size, size}) outs[0].shape.push(n);
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    const TensorView& x = a.tensor(0);
    const int64_t size = a.integer(1), across = x.size(2) / size;
    for (int64_t tile = 0; tile < outs[0].size(0); ++tile)
      copy_view(selected(outs[0], 0, tile), sliced(sliced(x, 1, tile / across * size, size), 2, tile % across * size, size));
    return {};
  }
};

using Ops = OpList<Fallback, Alias, TileCrop>;

}  // namespace portfire::ops::executorch_copies
