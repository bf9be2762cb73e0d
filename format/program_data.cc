#include "format/program_data.h"

#include "format/reading.h"

namespace portfire {
namespace {

// "0,2,3,1": the dimensions from the outermost in memory to the innermost, as strides tell them.
struct OrderText {
  char text[4 * kMaxRank] = "";
  explicit OrderText(const TensorView& t) {
    uint32_t done = 0;
    for (int n = 0, at = 0; n < t.rank(); ++n) {
      int next = -1;
      for (int d = 0; d < t.rank(); ++d)
        if (!(done >> d & 1) && (next < 0 || t.strides[d] > t.strides[next])) next = d;
      done |= 1u << next;
      at += snprintf(text + at, sizeof text - static_cast<size_t>(at), "%s%d", n ? "," : "", next);
    }
  }
};

bool same_order(const TensorView& a, const TensorView& b) {
  for (int d = 0; d < a.rank(); ++d)
    if (a.size(d) > 1 && a.strides[d] != b.strides[d]) return false;
  return true;
}

}  // namespace

Result<const std::byte*> ProgramData::external(const pte::Tensor& t) const {
  const std::string_view name = t.extra_tensor_info()->fully_qualified_name()->string_view();
  TensorView want;
  want.dtype = static_cast<DType>(t.scalar_type());
  want.shape = shape_of(t);
  set_strides(t, &want);
  const TypeText type(want);
  if (data_.empty())
    return Error::make(Code::bad_argument, "weight \"%.*s\", %s, is outside of the program (expected a data file, .ptd, got none)",
                       PF_NAME(name), type.c_str());
  const auto found = data_.find(name);
  if (!found)
    return Error::make(Code::bad_argument, "weight \"%.*s\", %s, is in no data file (expected it in %s)", PF_NAME(name), type.c_str(),
                       data_.text().c_str());
  const TensorView& got = found->tensor;
  if (!found->has_type || got.dtype != want.dtype || !(got.shape == want.shape))
    return bad("%s: weight \"%.*s\" is of another type (expected %s, got %s%s)", found->path, PF_NAME(name), type.c_str(),
               TypeText(got).c_str(), found->has_type ? "" : " without a type");
  if (!same_order(got, want))
    return bad("%s: weight \"%.*s\", %s, lies in another order of dimensions (expected %s, got %s)", found->path, PF_NAME(name),
               type.c_str(), OrderText(want).text, OrderText(got).text);
  return got.as<const std::byte>();
}

Result<const std::byte*> ProgramData::initial(const pte::Tensor& t) const {
  if (is_external(t)) return external(t);
  return t.data_buffer_idx() > 0 ? view_.initial_state(t.data_buffer_idx()) : nullptr;
}

std::optional<std::span<const std::byte>> ProgramData::named_data(std::string_view key) const {
  const auto* own = view_.root().named_data();
  for (uint32_t i = 0; i < count(own); ++i)
    if (own->Get(i)->key()->string_view() == key) return view_.segment(own->Get(i)->segment_index());
  const auto found = data_.find(key);
  if (!found) return std::nullopt;
  return std::span(found->tensor.as<const std::byte>(), found->tensor.bytes());
}

}  // namespace portfire
