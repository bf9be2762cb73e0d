#include "cli/answers.h"

#include <cstring>

#include <fmt/format.h>

#include "cli/compare.h"
#include "ops/element.h"

namespace portfire::cli {

Array answer_of(const Value& v) {
  switch (v.kind) {
    case Value::Kind::tensor: return convert(*v.tensor, v.tensor->dtype);
    case Value::Kind::string: {
      Shape shape;
      shape.push(static_cast<int64_t>(v.string.size()));
      Array a(DType::u8, shape);
      if (!v.string.empty()) std::memcpy(a.bytes.data(), v.string.data(), v.string.size());
      return a;
    }
    case Value::Kind::real: {
      Array a(DType::f64, Shape());
      ops::store_real(a.view, 0, v.real);
      return a;
    }
    case Value::Kind::boolean: {
      Array a(DType::boolean, Shape());
      ops::store_int(a.view, 0, v.boolean);
      return a;
    }
    default: {
      Array a(DType::i64, Shape());
      ops::store_int(a.view, 0, v.integer);
      return a;
    }
  }
}

std::vector<Array> answers_of(const Method& m) {
  std::vector<Array> answers;
  for (size_t i = 0; i < m.output_count(); ++i)
    if (m.output(i).kind != Value::Kind::none) answers.push_back(answer_of(m.output(i)));
  return answers;
}

bool print_comparison(size_t output, const TensorView& answer, const TensorView& expected, const std::string& expected_name,
                      double tolerance) {
  const Difference d = compare(answer, expected);
  const bool ok = d.within(tolerance);
  fmt::print("output {}: {} largest error {:.3g}, relative {:.3g} (tolerance {:g}): {}\n", output, TypeText(answer).c_str(), d.largest,
             d.relative,
             tolerance, ok ? "ok" : "DIFFERS");
  if (ok) return true;
  if (!d.same_shape)
    fmt::print(stderr, "portfire: output {}: wrong shape (expected {}, got {})\n", output, TypeText(expected).c_str(),
               TypeText(answer).c_str());
  else
    fmt::print(stderr, "portfire: output {}: differs from {} (expected at most {:g}, got {:.3g}{})\n", output, expected_name, tolerance,
               d.relative,
               d.same_special ? "" : "; NaN or infinities in other places");
  return false;
}

}  // namespace portfire::cli
