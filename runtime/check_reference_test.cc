#include "runtime/check_reference.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace portfire {
namespace {

template <class T>
Error compare(DType dtype, std::vector<T> got, std::vector<T> expected) {
  auto view = [&](std::vector<T>& data) {
    TensorView t;
    t.dtype = dtype;
    t.shape.push(static_cast<int64_t>(data.size()));
    t.set_contiguous();
    t.data = data.data();
    return t;
  };
  return compare_with_reference(view(got), view(expected));
}

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

TEST(CheckReference, TakesWhatRoundingDoes) {
  EXPECT_TRUE(compare<float>(DType::f32, {1000.05f, 1e-9f, kNan, -kInf}, {1000.0f, 0, kNan, -kInf}).ok());
  EXPECT_TRUE(compare<int32_t>(DType::i32, {1, -2}, {1, -2}).ok());
  EXPECT_TRUE(compare<float>(DType::f32, {}, {}).ok());
}

TEST(CheckReference, FindsWhatIsWrong) {
  EXPECT_STREQ(compare<float>(DType::f32, {1.01f, 0}, {1.0f, 0}).text(),
               "the kernel differs from the reference (expected at most 0.0001 relative, got 0.01)");
  EXPECT_STREQ(compare<float>(DType::f32, {0}, {kNan}).text(), "the kernel gives 0 where the reference gives nan");
  EXPECT_STREQ(compare<float>(DType::f32, {kInf}, {-kInf}).text(), "the kernel gives inf where the reference gives -inf");
  EXPECT_STREQ(compare<double>(DType::f64, {1 + 1e-9}, {1}).text(),
               "the kernel differs from the reference (expected at most 1e-10 relative, got 1e-09)");
  EXPECT_STREQ(compare<int64_t>(DType::i64, {7}, {8}).text(), "the kernel gives 7 where the reference gives 8");
}

}  // namespace
}  // namespace portfire
