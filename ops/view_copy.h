// aten::view_copy and its kin: the views of ATen as copies. To the compiler they are a view and a
// clone, which goes where nobody writes; the references serve programs that other compilers made.
#pragma once

#include "ops/complex_view.h"
#include "ops/expand.h"
#include "ops/op.h"
#include "ops/permute.h"
#include "ops/rows.h"
#include "ops/slice.h"
#include "ops/squeeze.h"
#include "ops/strided.h"
#include "ops/view.h"

namespace portfire::ops::view_copy {

template <Error (*View)(const Args&, TensorView&)>
struct Copied {
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    TensorView v;
    PF_TRY(View(a, v));
    outs[0] = {v.dtype, v.shape};
    return {};
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    TensorView v;
    PF_TRY(View(a, v));
    copy_view(outs[0], v);
    return {};
  }
};

inline Error same_view(const Args& a, TensorView& out) {
  out = a.tensor(0);
  return {};
}
inline Error transposed(const Args& a, TensorView& out) {
  const TensorView& x = a.tensor(0);
  int d0, d1;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &d0));
  PF_TRY(wrap_dim(a.integer(2), x.rank(), &d1));
  out = x;
  out.shape.sizes[d0] = x.size(d1), out.shape.sizes[d1] = x.size(d0);
  out.strides[d0] = x.strides[d1], out.strides[d1] = x.strides[d0];
  return {};
}
inline Error transposed_matrix(const Args& a, TensorView& out) {
  const TensorView& x = a.tensor(0);
  out = x;
  if (x.rank() < 2) return {};
  out.shape.sizes[0] = x.size(1), out.shape.sizes[1] = x.size(0);
  out.strides[0] = x.strides[1], out.strides[1] = x.strides[0];
  return {};
}

#define PF_VIEW_COPY(type, view, of, schema_text)            \
  struct type : Copied<view> {                               \
    static constexpr std::string_view schema = schema_text;  \
    template <class G>                                       \
    static bool whole(G&) {                                  \
      return false;                                          \
    }                                                        \
    template <class G>                                       \
    static void decompose(G& g) {                            \
      g.forward_copy(of);                                    \
    }                                                        \
  };
PF_VIEW_COPY(ExpandCopy, expand::Expand::view, "aten::expand",
             "aten::expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor")
PF_VIEW_COPY(PermuteCopy, permute::Permute::view, "aten::permute",
             "aten::permute_copy(Tensor self, int[] dims) -> Tensor")
PF_VIEW_COPY(TransposeCopy, transposed, "aten::transpose.int",
             "aten::transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor")
PF_VIEW_COPY(TCopy, transposed_matrix, "aten::t", "aten::t_copy(Tensor self) -> Tensor")
PF_VIEW_COPY(SliceCopy, slice::Slice::view, "aten::slice.Tensor",
             "aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> "
             "Tensor")
PF_VIEW_COPY(SelectCopy, slice::Select::view, "aten::select.int",
             "aten::select_copy.int(Tensor self, int dim, SymInt index) -> Tensor")
PF_VIEW_COPY(SqueezeCopyDim, squeeze::SqueezeDim::view, "aten::squeeze.dim",
             "aten::squeeze_copy.dim(Tensor self, int dim) -> Tensor")
PF_VIEW_COPY(SqueezeCopyDims, squeeze::SqueezeDims::view, "aten::squeeze.dims",
             "aten::squeeze_copy.dims(Tensor self, int[] dim) -> Tensor")
PF_VIEW_COPY(UnsqueezeCopy, squeeze::Unsqueeze::view, "aten::unsqueeze",
             "aten::unsqueeze_copy(Tensor self, int dim) -> Tensor")
PF_VIEW_COPY(AsStridedCopy, strided::AsStrided::view, "aten::as_strided",
             "aten::as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> "
             "Tensor")
PF_VIEW_COPY(DiagonalCopy, strided::Diagonal::view, "aten::diagonal",
             "aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor")
PF_VIEW_COPY(UnfoldCopy, strided::Unfold::view, "aten::unfold",
             "aten::unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor")
PF_VIEW_COPY(ViewAsRealCopy, complex_view::ViewAsReal::view, "aten::view_as_real",
             "aten::view_as_real_copy(Tensor self) -> Tensor")
PF_VIEW_COPY(ViewAsComplexCopy, complex_view::ViewAsComplex::view, "aten::view_as_complex",
             "aten::view_as_complex_copy(Tensor self) -> Tensor")
PF_VIEW_COPY(ViewCopyDtype, view::ViewDtype::view, "aten::view.dtype",
             "aten::view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor")
PF_VIEW_COPY(AliasCopy, same_view, "aten::alias", "aten::alias_copy(Tensor self) -> Tensor")
PF_VIEW_COPY(DetachCopy, same_view, "aten::detach", "aten::detach_copy(Tensor self) -> Tensor")
PF_VIEW_COPY(LiftFreshCopy, same_view, "aten::alias", "aten::lift_fresh_copy(Tensor self) -> Tensor")
#undef PF_VIEW_COPY

// Unlike a view it takes any strides.
struct ViewCopy {
  static constexpr std::string_view schema = "aten::view_copy(Tensor self, SymInt[] size) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    outs[0].dtype = a.tensor(0).dtype;
    return view::resolve_sizes(a.tensor(0), a.ints(1), a.context().sampled, &outs[0].shape);
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    TensorView to = outs[0];
    to.shape = a.tensor(0).shape;
    if (!view::view_strides(outs[0], to))
      return Error::make(Code::unsupported, "a result with these strides (expected contiguous)");
    copy_view(to, a.tensor(0));
    return {};
  }
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    g.forward_copy("aten::view");
  }
};

struct SqueezeCopy {
  static constexpr std::string_view schema = "aten::squeeze_copy(Tensor self) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward_copy("aten::squeeze");
  }
};

using Ops = OpList<ExpandCopy, PermuteCopy, TransposeCopy, TCopy, SliceCopy, SelectCopy, SqueezeCopyDim,
                   SqueezeCopyDims, UnsqueezeCopy, AsStridedCopy, DiagonalCopy, UnfoldCopy, ViewAsRealCopy,
                   ViewAsComplexCopy, ViewCopyDtype, AliasCopy, DetachCopy, LiftFreshCopy, ViewCopy, SqueezeCopy>;

}  // namespace portfire::ops::view_copy
