// portfire::inverted_residual, a strip of rows at a time: the rows of the expanded image that a strip needs stand in a
// ring, of which only those are made that the strip before did not; the strip's depthwise rows are the matrix that
// `project` multiplies. Neither is ever written to memory beyond L2 (ops/inverted_residual.h: choose_strip).
#include <algorithm>

#include "kernels/conv/implicit_gemm.h"
#include "kernels/conv/window.h"
#include "kernels/gemm/pairs.h"
#include "kernels/isa.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/inverted_residual.h"

namespace portfire::conv {
namespace {

using gemm::kPanel;
using ops::inverted_residual::Stages;

struct Plan {
  bool expands, projects, clamp;
  ops::packed_conv2d::Window w;
  float low, high;
  ImplicitGemm expand, project;
  int64_t images, expanded_height, expanded_width, channels, height, width, out_channels;  // expanded, middle, out
  int64_t strip_rows, ring_rows, at_once;  // at_once: channels of the depthwise convolution
  bool rounds;                             // depthwise rows are rounded to bf16 for `project`, each while it is in L1
  size_t image_bytes;                                        // of scratch, for the input with its channels adjacent
  size_t ring_bytes, row_bytes, middle_bytes, thread_bytes;  // and for each thread
};

constexpr int64_t kLeastRounded = 96;  // channels of a pixel: fewer are rounded slower than a row is read twice more

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan;
  Stages s;
  if (ops::inverted_residual::read_stages(Args(o.args), &s) || !o.out(0).is_contiguous()) return false;
  if (s.project_finish.residual && !s.project_finish.residual->is_contiguous()) return false;
  const std::string_view activation = s.finish.activation;
  if ((!activation.empty() && activation != "relu" && activation != "clamp") || s.window.kernel[0] > kMostLines) return false;
  const TensorView &x = o.in(0), &out = o.out(0);
  p.expands = s.expand;
  p.projects = s.project;
  p.clamp = !activation.empty();
  p.low = activation == "clamp" ? static_cast<float>(s.finish.low) : 0;
  p.high = activation == "clamp" ? static_cast<float>(s.finish.high) : __builtin_inff();
  p.w = s.window;
  p.images = out.size(0);
  p.expanded_height = s.expanded.shape.sizes[1];
  p.expanded_width = s.expanded.shape.sizes[2];
  p.channels = s.expanded.shape.sizes[3];
  p.height = out.size(1);
  p.width = out.size(2);
  p.out_channels = out.size(3);
  const auto strip = ops::inverted_residual::choose_strip(s.window, p.expanded_height, p.expanded_width, p.height, p.width, p.channels);
  p.strip_rows = strip.rows;
  p.ring_rows = strip.expanded_rows;
  p.expand.image_bytes = p.expand.thread_bytes = p.project.thread_bytes = 0;
  p.project.bf16 = false;
  if (p.expands) {
    const TensorView expanded = TensorView::of<float>(nullptr, {p.images, p.expanded_height, p.expanded_width, p.channels});
    if (!plan_implicit_gemm(x, *s.expand, expanded, s.expand_window, s.expand_finish, &p.expand)) return false;
  }
  if (p.projects) {
    const TensorView rows = TensorView::of<float>(nullptr, {1, p.strip_rows, p.width, p.channels}), to = TensorView::of<float>(nullptr, {1, p.strip_rows, p.width, p.out_channels});
    if (!plan_implicit_gemm(rows, *s.project, to, {{1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}}, s.project_finish, &p.project)) return false;
  }
  p.ring_bytes = p.expands ? lines_of(p.ring_rows * p.expanded_width * p.channels) : 0;
  p.rounds = p.project.rounds = p.projects && p.project.bf16 && multiplies_bf16();
  p.at_once = std::min(p.channels, channels_at_once(s.window, p.expanded_width, p.channels));
  if (p.rounds && p.at_once < kLeastRounded) p.at_once = p.channels;
  p.row_bytes = p.rounds ? lines_of(p.width * p.at_once) : 0;
  const int64_t middle = p.projects ? p.strip_rows * p.width * p.channels : 0;
  p.middle_bytes = p.rounds ? whole_lines((static_cast<size_t>(middle) + gemm::kReadPast) * sizeof(uint16_t)) : lines_of(middle);
  p.thread_bytes = p.ring_bytes + p.row_bytes + p.middle_bytes + std::max(p.expand.thread_bytes, p.project.thread_bytes);
  p.image_bytes = p.expands ? p.expand.image_bytes : adjacent_bytes(x);
  *scratch = p.image_bytes + p.thread_bytes * o.threads;
  return true;
}

int64_t panels_of(int64_t channels) { return (channels + static_cast<int64_t>(kPanel) - 1) / static_cast<int64_t>(kPanel); }

// Pixels [first, first + count) of a product, as many at a time as it takes.
void run_product(const ImplicitGemm& p, const TensorView& x, Weights w, int64_t first, int64_t count, float* to, std::byte* memory) {
  for (int64_t done = 0; done < count; done += kMostPixels) {
    const int64_t at = done * p.channels;
    run_pixels(p, x, {w.packed, w.bias, w.residual ? w.residual + at : nullptr}, first + done, std::min(kMostPixels, count - done), 0, panels_of(p.channels),
               to + at, memory);
  }
}

const float* data(const TensorView* t) { return t ? t->as<float>() : nullptr; }
const void* packed(const TensorView* t) { return t ? t->data : nullptr; }

// What one thread carries along: a strip after the other, down one image.
class Walk {
 public:
  Walk(const Plan& p, const Operands& o, const TensorView& x, int64_t image, std::byte* memory)
      : p_(p), x_(x), image_(image), ring_(reinterpret_cast<float*>(memory)), row_(reinterpret_cast<float*>(memory + p.ring_bytes)),
        middle_(memory + p.ring_bytes + p.row_bytes), memory_(middle_ + p.middle_bytes), expand_{packed(o.optional(1)), data(o.optional(2)), nullptr},
        project_{packed(o.optional(5)), data(o.optional(6)), data(o.optional(7))}, out_(o.out(0).as<float>()) {
    static const WindowFn fn = depthwise_row();
    line_ = {fn, &p.w, p.expanded_width, p.width, p.channels, p.expands ? p.channels : x.strides[2], p.channels, p.rounds ? p.at_once : p.channels,
             o.in(3).as<float>(), data(o.optional(4)),
             p.clamp, p.low, p.high};
  }

  // Rows [begin, end) of the result, at most strip_rows.
  void strip(int64_t begin, int64_t end) {
    const auto& w = p_.w;
    const int64_t top = begin * w.stride[0] - w.padding[0], bottom = (end - 1) * w.stride[0] - w.padding[0] + (w.kernel[0] - 1) * w.dilation[0] + 1;
    if (p_.expands) make_rows(std::max<int64_t>(top, 0), std::min(bottom, p_.expanded_height));
    const int64_t pixel = (image_ * p_.height + begin) * p_.width;
    float* const to = p_.projects ? reinterpret_cast<float*>(middle_) : out_ + pixel * p_.channels;
    const int64_t line = p_.width * p_.channels;
    for (int64_t c = 0; c < p_.channels; c += p_.at_once) {
      const WindowLine part = channels_of(line_, c, p_.at_once);
      for (int64_t r = begin; r < end; ++r) {
        const float* lines[kMostLines];
        for (int64_t i = 0; i < w.kernel[0]; ++i) {
          const int64_t h = r * w.stride[0] - w.padding[0] + i * w.dilation[0];
          lines[i] = h >= 0 && h < p_.expanded_height ? row(h) + c : nullptr;
        }
        const int64_t at = (r - begin) * line + c;
        run_line(part, lines, p_.rounds ? row_ : to + at);
        if (p_.rounds) round_part(part, reinterpret_cast<uint16_t*>(middle_) + at);
      }
    }
    if (!p_.projects) return;
    const int64_t at = pixel * p_.out_channels;
    TensorView rows = TensorView::of(to, {1, end - begin, p_.width, p_.channels});
    if (p_.rounds) rows.dtype = DType::bf16;
    run_product(p_.project, rows, {project_.packed, project_.bias, project_.residual ? project_.residual + at : nullptr}, 0, (end - begin) * p_.width, out_ + at, memory_);
  }

 private:
  // Channels of a row of `middle`, to their places in bf16.
  void round_part(const WindowLine& part, uint16_t* to) const {
    const gemm::PairUnit& unit = *gemm::pair_unit();
    const auto count = static_cast<size_t>(part.channels);
    if (part.channels == p_.channels) return unit.round(row_, count * static_cast<size_t>(p_.width), to);
    for (int64_t i = 0; i < p_.width; ++i) unit.round(row_ + i * part.out_step, count, to + i * p_.channels);
  }
  const float* row(int64_t h) const {
    if (!p_.expands) return x_.as<float>() + image_ * x_.strides[0] + h * x_.strides[1];
    return ring_ + h % p_.ring_rows * p_.expanded_width * p_.channels;
  }

  // Those of the expanded image's rows [top, bottom) that are not there yet; where the ring begins anew, apart.
  void make_rows(int64_t top, int64_t bottom) {
    for (int64_t h = std::max(top, made_); h < bottom;) {
      const int64_t slot = h % p_.ring_rows, count = std::min(bottom - h, p_.ring_rows - slot);
      run_product(p_.expand, x_, expand_, (image_ * p_.expanded_height + h) * p_.expanded_width, count * p_.expanded_width,
                  ring_ + slot * p_.expanded_width * p_.channels, memory_);
      h += count;
    }
    made_ = std::max(made_, bottom);
  }

  const Plan& p_;
  const TensorView& x_;
  const int64_t image_;
  float *const ring_, *const row_;
  std::byte *const middle_, *const memory_;
  const Weights expand_, project_;
  float* const out_;
  WindowLine line_;
  int64_t made_ = 0;  // rows of the expanded image, all before it or no longer needed
};

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  if (p.images * p.height * p.width == 0) return {};
  const TensorView x = p.expands ? arrange(p.expand, o.in(0), context.scratch.data(), context.pool) : with_adjacent_channels(o.in(0), context.scratch.data(), context.pool);
  // Parts of an image make the rows at their borders twice: no more of them than threads need, and none where images do.
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t strips = (p.height + p.strip_rows - 1) / p.strip_rows;
  const int64_t parts = threads == 1 || p.images >= threads * 2 ? 1 : std::min(p.height, strips >= threads * 8 ? threads * 4 : threads);
  parallel(context.pool, static_cast<size_t>(p.images * parts), [&](size_t task, size_t worker) {
    const int64_t part = static_cast<int64_t>(task) % parts, begin = p.height * part / parts, end = p.height * (part + 1) / parts;
    Walk walk(p, o, x, static_cast<int64_t>(task) / parts, context.scratch.data() + p.image_bytes + worker * p.thread_bytes);
    for (int64_t r = begin; r < end; r += p.strip_rows) walk.strip(r, std::min(end, r + p.strip_rows));
  });
  return {};
}

}  // namespace

extern const Kernel kInvertedResidual;
const Kernel kInvertedResidual = {"portfire::inverted_residual", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
