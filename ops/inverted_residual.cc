#include "ops/inverted_residual.h"

#include <algorithm>

namespace portfire::ops::inverted_residual {
namespace {

using packed_conv2d::Finish;
using packed_conv2d::Window;

constexpr Window kPoint = {{1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}};
constexpr int64_t kStripBytes = 224 << 10;  // of an L2 of 512 KiB, beside weights and what goes in and out
constexpr int64_t kLeastPixels = 32;        // in a strip: fewer are no work for a matrix product
constexpr int64_t kMostRows = 1024;

TensorView view_of(const TensorSpec& spec, const void* data) { return TensorView::of(data, spec.dtype, spec.shape.dims()); }

Error bytes_of(const TensorSpec& spec, size_t* bytes) {
  int64_t n = 0;
  if (!checked_bytes(spec.dtype, spec.shape, &n)) return Error::make(Code::out_of_memory, "rows between the stages are too large");
  *bytes = (static_cast<size_t>(n) + 63) / 64 * 64;
  return {};
}

// Of the reference: what expand and depthwise give, where it is not the result.
Error split_scratch(const Stages& s, size_t* expanded, size_t* middle) {
  *expanded = *middle = 0;
  if (s.expand) PF_TRY(bytes_of(s.expanded, expanded));
  if (s.project) PF_TRY(bytes_of(s.middle, middle));
  return {};
}

}  // namespace

Error read_stages(const Args& a, Stages* s) {
  s->input = &a.tensor(0);
  s->expand = a.optional_tensor(1);
  s->depthwise = &a.tensor(3);
  s->project = a.optional_tensor(5);
  s->expand_finish = {a.optional_tensor(2), nullptr, a.string(13), a.real(14), a.real(15)};
  s->finish = {a.optional_tensor(4), nullptr, a.string(20), a.real(21), a.real(22)};
  s->project_finish = {a.optional_tensor(6), a.optional_tensor(7), a.string(24), a.real(25), a.real(26)};
  if (!s->expand && !s->project) return Error::make(Code::bad_argument, "neither expand nor project is given");
  if (!s->project && s->project_finish.residual) return Error::make(Code::bad_argument, "a residual without project");
  s->expanded = {s->input->dtype, s->input->shape};
  if (s->expand) {
    PF_TRY(packed_conv2d::read_window(a, 9, &s->expand_window));
    PF_TRY(packed_conv2d::infer_packed(*s->input, *s->expand, a.integer(8), s->expand_window, s->expand_finish, &s->expanded));
  }
  PF_TRY(packed_conv2d::read_window(a, 16, &s->window));
  PF_TRY(packed_conv2d::infer_depthwise(view_of(s->expanded, nullptr), *s->depthwise, s->window, s->finish, &s->middle));
  s->out = s->middle;
  if (s->project)
    PF_TRY(packed_conv2d::infer_packed(view_of(s->middle, nullptr), *s->project, a.integer(23), kPoint, s->project_finish, &s->out));
  size_t expanded, middle;
  return split_scratch(*s, &expanded, &middle);
}

Strip choose_strip(const Window& w, int64_t expanded_height, int64_t expanded_width, int64_t middle_height, int64_t middle_width, int64_t channels) {
  const int64_t reach = (w.kernel[0] - 1) * w.dilation[0] + 1;
  auto expanded_rows = [&](int64_t rows) { return std::min(expanded_height, (rows - 1) * w.stride[0] + reach); };
  int64_t rows = std::max<int64_t>(1, std::min(middle_height, (kLeastPixels + middle_width - 1) / std::max<int64_t>(1, middle_width)));
  while (rows < std::min(middle_height, kMostRows) && (expanded_rows(rows + 1) * expanded_width + (rows + 1) * middle_width) * channels * 4 <= kStripBytes) ++rows;
  // Of even height.
  const int64_t strips = (middle_height + rows - 1) / std::max<int64_t>(1, rows);
  rows = strips > 0 ? (middle_height + strips - 1) / strips : 1;
  return {rows, expanded_rows(rows)};
}

Error InvertedResidual::infer(const Args& a, std::span<TensorSpec> outs) {
  Stages s;
  PF_TRY(read_stages(a, &s));
  outs[0] = s.out;
  return {};
}

size_t InvertedResidual::scratch(const Args& a) {
  Stages s;
  size_t expanded = 0, middle = 0;
  if (!read_stages(a, &s).ok() || !split_scratch(s, &expanded, &middle).ok()) return 0;
  return expanded + middle;
}

Error InvertedResidual::reference(const Args& a, std::span<TensorView> outs) {
  Stages s;
  size_t expanded_bytes, middle_bytes;
  PF_TRY(read_stages(a, &s));
  PF_TRY(split_scratch(s, &expanded_bytes, &middle_bytes));
  std::byte* memory = a.context().scratch.data();
  if (a.context().scratch.size() < expanded_bytes + middle_bytes) return Error::make(Code::out_of_memory, "no memory for %zu bytes between the stages", expanded_bytes + middle_bytes);
  TensorView expanded = *s.input;
  if (s.expand) {
    expanded = view_of(s.expanded, memory);
    packed_conv2d::convolve_packed(*s.input, *s.expand, s.expand_window, s.expand_finish, expanded);
  }
  const TensorView middle = s.project ? view_of(s.middle, memory + expanded_bytes) : outs[0];
  packed_conv2d::convolve_depthwise(expanded, *s.depthwise, s.window, s.finish, middle);
  if (s.project) packed_conv2d::convolve_packed(middle, *s.project, kPoint, s.project_finish, outs[0]);
  return {};
}

}  // namespace portfire::ops::inverted_residual
