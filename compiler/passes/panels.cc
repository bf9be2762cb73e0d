#include "compiler/passes/panels.h"

#include "core/float16.h"
#include "ops/panels.h"

namespace portfire::passes {

using ir::Tensor;
using ir::Type;
using ir::ValueId;
using ops::kPairPanel;
using ops::kPanel;

bool find_weights(const ir::Graph& g, const Uses& uses, ValueId v, bool n_first, Weights* out) {
  const ir::Node* view = uses.producer(v);
  bool transposed = false;
  if (view && view->op->name == "aten::permute" && g.type(v).rank() == 2) {
    transposed = *(*view->args[1].list())[0].integer() == 1;
    v = view->args[0].ref()->id;
  }
  const ir::Constant* c = constant_of(g, v);
  const Type& t = g.type(v);
  if (!c || t.dtype != DType::f32 || t.rank() != 2 || !t.is_static()) return false;
  const int64_t rows = t.sizes[0].at[0], columns = t.sizes[1].at[0];
  const bool n_is_rows = n_first != transposed;
  *out = {static_cast<const float*>(c->data), n_is_rows ? rows : columns, n_is_rows ? columns : rows, n_is_rows ? columns : 1, n_is_rows ? 1 : columns};
  return out->n > 0 && out->k > 0;
}

namespace {

template <class T>
Tensor new_constant(ir::Builder& b, const Type& type, std::vector<T> elements) {
  auto owner = std::make_shared<std::vector<T>>(std::move(elements));
  auto c = std::make_shared<ir::Constant>();
  c->data = owner->data();
  c->bytes = owner->size() * sizeof(T);
  c->owner = owner;
  const ValueId id = b.graph().add_value(type, "packed");
  b.graph().values[id].constant = std::move(c);
  return {&b, id};
}

}  // namespace

Tensor panels_constant(ir::Builder& b, std::vector<float> panels, int64_t n, int64_t k, Precision precision) {
  if (precision == Precision::f32) return new_constant(b, Type::tensor(DType::f32, {(n + kPanel - 1) / kPanel, k, kPanel}), std::move(panels));
  const int64_t pair_panels = (n + kPairPanel - 1) / kPairPanel, pairs = (k + 1) / 2;
  std::vector<uint16_t> rounded(static_cast<size_t>(pair_panels * pairs * kPairPanel * 2));
  for (int64_t p = 0; p < pair_panels; ++p) {
    const float* from = panels.data() + p * kPairPanel / kPanel * k * kPanel + p * kPairPanel % kPanel;
    uint16_t* to = rounded.data() + p * pairs * kPairPanel * 2;
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < kPairPanel; ++j) to[(i / 2 * kPairPanel + j) * 2 + i % 2] = f32_to_bf16(from[i * kPanel + j]);
  }
  return new_constant(b, Type::tensor(DType::bf16, {pair_panels, pairs, kPairPanel, 2}), std::move(rounded));
}

Tensor pack_panels(ir::Builder& b, const Weights& w, Precision precision) {
  const int64_t panels = (w.n + kPanel - 1) / kPanel;
  std::vector<float> packed(static_cast<size_t>(panels * w.k * kPanel));
  for (int64_t p = 0; p < panels; ++p) {
    float* panel = packed.data() + p * w.k * kPanel;
    const int64_t width = std::min(kPanel, w.n - p * kPanel);
    constexpr int64_t kBlock = 16;  // lines of both sides stay in L1 while transposing
    for (int64_t i0 = 0; i0 < w.k; i0 += kBlock)
      for (int64_t j = 0; j < width; ++j) {
        const float* from = w.data + (p * kPanel + j) * w.row;
        for (int64_t i = i0; i < std::min(w.k, i0 + kBlock); ++i) panel[i * kPanel + j] = from[i * w.column];
      }
  }
  return panels_constant(b, std::move(packed), w.n, w.k, precision);
}

}  // namespace portfire::passes
