#include "format/bundle_view.h"

#include <algorithm>
#include <cstring>

#include "core/tensor_view.h"
#include "format/reading.h"

namespace portfire {
namespace {

Shape shape_of(const bpte::Tensor& t) {
  Shape shape;
  for (uint32_t d = 0; d < count(t.sizes()); ++d) shape.push(t.sizes()->Get(d));
  return shape;
}

Error verify_tensor(const bpte::Tensor& t) {
  const uint32_t rank = count(t.sizes());
  if (!is_dtype(t.scalar_type())) return bad("dtype number %d is not supported", t.scalar_type());
  if (rank > static_cast<uint32_t>(kMaxRank)) return bad("rank %u (at most %d is supported)", rank, kMaxRank);
  if (count(t.dim_order()) != rank && count(t.dim_order()) != 0) return bad("%u dimension orders for rank %u", count(t.dim_order()), rank);
  uint32_t seen = 0;
  for (uint32_t d = 0; d < count(t.dim_order()); ++d) {
    const unsigned at = t.dim_order()->Get(d);
    if (at >= rank || (seen & (1u << at))) return bad("dimension order is no permutation");
    seen |= 1u << at;
  }
  const auto dtype = static_cast<DType>(t.scalar_type());
  int64_t bytes;
  if (!checked_bytes(dtype, shape_of(t), &bytes)) return bad("impossible sizes %s", TypeText(dtype, shape_of(t)).c_str());
  // More than the tensor's own is what it was a part of.
  if (static_cast<uint64_t>(bytes) > count(t.data()))
    return bad("%s in %u bytes (expected %lld)", TypeText(dtype, shape_of(t)).c_str(), count(t.data()), static_cast<long long>(bytes));
  if (bytes > 0 && reinterpret_cast<uintptr_t>(t.data()->data()) % std::min<size_t>(byte_size(dtype), 8) != 0)
    return bad("data is not aligned");
  return {};
}

Error verify_value(const bpte::Value& v) {
  switch (v.val_type()) {
    case bpte::AnyValue_Tensor: return v.val() ? verify_tensor(*v.val_as_Tensor()) : bad("is empty");
    case bpte::AnyValue_Int: case bpte::AnyValue_Bool: case bpte::AnyValue_Double: return v.val() ? Error() : bad("is empty");
    default: return bad("kind %d is not supported (expected a tensor, int, bool or float)", v.val_type());
  }
}

Value value_of(const bpte::Value& v, TensorView* view) {
  switch (v.val_type()) {
    case bpte::AnyValue_Int: return Value::of(int64_t{v.val_as_Int()->value()});
    case bpte::AnyValue_Bool: return Value::of(v.val_as_Bool()->value());
    case bpte::AnyValue_Double: return Value::of(v.val_as_Double()->value());
    default: break;
  }
  const bpte::Tensor& t = *v.val_as_Tensor();
  *view = TensorView();
  view->dtype = static_cast<DType>(t.scalar_type());
  view->shape = shape_of(t);
  view->set_contiguous();
  int64_t stride = 1;
  for (uint32_t k = count(t.dim_order()); k-- > 0;) {
    const int d = t.dim_order()->Get(k);
    view->strides[d] = stride;
    if (view->size(d) > 0) stride *= view->size(d);
  }
  if (t.data()) view->data = const_cast<uint8_t*>(t.data()->data());
  return Value::of(view);
}

}  // namespace

bool is_bundle(std::span<const std::byte> file) {
  return file.size() >= 8 && std::memcmp(file.data() + 4, bpte::BundleIdentifier(), 4) == 0;
}

Result<BundleView> BundleView::open(std::span<const std::byte> file) {
  if (reinterpret_cast<uintptr_t>(file.data()) % 16 != 0)
    return Error::make(Code::bad_argument, "the bundle lies at an odd address (expected 16-byte alignment)");
  if (!is_bundle(file)) return bad("not a .bpte bundle (expected BP08 at byte 4)");
  if (file.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return bad("a bundle of %zu bytes (expected less than %llu)", file.size(),
               static_cast<unsigned long long>(FLATBUFFERS_MAX_BUFFER_SIZE));
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(file.data()), file.size(), /*max_depth=*/16, /*max_tables=*/10'000'000);
  if (!bpte::VerifyBundleBuffer(verifier)) return bad("damaged flatbuffer");
  BundleView view;
  view.root_ = bpte::GetBundle(file.data());
  PF_TRY(view.verify());
  return view;
}

Error BundleView::verify() const {
  if (count(root_->program()) == 0) return bad("a bundle without a program");
  if (reinterpret_cast<uintptr_t>(root_->program()->data()) % 16 != 0)
    return bad("the bundle's program lies at an odd address (expected 16-byte alignment)");
  for (uint32_t m = 0; m < count(root_->methods()); ++m) {
    const bpte::MethodTests& tests = *root_->methods()->Get(m);
    if (!tests.method()) return bad("test sets %u are of a method without a name", m);
    for (uint32_t s = 0; s < count(tests.sets()); ++s) {
      const bpte::TestSet& set = *tests.sets()->Get(s);
      for (const auto& [list, what] : {std::pair(set.inputs(), "input"), std::pair(set.expected_outputs(), "output")})
        for (uint32_t i = 0; i < count(list); ++i)
          if (const Error e = verify_value(*list->Get(i)))
            return bad("%s, test set %u, %s %u: %s", tests.method()->c_str(), s, what, i, e.text());
    }
  }
  return {};
}

std::span<const std::byte> BundleView::program() const {
  return std::as_bytes(std::span(root_->program()->data(), root_->program()->size()));
}

size_t BundleView::method_count() const { return count(root_->methods()); }
std::string_view BundleView::method(size_t m) const { return root_->methods()->Get(static_cast<uint32_t>(m))->method()->string_view(); }
size_t BundleView::set_count(size_t m) const { return count(root_->methods()->Get(static_cast<uint32_t>(m))->sets()); }

const bpte::TestSet& BundleView::set(size_t m, size_t s) const {
  return *root_->methods()->Get(static_cast<uint32_t>(m))->sets()->Get(static_cast<uint32_t>(s));
}

size_t BundleView::input_count(size_t m, size_t s) const { return count(set(m, s).inputs()); }
size_t BundleView::output_count(size_t m, size_t s) const { return count(set(m, s).expected_outputs()); }

Value BundleView::input(size_t m, size_t s, size_t i, TensorView* view) const {
  return value_of(*set(m, s).inputs()->Get(static_cast<uint32_t>(i)), view);
}

Value BundleView::output(size_t m, size_t s, size_t i, TensorView* view) const {
  return value_of(*set(m, s).expected_outputs()->Get(static_cast<uint32_t>(i)), view);
}

}  // namespace portfire
