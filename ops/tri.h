// aten::tril, triu, diag and their kin: triangles and diagonals of matrices.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::tri {

// y_ij = x_ij where j - i <= diagonal, else 0
struct Tril {
  static constexpr std::string_view schema = "aten::tril(Tensor self, SymInt diagonal=0) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::tril", g.grad(), g.arg("diagonal")));
  }
};
// y_ij = x_ij where j - i >= diagonal, else 0
struct Triu {
  static constexpr std::string_view schema = "aten::triu(Tensor self, SymInt diagonal=0) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Tril::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::triu", g.grad(), g.arg("diagonal")));
  }
};

// The [2,n] row and column numbers of a triangle, row by row.
template <class G>
void indices(G& g, bool lower) {
  const int64_t rows = g.known_integer("row"), columns = g.known_integer("col"), offset = g.known_integer("offset");
  std::vector<int64_t> r, c;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      if (lower ? j - i <= offset : j - i >= offset) {
        r.push_back(i);
        c.push_back(j);
      }
  const int64_t n = static_cast<int64_t>(r.size());
  r.insert(r.end(), c.begin(), c.end());
  g.result(g.cast(g.constant(DType::i64, {2, n}, r.data()), g.dtype("dtype").value_or(DType::i64)));
}
#define PF_INDICES(type, name, lower)                                                                           \
  struct type {                                                                                                 \
    static constexpr std::string_view schema =                                                                  \
        "aten::" name "(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, "          \
        "Device? device=None, bool? pin_memory=None) -> Tensor";                                                \
    template <class G>                                                                                          \
    static void decompose(G& g) {                                                                               \
      indices(g, lower);                                                                                        \
    }                                                                                                           \
  };
PF_INDICES(TrilIndices, "tril_indices", true)
PF_INDICES(TriuIndices, "triu_indices", false)
#undef PF_INDICES

// y with x on a diagonal of its dimensions dim1 and dim2, else 0
struct DiagEmbed {
  static constexpr std::string_view schema =
      "aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int64_t d1 = g.dim("dim1", x.rank() + 1), d2 = g.dim("dim2", x.rank() + 1), offset = g.known_integer("offset");
    auto sizes = g.sizes(x);
    const auto n = sizes.back() + (offset < 0 ? -offset : offset);
    sizes.pop_back();
    const int64_t low = d1 < d2 ? d1 : d2, high = d1 < d2 ? d2 : d1;
    sizes.insert(sizes.begin() + low, n);
    sizes.insert(sizes.begin() + high, n);
    auto zeros = g("aten::expand", g.full({}, 0, x.dtype()), sizes);
    g.result(g("aten::diagonal_scatter", zeros, x, offset, d1, d2));
  }
};

struct Diag {
  static constexpr std::string_view schema = "aten::diag(Tensor self, int diagonal=0) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    auto y = g(x.rank() == 1 ? "aten::diag_embed" : "aten::diagonal", x, g.arg("diagonal"), 0, 1);
    g.result(x.rank() == 1 ? y : g("aten::clone", y));
  }
};

struct Diagflat {
  static constexpr std::string_view schema = "aten::diagflat(Tensor self, int offset=0) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g("aten::diag_embed", g.reshape(x, {g.numel(x)}), g.arg("offset"), 0, 1));
  }
};

// x with its diagonal set; `wrap` goes on below the columns of a tall matrix, after a free row. (ATen has
// it in place only.)
struct FillDiagonal {
  static constexpr std::string_view schema =
      "aten::fill_diagonal(Tensor self, Scalar fill_value, bool wrap=False) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int rank = x.rank();
    if (rank < 2) g.reject("at least 2 dimensions expected");
    typename G::Tensor first, hit;
    for (int d = 0; d < rank; ++d) {
      std::vector<typename G::Int> alone(rank, 1);
      alone[d] = g.size(x, d);
      auto at = g.reshape(g("aten::arange", alone[d]), alone);
      if (d == 0) {
        const bool wrap = rank == 2 && g.boolean("wrap");
        first = wrap ? g("aten::remainder.Tensor", at, g.scalar_tensor(g.size(x, 1) + 1, DType::i64)) : at;
        continue;
      }
      auto equal = g("aten::eq.Tensor", first, at);
      hit = d == 1 ? equal : g("aten::logical_and", hit, equal);
    }
    g.result(g.where(hit, g.scalar_tensor(g.arg("fill_value"), x.dtype()), x));
  }
};

// Matrices along the diagonal of a larger one.
struct BlockDiag {
  static constexpr std::string_view schema = "aten::block_diag(Tensor[] tensors) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto blocks = g.tensors("tensors");
    if (blocks.empty()) return g.result(g.full({1, 0}, 0, DType::f32));
    typename G::Int columns = 0, before = 0;
    for (auto& b : blocks) {
      if (b.rank() < 2) b = g.reshape(b, {1, g.numel(b)});
      columns = columns + g.size(b, 1);
    }
    for (auto& b : blocks) {
      const auto n = g.size(b, 1);
      b = g("aten::constant_pad_nd", b, std::vector<typename G::Int>{before, columns - before - n});
      before = before + n;
    }
    g.result(g("aten::cat", blocks, 0));
  }
};

using Ops = OpList<Tril, Triu, TrilIndices, TriuIndices, DiagEmbed, Diag, Diagflat, FillDiagonal,
                   BlockDiag>;

}  // namespace portfire::ops::tri
