#include "compiler/ir/infer.h"
#include "compiler/passes/compute.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

using ir::Constant;
using ir::Ref;
using ir::Type;

// What is computed once here instead of in every run makes the file larger: results up to this many
// bytes always fold, larger ones only where they do not exceed their operands.
constexpr int64_t kSmall = 64 << 10, kLarge = 64 << 20;

// f32 is four times as large as the integers were, but products with packed f32 weights are what is fast; only what is
// larger than kLarge stays integers, and is dequantized in every run.
bool is_dequantizing(std::string_view op) { return op.find("::dequantize_") != op.npos; }

Result<Graph> fold(const Graph& graph, bool dequantizing) {
  return rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
    if (is_dequantizing(n.op->name) != dequantizing) return std::nullopt;
    if (!n.op->op || n.outs.empty() || n.op->op->random || n.op->op->data_dependent) return std::nullopt;
    if (!n.op->op->infer && !n.op->op->view) return std::nullopt;
    Graph& g = b.graph();
    bool constant = true;
    int64_t operand_bytes = 0;
    for (const Arg& a : args)
      for_each_ref(a, [&](ir::ValueId v) {
        constant &= g.type(v).is_tensor() && g.values[v].constant != nullptr;
        if (g.type(v).is_tensor()) operand_bytes += g.type(v).upper_bytes();
      });
    for (const ir::Buffer& state : g.buffers)
      for (const Arg& a : args) for_each_ref(a, [&](ir::ValueId v) { constant &= v != state.value; });
    if (!constant) return std::nullopt;
    Result<std::vector<Type>> types = ir::infer(g, *n.op, args);
    if (!types.ok()) return std::nullopt;  // the call itself reports it
    int64_t bytes = 0;
    for (Type& t : *types) {
      if (!t.is_tensor()) return std::nullopt;
      bytes += t.upper_bytes();
    }
    if (bytes > kSmall && ((bytes > operand_bytes && !dequantizing) || bytes > kLarge)) return std::nullopt;
    if (n.op->op->view && bytes > kSmall) return std::nullopt;  // a view costs nothing as it is
    std::vector<Computed> computed;
    if (n.op->op->view) {
      const ir::CallArgs call(g, *n.op, args, 0, /*with_data=*/true);
      TensorView seen;
      if (n.op->op->view(call.args(), seen)) return std::nullopt;
      Type dense = (*types)[0];
      dense.strides.clear();
      computed.push_back({dense, std::make_shared<std::vector<std::byte>>(static_cast<size_t>(dense.upper_bytes()))});
      TensorView out = view_of(dense, 0);
      out.data = computed[0].bytes->data();
      const ir::OpInfo* clone = ir::find_op_info("aten::clone");
      const Value from = Value::of(&seen), format = Value::of(int64_t{0});
      const Value* clone_args[] = {&from, &format};
      if (clone->op->reference(Args(clone_args), {&out, 1})) return std::nullopt;
    } else {
      computed = compute(g, *n.op, args);
      if (computed.empty()) return std::nullopt;
    }
    std::vector<Arg> results;
    for (Computed& each : computed) {
      auto c = std::make_shared<Constant>();
      c->data = each.bytes->data();
      c->bytes = each.bytes->size();
      c->owner = each.bytes;
      const ir::ValueId id = g.add_value(each.type, "folded");
      g.values[id].constant = std::move(c);
      results.push_back(Ref{id});
    }
    return results;
  });
}

}  // namespace

Result<Graph> fold_constants(Graph graph) { return fold(graph, false); }

Result<Graph> fold_dequantized(Graph graph) { return fold(graph, true); }

}  // namespace portfire::passes
