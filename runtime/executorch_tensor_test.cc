#include "portfire/executorch_tensor.h"

#include <gtest/gtest.h>

#include "portfire/executorch_names.h"

namespace portfire::extension {
namespace {

template <class T>
std::vector<T> values(const TensorPtr& t) {
  const T* data = t->const_data_ptr<T>();
  return std::vector<T>(data, data + t->numel());
}
template <class S>
std::vector<int> ints(S span) {
  return {span.begin(), span.end()};
}

TEST(TensorPtr, OwnsWhatItIsMadeOf) {
  const auto a = make_tensor_ptr({2, 3}, {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f});
  EXPECT_EQ(a->dim(), 2);
  EXPECT_EQ(a->numel(), 6);
  EXPECT_EQ(a->nbytes(), 24u);
  EXPECT_EQ(a->size(1), 3);
  EXPECT_EQ(a->scalar_type(), ScalarType::Float);
  EXPECT_EQ(ints(a->sizes()), (std::vector<int>{2, 3}));
  EXPECT_EQ(ints(a->strides()), (std::vector<int>{3, 1}));
  EXPECT_EQ(ints(a->dim_order()), (std::vector<int>{0, 1}));
  EXPECT_EQ(values<float>(a), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values<int64_t>(make_tensor_ptr({int64_t{7}, int64_t{8}})), (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(make_tensor_ptr(2.5)->scalar_type(), ScalarType::Double);
  EXPECT_EQ(make_tensor_ptr(2.5)->dim(), 0);
  EXPECT_EQ(values<bool>(make_tensor_ptr(std::vector<bool>{true, false})), (std::vector<bool>{true, false}));
  EXPECT_EQ(make_tensor_ptr({0, 3}, std::vector<float>())->numel(), 0);
}

TEST(TensorPtr, ConvertsToTheTypeAskedFor) {
  const auto a = make_tensor_ptr({2}, std::vector<int>{3, -4}, {}, {}, ScalarType::Float);
  EXPECT_EQ(values<float>(a), (std::vector<float>{3, -4}));
  const auto half = make_tensor_ptr({1}, std::vector<float>{1.0f}, {}, {}, ScalarType::Half);
  EXPECT_EQ(values<uint16_t>(half), std::vector<uint16_t>{0x3c00});
  EXPECT_EQ(values<double>(clone_tensor_ptr(a, ScalarType::Double)), (std::vector<double>{3, -4}));
}

TEST(TensorPtr, BytesAreTakenAsTheyAre) {
  const auto a = make_tensor_ptr({1}, std::vector<uint8_t>{0, 0, 0x80, 0x3f}, ScalarType::Float);
  EXPECT_EQ(values<float>(a), std::vector<float>{1});
}

TEST(TensorPtr, OrdersOfDimensions) {
  const auto a = make_tensor_ptr({1, 2, 1, 3}, {0.f, 10.f, 1.f, 11.f, 2.f, 12.f}, {0, 2, 3, 1});
  EXPECT_EQ(ints(a->strides()), (std::vector<int>{6, 1, 6, 2}));
  const auto b = clone_tensor_ptr(a);
  EXPECT_EQ(ints(b->strides()), ints(a->strides()));
  EXPECT_EQ(values<float>(b), values<float>(a));
  float data[6] = {};
  const auto columns = from_blob(data, {2, 3}, {1, 2});
  EXPECT_EQ(ints(columns->dim_order()), (std::vector<int>{1, 0}));
  bool ended = false;
  {
    int32_t numbers[6] = {};
    const TensorPtr same = for_blob(numbers, {2, 3}).type(ScalarType::Int).strides({1, 2}).deleter([&](void*) { ended = true; });
    EXPECT_EQ(ints(same->dim_order()), (std::vector<int>{1, 0}));
    EXPECT_EQ(same->scalar_type(), ScalarType::Int);
    EXPECT_EQ(ints(for_blob(numbers, {1, 2, 3}, ScalarType::Int).dim_order({0, 2, 1}).make_tensor_ptr()->strides()), (std::vector<int>{6, 1, 2}));
  }
  EXPECT_TRUE(ended);
}

TEST(TensorPtr, ShowsAnothersDataUntilTheEnd) {
  float data[4] = {1, 2, 3, 4};
  int ended = 0;
  {
    TensorPtr a = from_blob(data, {4}, ScalarType::Float, [&](void* p) { ended += p == data; });
    const TensorPtr view = make_tensor_ptr(a, {2, 2});
    EXPECT_EQ(view->const_data_ptr(), data);
    a.reset();
    EXPECT_EQ(ended, 0) << "the view keeps it";
    view->mutable_data_ptr<float>()[3] = 9;
  }
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(data[3], 9);
}

TEST(TensorPtr, FilledOnes) {
  EXPECT_EQ(values<float>(zeros({2})), (std::vector<float>{0, 0}));
  EXPECT_EQ(values<int64_t>(ones({2}, ScalarType::Long)), (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(values<float>(full({2}, 2.5)), (std::vector<float>{2.5, 2.5}));
  EXPECT_EQ(values<float>(full_like(zeros({2}), 3)), (std::vector<float>{3, 3}));
  for (const float x : values<float>(rand({50}))) EXPECT_TRUE(x >= 0 && x < 1) << x;
  for (const int x : values<int>(randint(2, 5, {50}))) EXPECT_TRUE(x >= 2 && x < 5) << x;
  const auto normal = values<float>(randn({50}));
  EXPECT_NE(normal[0], normal[1]);
}

TEST(TensorPtr, ResizesWithinItsRoom) {
  auto a = make_tensor_ptr({2, 3}, {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f});
  EXPECT_EQ(resize_tensor_ptr(a, {1, 3}), runtime::Error::Ok);
  EXPECT_EQ(a->numel(), 3);
  EXPECT_EQ(resize_tensor_ptr(a, {2, 3}), runtime::Error::Ok);
  EXPECT_EQ(resize_tensor_ptr(a, {3, 3}), runtime::Error::InvalidArgument);
  EXPECT_EQ(resize_tensor_ptr(a, {6}), runtime::Error::InvalidArgument);
  EXPECT_EQ(a->numel(), 6);
  auto fixed = make_tensor_ptr({2}, {1.0f, 2.0f}, {}, {}, ScalarType::Float, TensorShapeDynamism::STATIC);
  EXPECT_EQ(resize_tensor_ptr(fixed, {1}), runtime::Error::InvalidArgument);
}

TEST(TensorPtrDeathTest, WrongCallsEnd) {
  EXPECT_DEATH((void)make_tensor_ptr({2, 2}, std::vector<float>{1}), "the data's size");
  EXPECT_DEATH((void)make_tensor_ptr({2, 2}, nullptr, {1, 1}, {}), "no permutation");
  EXPECT_DEATH((void)make_tensor_ptr({2, 2}, nullptr, {}, {8, 1}), "leave gaps");
  EXPECT_DEATH((void)make_tensor_ptr({-1}, nullptr), "impossible sizes");
  EXPECT_DEATH((void)runtime::EValue(int64_t{1}).toTensor(), "taken for a tensor");
}

}  // namespace
}  // namespace portfire::extension
