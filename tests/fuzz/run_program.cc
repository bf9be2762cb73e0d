#include "tests/fuzz/run_program.h"

#include <vector>

#include "cli/npy.h"
#include "ops/element.h"
#include "runtime/method.h"

namespace portfire::fuzz {
namespace {

constexpr int64_t kMaxElements = 1 << 14;
constexpr size_t kMaxArena = 8 << 20, kMaxInstructions = 20000;

// Whether running takes but an instant. What views show counts too: they repeat elements.
bool is_small(const pte::ExecutionPlan& plan) {
  size_t arena = 0;
  if (plan.non_const_buffer_sizes())
    for (const int64_t bytes : *plan.non_const_buffer_sizes()) arena += static_cast<size_t>(bytes);
  if (arena > kMaxArena) return false;
  if (plan.values())
    for (const pte::EValue* v : *plan.values())
      if (const pte::Tensor* t = v->val_as_Tensor(); t && shape_of(*t).numel() > kMaxElements) return false;
  return true;
}

// Small numbers, which serve as indices too. `shrink` takes one off each dynamic size.
Error set_inputs(Method& m, std::vector<cli::Array>& held, bool shrink) {
  for (size_t i = 0; i < m.input_count(); ++i) {
    const Value& type = m.input_type(i);
    if (type.kind != Value::Kind::tensor) {
      PF_TRY(m.set_input(i, Value::of(int64_t{2})));
      continue;
    }
    Shape shape = type.tensor->shape;
    if (shrink && m.input_is_dynamic(i))
      for (int d = 0; d < shape.rank; ++d) shape.sizes[d] -= shape.sizes[d] > 1;
    held.emplace_back(type.tensor->dtype, shape);
    const TensorView& t = held.back().view;
    for (int64_t k = 0; k < t.numel(); ++k) ops::store_int(t, k, (k * 7 + static_cast<int64_t>(i)) % 5);
    PF_TRY(m.set_input(i, t));
  }
  return {};
}

Error call(Method& m, bool shrink) {
  std::vector<cli::Array> held;
  held.reserve(m.input_count());
  PF_TRY(set_inputs(m, held, shrink));
  PF_TRY(m.execute());
  for (size_t i = 0; i < m.output_count(); ++i)  // every element must be readable
    if (m.output(i).kind == Value::Kind::tensor && m.output(i).tensor->numel() <= kMaxElements)
      cli::convert(*m.output(i).tensor, m.output(i).tensor->dtype);
  return {};
}

}  // namespace

void run_program(std::span<const std::byte> bytes, bool must_verify) {
  Result<std::shared_ptr<const Program>> program = Program::from_bytes(bytes);
  if (must_verify && !program.ok()) fprintf(stderr, "%s\n", program.error().text());
  PF_CHECK(program.ok() || !must_verify);
  if (!program.ok()) return;
  for (const pte::ExecutionPlan* plan : *(*program)->view().root().execution_plan()) {
    if (!is_small(*plan)) continue;
    Method::Options options;
    options.max_instructions = kMaxInstructions;
    options.max_arena_bytes = kMaxArena;
    Result<std::unique_ptr<Method>> method = Method::load(*program, plan->name()->string_view(), options);
    if (!method.ok()) continue;
    for (const bool shrink : {false, true, false})
      if (call(**method, shrink)) (void)(*method)->reset();
  }
}

}  // namespace portfire::fuzz
