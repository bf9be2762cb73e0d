// Integers in decompositions: folded where known, nodes of executorch_prim where symbolic.
#include "compiler/ir/builder.h"
#include "ops/sym.h"

namespace portfire::ir {
namespace {

int64_t evaluate(const std::string& op, int64_t a, int64_t b) {
  const Value x = Value::of(a), y = Value::of(b);
  const Value* both[] = {&x, &y};
  Value out;
  if (Error e = ops::sym::evaluate(op, Args(both), &out)) throw Refusal{e.code(), e.text()};
  return out.kind == Value::Kind::boolean ? out.boolean : out.integer;
}

Int binary(const char* name, Int a, Int b) {
  const std::string op = std::string("executorch_prim::") + name + ".Scalar";
  if (a.known() && b.known()) return evaluate(op, a.fixed, b.fixed);
  Builder* g = a.g ? a.g : b.g;
  const Dim x = a.samples(), y = b.samples();
  Dim out;
  for (int k = 0; k < kAssignments; ++k) out.at[k] = evaluate(op, x.at[k], y.at[k]);
  Type type = Type::integer(out);
  for (const Int& x : {a, b}) type.unbounded |= !x.known() && g->graph().type(x.id).unbounded;
  return {g, g->append(*find_op_info(op), {Arg(a), Arg(b)}, {type})[0]};
}

}  // namespace

Int operator+(Int a, Int b) {
  if (a.known() && a.fixed == 0) return b;
  if (b.known() && b.fixed == 0) return a;
  return binary("add", a, b);
}
Int operator-(Int a, Int b) { return b.known() && b.fixed == 0 ? a : binary("sub", a, b); }
Int operator*(Int a, Int b) {
  if (a.known() && a.fixed == 1) return b;
  if (b.known() && b.fixed == 1) return a;
  return binary("mul", a, b);
}
Int floor_div(Int a, Int b) { return b.known() && b.fixed == 1 ? a : binary("floordiv", a, b); }
Int operator%(Int a, Int b) { return binary("mod", a, b); }
Int max(Int a, Int b) { return same(a, b) ? a : binary("sym_max", a, b); }
Int min(Int a, Int b) { return same(a, b) ? a : binary("sym_min", a, b); }
bool same(Int a, Int b) { return a.samples() == b.samples(); }

}  // namespace portfire::ir
