#include "compiler/passes/compute.h"

#include <cstring>

namespace portfire::passes {

std::vector<Computed> compute(const ir::Graph& g, const ir::OpInfo& op, const std::vector<ir::Arg>& args) {
  Result<std::vector<ir::Type>> types = ir::infer(g, op, args);
  if (!types.ok()) return {};
  const ir::CallArgs call(g, op, args, 0, /*with_data=*/true);
  std::vector<Computed> results;
  std::vector<TensorView> outs;
  for (ir::Type& t : *types) {
    t.strides.clear();
    results.push_back({t, std::make_shared<std::vector<std::byte>>(static_cast<size_t>(t.upper_bytes()))});
    results.back().bytes->reserve(1);  // is somewhere even if it is nothing
    outs.push_back(view_of(t, 0));
    outs.back().data = results.back().bytes->data();
  }
  std::vector<std::byte> scratch(op.op->scratch ? op.op->scratch(call.args()) + 64 : 0);
  const size_t skip = (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64;
  std::vector<const Value*> pointers;
  for (size_t i = 0; i < args.size(); ++i) pointers.push_back(&call.args()[i]);
  CallContext context;
  if (!scratch.empty()) context.scratch = std::span(scratch).subspan(skip);
  if (op.op->reference(Args(pointers, context), outs)) return {};
  return results;
}

}  // namespace portfire::passes
