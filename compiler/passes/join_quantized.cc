// Constant weights of integers that are dequantized for one operator only stay integers:
//
//   embedding(dequantize(table), i)              ->  quantized_decomposed::embedding_byte.dtype
//   linear(dequantize(quantize(x)), dequantize(w))  ->  portfire::linear_qd8, where each row of x gets parameters of its own when it
//                                                    is quantized, and w is symmetric; w of 4 bits lies two numbers to a byte
//
// Everything else is dequantized once, by the pass that follows (fold_constants.cc).
#include <algorithm>
#include <map>

#include "compiler/ir/infer.h"
#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "ops/element.h"

namespace portfire::passes {
namespace {

using ir::OpInfo;
using ir::Ref;
using ir::Tensor;
using ir::ValueId;

struct Call {
  const OpInfo* op = nullptr;
  std::vector<Arg> args;
};
using Calls = std::map<ValueId, Call>;  // that made a value of the graph being built

bool is(const Call* c, std::string_view name) { return c && c->op->name == name; }
bool is_value(const Arg& a, int64_t n) { return a.integer() && *a.integer() == n; }
bool is_dtype(const Arg& a, DType t) { return is_value(a, static_cast<int64_t>(t)); }

// A matrix of integers with parameters for each group of a row.
struct Weight {
  Tensor q;
  int64_t rows = 0, width = 0, groups = 0;
  std::vector<float> scales, zeros;  // zeros: none where all are 0
};

// A constant's elements; false where `a` is none.
bool read_numbers(const Graph& g, const Arg& a, std::vector<float>* out) {
  if (!a.ref() || !g.type(a.ref()->id).is_tensor()) return false;
  const ir::Constant* c = constant_of(g, a.ref()->id);
  if (!c) return false;
  TensorView t = view_of(g.type(a.ref()->id), 0);
  t.data = const_cast<void*>(c->data);
  for (ops::Index at(t.shape); at.valid(); at.next()) out->push_back(static_cast<float>(ops::load_real(t, at.offset(t))));
  return true;
}

class Joiner {
 public:
  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, std::vector<Arg>& args) {
    Calls& calls = calls_.of(b);
    const std::string_view name = n.op->name;
    if (name == "aten::embedding") return embedding(b, calls, args);
    if (name == "aten::linear") return linear(b, calls, args);
    if (!name.starts_with("torchao::") && !name.starts_with("quantized_decomposed::")) return std::nullopt;
    std::vector<Arg> results = b.call(*n.op, args);
    for (const Arg& r : results)
      if (r.ref()) calls[r.ref()->id] = {n.op, args};
    return results;
  }

 private:
  static const Call* maker(const Calls& calls, const Arg& a) {
    const auto it = a.ref() ? calls.find(a.ref()->id) : calls.end();
    return it == calls.end() ? nullptr : &it->second;
  }

  static bool read_weight(Builder& b, const Call* c, Weight* w) {
    const bool affine = is(c, "torchao::dequantize_affine"), channel = is(c, "quantized_decomposed::dequantize_per_channel"),
               grouped = is(c, "quantized_decomposed::dequantize_per_channel_group");
    if ((!affine && !channel && !grouped) || !c->args[0].ref()) return false;
    const Arg &scales = c->args[affine ? 2 : 1], &zeros = c->args[affine ? 3 : 2];
    const Arg& to = c->args[7];  // the dtype of the result, in all three
    if (!is_dtype(to, DType::f32) && !(channel && to.none())) return false;
    if (channel && !is_value(c->args[3], 0) && !is_value(c->args[3], -2)) return false;
    w->q = {&b, c->args[0].ref()->id};
    const ir::Type& type = w->q.type();
    if (type.rank() != 2 || (type.dtype != DType::i8 && type.dtype != DType::u8) || !constant_of(b.graph(), w->q.id)) return false;
    const TensorView q = view_of(type, 0);
    w->rows = q.size(0);
    w->width = q.size(1);
    if (affine) {
      const Arg::List* block = c->args[1].list();
      if (!block || block->size() != 2 || !is_value((*block)[0], 1)) return false;
    }
    if (!read_numbers(b.graph(), scales, &w->scales) || w->rows == 0 || w->scales.empty()) return false;
    w->groups = static_cast<int64_t>(w->scales.size()) / w->rows;
    if (w->groups < 1 || w->groups * w->rows != static_cast<int64_t>(w->scales.size()) || w->width % w->groups != 0) return false;
    if (!zeros.none() && !read_numbers(b.graph(), zeros, &w->zeros)) return false;
    if (std::all_of(w->zeros.begin(), w->zeros.end(), [](float z) { return z == 0; })) w->zeros.clear();
    return w->zeros.empty() || w->zeros.size() == w->scales.size();
  }

  static Tensor parameters(Builder& b, const Weight& w, const std::vector<float>& numbers) {
    return b.constant(DType::f32, {w.rows, w.groups}, numbers.data());
  }

  static std::optional<std::vector<Arg>> embedding(Builder& b, const Calls& calls, const std::vector<Arg>& args) {
    Weight w;
    if (!read_weight(b, maker(calls, args[0]), &w)) return std::nullopt;
    const bool is_signed = w.q.dtype() == DType::i8;
    const Tensor zeros = w.zeros.empty() ? Tensor() : parameters(b, w, w.zeros), scales = parameters(b, w, w.scales);
    return std::vector<Arg>{b("quantized_decomposed::embedding_byte.dtype", w.q, scales, zeros, is_signed ? -128 : 0, is_signed ? 127 : 255,
                              args[1], DType::f32)};
  }

  // What was quantized row by row, with parameters that its rows were asked for, and dequantized; false where `c` did not.
  static bool read_rows(Builder& b, const Calls& calls, const Call* c, Tensor* x) {
    const bool affine = is(c, "torchao::dequantize_affine"), token = is(c, "quantized_decomposed::dequantize_per_token");
    if (!affine && !token) return false;
    const size_t scale = affine ? 2 : 1, zero = scale + 1, to = affine ? 7 : 6, low = affine ? 5 : 3;
    if (!is_dtype(c->args[to], DType::f32) || !is_value(c->args[low], -128) || !is_value(c->args[low + 1], 127)) return false;
    const Call* quantize = maker(calls, c->args[0]);
    if (!is(quantize, affine ? "torchao::quantize_affine" : "quantized_decomposed::quantize_per_token")) return false;
    if (quantize->args[scale] != c->args[scale] || quantize->args[zero] != c->args[zero] || !is_value(quantize->args[low], -128) ||
        !is_value(quantize->args[low + 1], 127) || !is_dtype(quantize->args[affine ? 4 : 5], DType::i8))
      return false;
    const Call *chosen = maker(calls, c->args[scale]), *zero_of = maker(calls, c->args[zero]);
    if (!chosen || !zero_of || chosen->op != zero_of->op || chosen->args != zero_of->args || chosen->args[0] != quantize->args[0] ||
        !quantize->args[0].ref())
      return false;
    *x = {&b, quantize->args[0].ref()->id};
    if (x->dtype() != DType::f32 || x->rank() < 1) return false;
    if (token) return is(chosen, "quantized_decomposed::choose_qparams_per_token_asymmetric");
    if (!is(chosen, "torchao::choose_qparams_affine") || !chosen->args[1].string() || *chosen->args[1].string() != "ASYMMETRIC" ||
        !is_value(chosen->args[4], -128) || !is_value(chosen->args[5], 127) || !is_dtype(chosen->args[3], DType::i8))
      return false;
    const Arg::List* block = c->args[1].list();
    if (!block || c->args[1] != quantize->args[1] || c->args[1] != chosen->args[2] ||
        static_cast<int>(block->size()) != x->rank()) return false;
    for (int d = 0; d < x->rank(); ++d) {
      const ir::Dim size = d + 1 < x->rank() ? ir::Dim(1) : x->type().sizes[static_cast<size_t>(d)];
      if (!(*block)[static_cast<size_t>(d)].integer() || ir::Dim(*(*block)[static_cast<size_t>(d)].integer()) != size) return false;
    }
    return true;
  }

  static std::optional<std::vector<Arg>> linear(Builder& b, const Calls& calls, const std::vector<Arg>& args) {
    Weight w;
    Tensor x;
    if (!read_rows(b, calls, maker(calls, args[0]), &x)) return std::nullopt;
    if (!read_weight(b, maker(calls, args[1]), &w) || !w.zeros.empty() || w.q.dtype() != DType::i8) return std::nullopt;
    const auto* q = static_cast<const int8_t*>(constant_of(b.graph(), w.q.id)->data);
    const size_t count = static_cast<size_t>(w.rows * w.width);
    Tensor weight = w.q;
    if (w.width % 2 == 0 && std::all_of(q, q + count, [](int8_t v) { return v >= -8 && v < 8; })) {
      std::vector<uint8_t> packed(count / 2);
      for (size_t i = 0; i < packed.size(); ++i) packed[i] = static_cast<uint8_t>((q[2 * i] + 8) | (q[2 * i + 1] + 8) << 4);
      weight = b.constant(DType::u8, {w.rows, w.width / 2}, packed.data());
    }
    const std::vector<Arg> call{Arg(x), Arg(weight), args[2], Arg(parameters(b, w, w.scales))};
    if (!b.accepts("portfire::linear_qd8", call)) return std::nullopt;
    return std::vector<Arg>{b.one("portfire::linear_qd8", call)};
  }

  PerGraph<Calls> calls_;
};

}  // namespace

Result<Graph> join_quantized(Graph graph) {
  Joiner joiner;
  PF_ASSIGN(Graph joined, rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return joiner.visit(b, n, args); }));
  return eliminate_dead(std::move(joined));
}

}  // namespace portfire::passes
