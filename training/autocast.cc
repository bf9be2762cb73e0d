#include "training/autocast.h"

#include <algorithm>

#include "compiler/passes/rewrite.h"

namespace portfire::training {
namespace {

using ir::Arg;
using ir::Builder;
using ir::Node;
using ir::Tensor;

bool is_product(std::string_view op) {
  constexpr std::string_view kProducts[] = {"aten::linear", "aten::mm", "aten::bmm", "aten::addmm", "aten::convolution"};
  return std::find(std::begin(kProducts), std::end(kProducts), op) != std::end(kProducts);
}

}  // namespace

Result<ir::Graph> autocast(const ir::Graph& graph) {
  return passes::rewrite(graph, [](Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
    if (!is_product(n.op->name) || !b.hint || b.hint->dtype != DType::f32) return std::nullopt;
    for (Arg& a : args)
      if (a.ref() && b.graph().type(a.ref()->id).is_tensor() && b.graph().type(a.ref()->id).dtype == DType::f32) a = b.cast({&b, a.ref()->id}, DType::bf16);
    const std::vector<Arg> product = b.call(*n.op, std::move(args));
    return std::vector<Arg>{b.cast({&b, product[0].ref()->id}, DType::f32)};
  });
}

}  // namespace portfire::training
