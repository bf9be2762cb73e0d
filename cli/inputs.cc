#include "cli/inputs.h"

#include <random>

#include "ops/element.h"

namespace portfire::cli {
namespace {

Array random_input(const Value& type, uint32_t seed) {
  if (type.kind != Value::Kind::tensor) {
    Array a(DType::i64, Shape());
    ops::store_int(a.view, 0, 1);
    return a;
  }
  Array a(type.tensor->dtype, type.tensor->shape);
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  for (int64_t i = 0; i < a.view.numel(); ++i) {
    if (is_floating(a.view.dtype) || is_complex(a.view.dtype))
      ops::store_real(a.view, i, normal(generator));
    else
      ops::store_int(a.view, i, generator() % 2);
  }
  return a;
}

}  // namespace

Result<std::vector<Array>> read_inputs(const Method& m, const std::vector<std::string>& paths) {
  if (!paths.empty() && paths.size() != m.input_count())
    return Error::make(Code::bad_argument, "inputs: wrong number (expected %zu, got %zu)", m.input_count(), paths.size());
  std::vector<Array> inputs;
  for (size_t i = 0; i < m.input_count(); ++i) {
    if (paths.empty()) {
      inputs.push_back(random_input(m.input_type(i), static_cast<uint32_t>(i)));
      continue;
    }
    PF_ASSIGN(Array a, read_npy(paths[i]));
    inputs.push_back(std::move(a));
    const Value& want = m.input_type(i);
    if (want.kind == Value::Kind::tensor && want.tensor->dtype == DType::bf16) inputs.back() = convert(inputs.back().view, DType::bf16);
  }
  return inputs;
}

Error set_inputs(Method& m, const std::vector<Array>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) PF_TRY(m.set_input(i, inputs[i].view));
  return {};
}

}  // namespace portfire::cli
