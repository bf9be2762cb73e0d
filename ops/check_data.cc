#include "ops/check_data.h"

#include <cmath>

#include "ops/element.h"

namespace portfire::ops::check_data {
namespace {

int length(std::string_view s) { return static_cast<int>(s.size()); }

}  // namespace

Error CheckFinite::infer(const Args&, std::span<TensorSpec>) { return {}; }
Error CheckFinite::reference(const Args& a, std::span<TensorView>) {
  const TensorView& x = a.tensor(0);
  for (Index at(x.shape); at.valid(); at.next())
    if (const double v = load_real(x, at.offset(x)); !std::isfinite(v))
      return Error::make(Code::failed, "%.*s is %g (expected a finite number)", length(a.string(1)), a.string(1).data(), v);
  return {};
}

Error CheckClasses::infer(const Args& a, std::span<TensorSpec>) {
  if (a.tensor(0).dtype == DType::i64 || a.tensor(0).dtype == DType::i32) return {};
  return Error::make(Code::bad_argument, "classes are %s (expected i64)", name_of(a.tensor(0).dtype));
}
Error CheckClasses::reference(const Args& a, std::span<TensorView>) {
  const TensorView& x = a.tensor(0);
  const int64_t classes = a.integer(1), ignored = a.integer(2);
  for (Index at(x.shape); at.valid(); at.next())
    if (const int64_t c = load_int(x, at.offset(x)); (c < 0 || c >= classes) && c != ignored)
      return Error::make(Code::bad_argument, "%.*s has class %lld (expected 0 to %lld)", length(a.string(3)), a.string(3).data(),
                         static_cast<long long>(c), static_cast<long long>(classes - 1));
  return {};
}

}  // namespace portfire::ops::check_data
