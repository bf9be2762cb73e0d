// aten::select_scatter, slice_scatter, diagonal_scatter, as_strided_scatter: y = self, but for a view
// of it, which is src. And the gradients of those views: the same with self = 0.
#pragma once

#include "ops/op.h"
#include "ops/rows.h"
#include "ops/slice.h"
#include "ops/strided.h"

namespace portfire::ops::scatter_view {

// Arguments are (self, src, what the view takes after its self ...).
template <Error (*View)(const Args&, TensorView&)>
struct Scattered {
  static constexpr size_t kMaxArgs = 6;
  static Error part_of(const TensorView& self, const Args& a, TensorView* part) {
    TensorView copy = self;
    const Value whole = Value::of(&copy);
    const Value* values[kMaxArgs] = {&whole};
    for (size_t i = 2; i < a.size(); ++i) values[i - 1] = &a[i];
    return View(Args({values, a.size() - 1}, a.context()), *part);
  }
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    TensorView part;
    outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
    TensorView whole = a.tensor(0);
    whole.set_contiguous();
    PF_TRY(part_of(whole, a, &part));
    Shape both;
    PF_TRY(broadcast(part.shape, a.tensor(1).shape, &both));
    if (both == part.shape) return {};
    return Error::make(Code::bad_argument, "src %s (expected the sizes of %s)", TypeText(a.tensor(1)).c_str(),
                       TypeText(part).c_str());
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    TensorView part;
    copy_view(outs[0], a.tensor(0));
    PF_TRY(part_of(outs[0], a, &part));
    copy_view(part, a.tensor(1));
    return {};
  }
};

// What was written has the gradient of its place, what was written over none. `args`: those that name the place.
template <class G, class... A>
void give_scattered(G& g, const char* view, const char* scatter, const A&... args) {
  auto d = g.grad();
  if (g.wants("src")) g.give("src", g(view, d, g.arg(args)...));
  if (g.wants("self")) g.give("self", g(scatter, d, zeros_like(g, g.tensor("src"), d.dtype()), g.arg(args)...));
}

struct SelectScatter : Scattered<slice::Select::view> {
  static constexpr std::string_view schema =
      "aten::select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor";
  template <class G>
  static void gradient(G& g) {
    give_scattered(g, "aten::select.int", "aten::select_scatter", "dim", "index");
  }
};
struct SliceScatter : Scattered<slice::Slice::view> {
  static constexpr std::string_view schema =
      "aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> "
      "Tensor";
  template <class G>
  static void gradient(G& g) {
    give_scattered(g, "aten::slice.Tensor", "aten::slice_scatter", "dim", "start", "end", "step");
  }
};
struct DiagonalScatter : Scattered<strided::Diagonal::view> {
  static constexpr std::string_view schema =
      "aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor";
  template <class G>
  static void gradient(G& g) {
    give_scattered(g, "aten::diagonal", "aten::diagonal_scatter", "offset", "dim1", "dim2");
  }
};
struct AsStridedScatter : Scattered<strided::AsStrided::view> {
  static constexpr std::string_view schema =
      "aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) "
      "-> Tensor";
  template <class G>
  static void gradient(G& g) {
    auto d = g.contiguous(g.grad());
    if (g.wants("src")) g.give("src", g("aten::as_strided", d, g.arg("size"), g.arg("stride"), g.arg("storage_offset")));
    if (g.wants("self"))
      g.give("self", g("aten::as_strided_scatter", d, zeros_like(g, g.tensor("src"), d.dtype()), g.arg("size"), g.arg("stride"), g.arg("storage_offset")));
  }
};

template <class G>
typename G::Tensor zeros(G& g) {
  return g.full(g.ints("input_sizes"), 0, g.tensor("grad_output").dtype());
}
struct SelectBackward {
  static constexpr std::string_view schema =
      "aten::select_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt index) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::select_scatter", zeros(g), g.tensor("grad_output"), g.arg("dim"), g.arg("index")));
  }
};
struct SliceBackward {
  static constexpr std::string_view schema =
      "aten::slice_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt start, SymInt end, SymInt step) "
      "-> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::slice_scatter", zeros(g), g.tensor("grad_output"), g.arg("dim"), g.arg("start"), g.arg("end"),
               g.arg("step")));
  }
};
struct DiagonalBackward {
  static constexpr std::string_view schema =
      "aten::diagonal_backward(Tensor grad_output, SymInt[] input_sizes, int offset, int dim1, int dim2) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::diagonal_scatter", zeros(g), g.tensor("grad_output"), g.arg("offset"), g.arg("dim1"), g.arg("dim2")));
  }
};

using Ops = OpList<SelectScatter, SliceScatter, DiagonalScatter, AsStridedScatter, SelectBackward, SliceBackward,
                   DiagonalBackward>;

}  // namespace portfire::ops::scatter_view
