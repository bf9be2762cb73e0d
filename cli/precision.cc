#include "cli/precision.h"

#include <fmt/format.h>

#include "kernels/isa.h"
#include "ops/panels.h"

namespace portfire::cli {

void note_precision(const Method& method) {
  if (multiplies_bf16()) return;
  size_t products = 0;
  for (size_t i = 0; i < method.instruction_count(); ++i) {
    const Method::InstructionInfo in = method.instruction(i);
    products += in.op == "portfire::attention_bf16";
    if (!ops::takes_panels(in.op)) continue;
    for (const Value* v : in.args) products += v->kind == Value::Kind::tensor && v->tensor->dtype == DType::bf16;
  }
  if (products > 0)
    fmt::print(stderr, "portfire: note: {} products are in bf16, which {} does not multiply: they are computed in f32\n", products, isa_name());
}

}  // namespace portfire::cli
