// Assertions and questions about sizes that exported graphs carry. What is known when compiling needs
// no node; what is not becomes a check that the runtime makes.
#pragma once

#include "ops/op.h"

namespace portfire::ops::query {

#define PF_QUERY(type, schema_text, ...)                 \
  struct type {                                          \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                   \
    static void decompose(G& g) {                        \
      __VA_ARGS__;                                       \
    }                                                    \
  };

// The importer infers every type anew, so nothing is left to assert of them.
PF_QUERY(AssertMetadata,
         "aten::_assert_tensor_metadata(Tensor a, SymInt[]? size=None, SymInt[]? stride=None, ScalarType? dtype=None, "
         "*, Device? device=None, Layout? layout=None) -> ()",
         g.results({}))

// A number that is the same under all samples of the symbols is not checked: that it is false there
// does not mean that it is at run time (see compiler/ir/type.h).
template <class G>
void check_true(G& g, typename G::Int value, std::string message) {
  if (!value.known()) g.all("portfire::check_equal", value, 1, message.empty() ? "assertion of the program" : message);
  g.results({});
}
template <class G>
void check_range(G& g) {
  const auto value = g.integer("size");
  const int64_t lower = g.none("min") ? 0 : g.known_integer("min"), upper = g.none("max") ? INT64_MAX : g.known_integer("max");
  if (!value.known()) g.all("portfire::check_range", value, lower, upper, "a number read from a tensor");
  g.results({});
}
template <class G>
void pass_token(G& g) {
  g.result(g.tensor("dep_token"));
}
template <class G>
typename G::Int truth(G& g) {
  auto t = g.tensor("self");
  return g.item(g.cast(g("aten::ne.Scalar", t, 0), DType::i64));
}
PF_QUERY(AssertScalar, "aten::_assert_scalar(Scalar self, str assert_msg) -> ()",
         check_true(g, g.integer("self"), g.string("assert_msg")))
PF_QUERY(FunctionalAssertScalar,
         "aten::_functional_assert_scalar(Scalar self, str assert_msg, Tensor dep_token) -> Tensor",
         check_true(g, g.integer("self"), g.string("assert_msg"));
         pass_token(g))
PF_QUERY(AssertAsync, "aten::_assert_async(Tensor self) -> ()", check_true(g, truth(g), ""))
PF_QUERY(AssertAsyncMsg, "aten::_assert_async.msg(Tensor self, str assert_msg) -> ()",
         check_true(g, truth(g), g.string("assert_msg")))
PF_QUERY(FunctionalAssertAsync,
         "aten::_functional_assert_async.msg(Tensor self, str assert_msg, Tensor dep_token) -> Tensor",
         check_true(g, truth(g), g.string("assert_msg"));
         pass_token(g))
PF_QUERY(ConstrainRange, "aten::sym_constrain_range(Scalar size, *, int? min=None, int? max=None) -> ()", check_range(g))
PF_QUERY(ConstrainRangeForSize,
         "aten::sym_constrain_range_for_size(Scalar size, *, int? min=None, int? max=None) -> ()", check_range(g))
PF_QUERY(FunctionalConstrainRange,
         "aten::_functional_sym_constrain_range(Scalar size, int? min, int? max, Tensor dep_token) -> Tensor",
         check_range(g);
         pass_token(g))
PF_QUERY(FunctionalConstrainRangeForSize,
         "aten::_functional_sym_constrain_range_for_size(Scalar size, int? min, int? max, Tensor dep_token) -> Tensor",
         check_range(g);
         pass_token(g))
PF_QUERY(MakeDepToken,
         "aten::_make_dep_token(*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
         "bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
         g.result(g.scalar_tensor(0, DType::f32)))

PF_QUERY(IsAllTrue, "aten::_is_all_true(Tensor self) -> Tensor", g.forward("aten::all"))
PF_QUERY(IsAnyTrue, "aten::_is_any_true(Tensor self) -> Tensor", g.forward("aten::any"))
PF_QUERY(Item, "aten::item(Tensor self) -> Scalar", g.forward("aten::_local_scalar_dense"))
PF_QUERY(Dimension, "aten::dim(Tensor self) -> int", g.result_int(g.tensor("self").rank()))
PF_QUERY(SizeInt, "aten::size.int(Tensor self, int dim) -> int", g.forward("aten::sym_size.int"))
PF_QUERY(Numel, "aten::numel(Tensor self) -> int", g.forward("aten::sym_numel"))
PF_QUERY(StorageOffset, "aten::sym_storage_offset(Tensor self) -> SymInt", g.result_int(0))

// Of a row-major tensor. Views that are not so answer as PyTorch would only for static sizes.
template <class G>
void stride(G& g) {
  auto x = g.tensor("self");
  const int64_t dim = g.dim("dim", x.rank());
  if (x.rank() == 0) g.reject("a rank-0 tensor has no strides");
  if (!x.type().is_contiguous()) {
    if (!x.type().strides[dim].is_static()) g.refuse("the stride of a view depends on a symbolic size");
    return g.result_int(x.type().strides[dim].at[0]);
  }
  typename G::Int s = 1;
  for (int64_t d = dim + 1; d < x.rank(); ++d) s = s * g.size(x, d);
  g.result_int(s);
}
PF_QUERY(StrideInt, "aten::stride.int(Tensor self, int dim) -> int", stride(g))
PF_QUERY(SymStrideInt, "aten::sym_stride.int(Tensor self, int dim) -> SymInt", stride(g))

template <class G>
void shape_as_tensor(G& g) {
  std::vector<typename G::Tensor> sizes;
  for (auto n : g.sizes(g.tensor("self"))) sizes.push_back(g.scalar_tensor(n, DType::i64));
  g.result(sizes.empty() ? g.full({0}, 0, DType::i64) : g("aten::stack", sizes));
}
PF_QUERY(ShapeAsTensor, "aten::_shape_as_tensor(Tensor self) -> Tensor", shape_as_tensor(g))
#undef PF_QUERY

using Ops = OpList<AssertMetadata, AssertScalar, FunctionalAssertScalar, AssertAsync, AssertAsyncMsg,
                   FunctionalAssertAsync, ConstrainRange, ConstrainRangeForSize, FunctionalConstrainRange,
                   FunctionalConstrainRangeForSize, MakeDepToken, IsAllTrue, IsAnyTrue, Item, Dimension, SizeInt, Numel, StorageOffset,
                   StrideInt, SymStrideInt, ShapeAsTensor>;

}  // namespace portfire::ops::query
