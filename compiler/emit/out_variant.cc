#include "compiler/emit/out_variant.h"

#include "compiler/ir/portable.h"
#include "ops/sym.h"

namespace portfire::emit {

using ir::Ref;

namespace {

// What the result's tensor says is no argument of the variant.
bool is_of_result(const ir::Schema& schema, const std::string& name) {
  return name == "layout" || name == "device" || name == "pin_memory" || (name == "dtype" && schema.index_of("layout") >= 0);
}

// Lists of a length that schemas give may be written as one number.
Arg listed(const Arg& a, const std::string& type) {
  const size_t open = type.find('[');
  if (open == type.npos || a.list() || a.none()) return a;
  const int count = std::atoi(type.c_str() + open + 1);
  return Arg::List(static_cast<size_t>(count > 0 ? count : 1), a);
}

Arg row_major(int rank) {
  Arg::List order;
  for (int d = 0; d < rank; ++d) order.push_back(d);
  return order;
}

}  // namespace

OutVariant out_variant(const Lowered& program, const Instruction& call) {
  const ir::Schema& schema = call.op->schema;
  if (call.op->name == "portfire::write" && call.args.size() == 3)  // a row of the target
    return {"executorch_prim::et_copy_index.tensor", {{call.args[0], "Tensor"}, {call.args[1], "Tensor"}, {call.args[2], "int"}}, {}, {}};
  if (call.op->name == "portfire::write")
    return {"aten::copy_", {{call.args[0], "Tensor"}, {call.args[1], "Tensor"}, {false, "bool"}}, {}, {call.args[0].ref()->id}};
  OutVariant v;
  v.outs = call.outs;
  if (ops::sym::is_sym_op(call.op->name)) {
    v.name = std::string(call.op->name);
    for (size_t i = 0; i < call.args.size(); ++i) v.args.push_back({call.args[i], schema.args[i].type});
    return v;
  }
  v.name = ir::portable_name(call.op->name);
  v.returned = call.outs;
  if (call.op->name == "aten::_to_copy") {
    v.args = {{call.args[0], "Tensor"}, {false, "bool"}, {row_major(program.values[call.outs[0]].type.rank()), "int[]"}};
    return v;
  }
  for (size_t i = 0; i < call.args.size(); ++i)
    if (!is_of_result(schema, schema.args[i].name)) v.args.push_back({listed(call.args[i], schema.args[i].type), schema.args[i].type});
  return v;
}

bool is_reshape(const Lowered& program, const Instruction& i) {
  if (i.kind != Instruction::Kind::call || i.outs.size() != 1 || !i.args[0].ref()) return false;
  const std::string_view op = i.op->name;
  if (op != "aten::view_copy" && op != "aten::unsqueeze_copy" && !op.starts_with("aten::squeeze_copy")) return false;
  const ir::Type &from = program.values[i.args[0].ref()->id].type, &to = program.values[i.outs[0]].type;
  return from.is_static() && to.is_static() && !from.unbounded && !to.unbounded && from.dtype == to.dtype;
}

}  // namespace portfire::emit
