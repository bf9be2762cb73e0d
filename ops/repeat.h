// aten::repeat, tile, repeat_interleave: elements given several times.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::repeat {

// y_{i + k n} = x_i along each dimension of size n, k < repeats
struct Repeat {
  static constexpr std::string_view schema = "aten::repeat(Tensor self, SymInt[] repeats) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    const auto repeats = g.ints("repeats");
    const size_t lead = repeats.size() - static_cast<size_t>(x.rank());
    std::vector<typename G::Int> sizes;
    std::vector<int64_t> summed;
    for (size_t i = 0; i < repeats.size(); ++i) {
      summed.push_back(static_cast<int64_t>(sizes.size()));
      sizes.push_back(repeats[i]);
      if (i >= lead) sizes.push_back(g.size(x, static_cast<int64_t>(i - lead)));
    }
    auto d = g.reshape(g.grad(), sizes);
    g.give("self", summed.empty() ? d : g("aten::sum.dim_IntList", d, summed, false));
  }
};

struct Tile {
  static constexpr std::string_view schema = "aten::tile(Tensor self, SymInt[] dims) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    auto repeats = g.ints("dims");
    while (static_cast<int>(repeats.size()) < x.rank()) repeats.insert(repeats.begin(), 1);
    g.result(g("aten::repeat", x, repeats));
  }
};

// i repeated repeats_i times. The size of the result is `output_size` or, without it, what the repeats
// sum to, which only the data tell. Position j shows where j falls among the sums of the repeats.
struct RepeatInterleave {
  static constexpr std::string_view schema =
      "aten::repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto repeats = g.tensor("repeats");
    auto ends = g("aten::cumsum", repeats, 0);
    auto n = g.none("output_size") ? g.item(g("aten::sum", repeats)) : g.integer("output_size");
    auto at = g("aten::arange", n, repeats.dtype());
    g.result(g("aten::searchsorted.Tensor", g.cast(ends, repeats.dtype()), at, repeats.dtype() == DType::i32, true));
  }
};

// The same for programs of other compilers: `most` is how long the result may get where output_size does not say it.
struct RepeatInterleaveMost {
  static constexpr std::string_view schema = "portfire::repeat_interleave(Tensor repeats, SymInt? output_size, int most) -> Tensor";
  static constexpr bool data_dependent = true;
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

struct RepeatInterleaveTensor {
  static constexpr std::string_view schema =
      "aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> "
      "Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self"), repeats = g.tensor("repeats");
    if (g.none("dim")) x = g.reshape(x, {g.numel(x)});
    const int64_t dim = g.none("dim") ? 0 : g.dim("dim", x.rank());
    if (x.rank() == 0) x = g.reshape(x, {1});
    if (repeats.rank() == 0 || (same(g.size(repeats, 0), 1) && !same(g.size(x, dim), 1)))
      repeats = g("aten::expand", repeats, std::vector<typename G::Int>{g.size(x, dim)});
    g.result(g("aten::index_select", x, dim, g("aten::repeat_interleave.Tensor", repeats, g.arg("output_size"))));
  }
};

struct RepeatInterleaveInt {
  static constexpr std::string_view schema =
      "aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> "
      "Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    if (g.none("dim") || x.rank() == 0) x = g.reshape(x, {g.numel(x)});
    const int64_t dim = g.none("dim") ? 0 : g.dim("dim", x.rank());
    auto sizes = g.sizes(x), wide = sizes;
    const auto repeats = g.integer("repeats");
    sizes[dim] = sizes[dim] * repeats;
    wide.insert(wide.begin() + dim + 1, repeats);
    g.result(g("aten::clone", g.reshape(g("aten::expand", g("aten::unsqueeze", x, dim + 1), wide), sizes)));
  }
};

using Ops = OpList<Repeat, Tile, RepeatInterleave, RepeatInterleaveMost, RepeatInterleaveTensor, RepeatInterleaveInt>;

}  // namespace portfire::ops::repeat
