// portfire::conv2d_qs8 and conv2d_qd8. A pixel's window is laid out as one row of int16, less its zero point (padded places are then 0),
// and multiplied with the filters, in panels where there are pixels enough to lay those out for; filters of one channel each go channel
// by channel, side by side.
#include <algorithm>
#include <cstring>
#include <new>

#include "kernels/kernel.h"
#include "kernels/quant/int8.h"
#include "kernels/quant/products.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"
#include "ops/packed_conv2d.h"

namespace portfire::quant {
namespace {

using ops::packed_conv2d::Window;

constexpr int64_t kGrain = 1 << 17;  // products for a task at least
// Panels are made in each call, in about the time that 20 pixels take, and sums of filters as they lie cost most where filters are short.
constexpr int64_t kManyPixels = 128, kShortFilter = 64;

struct Plan {
  Window w;
  int64_t groups, depth, filters, k;  // depth: channels of x in a group; filters: of one group
  bool depthwise, panels;
  size_t rows, row_bytes, sum_bytes, shared_bytes, thread_bytes;  // rows: pixels at a time
  size_t pairs() const { return static_cast<size_t>(k + 1) / 2; }
  size_t panel_bytes() const { return pairs() * 2 * kPanelColumns; }
  int64_t group_panels() const { return (filters + static_cast<int64_t>(kPanelColumns) - 1) / static_cast<int64_t>(kPanelColumns); }
};

bool plan(const Operands& o, size_t first, size_t element, Plan* p, size_t* scratch) {
  const TensorView &x = o.in(0), &weight = o.in(1), &y = o.out(0);
  if (!x.is_contiguous() || !weight.is_contiguous() || !y.is_contiguous() || y.numel() == 0) return false;
  if (ops::packed_conv2d::read_window(Args(o.args), first, &p->w)) return false;
  p->groups = o.args[first + 4]->integer;
  p->depth = weight.size(3);
  p->filters = weight.size(0) / p->groups;
  p->k = weight.size(1) * weight.size(2) * weight.size(3);
  p->depthwise = p->depth == 1 && p->filters == 1;
  p->panels = !p->depthwise && (y.numel() / y.size(3) >= kManyPixels || p->k < kShortFilter);
  p->rows = p->depthwise ? 1 : p->panels ? kPanelRows : kRows;
  p->row_bytes = whole_lines(p->depthwise ? static_cast<size_t>(p->k) * 2 * sizeof(void*) : 2 * p->pairs() * sizeof(int16_t));
  p->sum_bytes = whole_lines((static_cast<size_t>(weight.size(0)) + kPanelColumns) * sizeof(int32_t));
  // Of qd8: the images as integers, and their scales. Then the filters: of depthwise ones by tap, or in panels.
  const size_t images = element == 1 ? 0 : whole_lines(static_cast<size_t>(x.numel())) + whole_lines(static_cast<size_t>(x.size(0)) * 2 * sizeof(float));
  p->shared_bytes = images + (p->depthwise ? whole_lines(static_cast<size_t>(weight.numel()) * sizeof(int16_t)) : 0) +
                    (p->panels ? static_cast<size_t>(p->groups * p->group_panels()) * p->panel_bytes() : 0);
  p->thread_bytes = p->rows * (p->row_bytes + p->sum_bytes);
  *scratch = p->shared_bytes + p->thread_bytes * o.threads;
  return true;
}

// The window of pixel (oy, ox), channels of one group, at `to`.
void lay_out(const Plan& p, const TensorView& x, const int8_t* image, int32_t zero, int64_t oy, int64_t ox, int64_t group, const Functions& f, int16_t* to) {
  const int64_t channels = x.size(3), width = x.size(2), left = ox * p.w.stride[1] - p.w.padding[1];
  const bool whole_rows = p.groups == 1 && p.w.dilation[1] == 1 && left >= 0 && left + p.w.kernel[1] <= width;
  for (int64_t ky = 0; ky < p.w.kernel[0]; ++ky) {
    const int64_t y = oy * p.w.stride[0] - p.w.padding[0] + ky * p.w.dilation[0];
    if (y < 0 || y >= x.size(1)) {
      std::fill_n(to, p.w.kernel[1] * p.depth, int16_t{0});
      to += p.w.kernel[1] * p.depth;
      continue;
    }
    const int8_t* row = image + y * width * channels + group * p.depth;
    if (whole_rows) {
      f.widen(row + left * channels, static_cast<size_t>(p.w.kernel[1] * channels), zero, to);
      to += p.w.kernel[1] * channels;
      continue;
    }
    for (int64_t kx = 0; kx < p.w.kernel[1]; ++kx, to += p.depth) {
      const int64_t v = left + kx * p.w.dilation[1];
      if (v < 0 || v >= width)
        std::fill_n(to, p.depth, int16_t{0});
      else
        f.widen(row + v * channels, static_cast<size_t>(p.depth), zero, to);
    }
  }
}

// Sums of all channels of one or two pixels of a row, in the order of the filters.
void dense_pixels(const Plan& p, const TensorView& x, const TensorView& weight, const int8_t* image, int32_t zero, int64_t oy, int64_t ox, size_t pixels,
                  const Functions& f, const Products& m, int16_t* const* rows, int32_t* const* sums) {
  for (int64_t g = 0; g < p.groups; ++g) {
    for (size_t i = 0; i < pixels; ++i) lay_out(p, x, image, zero, oy, ox + static_cast<int64_t>(i), g, f, rows[i]);
    for (int64_t c = 0; c < p.filters; c += kColumns) {
      const int64_t count = std::min<int64_t>(kColumns, p.filters - c), first = g * p.filters + c;
      const int8_t* b[kColumns];
      for (int64_t j = 0; j < static_cast<int64_t>(kColumns); ++j) b[j] = weight.as<int8_t>() + (first + std::min(j, count - 1)) * p.k;
      int32_t tile[kRows * kColumns];
      m.dots(rows, pixels, b, static_cast<size_t>(p.k), tile);
      for (size_t i = 0; i < pixels; ++i) std::copy_n(tile + i * kColumns, count, sums[i] + first);
    }
  }
}

// The filters in panels, those of a group after each other; what a panel has no column or k for is 0.
void lay_out_panels(const Plan& p, const int8_t* weight, int8_t* to) {
  for (int64_t g = 0; g < p.groups; ++g)
    for (int64_t c = 0; c < p.filters; c += kPanelColumns, to += p.panel_bytes()) {
      const int64_t count = std::min<int64_t>(kPanelColumns, p.filters - c);
      if (count < static_cast<int64_t>(kPanelColumns) || p.k % 2) std::memset(to, 0, p.panel_bytes());
      for (int64_t j = 0; j < count; ++j) {
        const int8_t* filter = weight + (g * p.filters + c + j) * p.k;
        int8_t* column = to + 2 * j;
        int64_t k = 0;
        for (; k + 2 <= p.k; k += 2, column += 2 * kPanelColumns) std::memcpy(column, filter + k, 2);
        if (k < p.k) *column = filter[k];
      }
    }
}

// As dense_pixels, of up to kPanelRows pixels.
void panel_pixels(const Plan& p, const TensorView& x, const int8_t* panels, const int8_t* image, int32_t zero, int64_t oy, int64_t ox, size_t pixels,
                  const Functions& f, const Products& m, int16_t* const* rows, int32_t* const* sums) {
  for (int64_t g = 0; g < p.groups; ++g) {
    for (size_t i = 0; i < pixels; ++i) {
      lay_out(p, x, image, zero, oy, ox + static_cast<int64_t>(i), g, f, rows[i]);
      if (p.k % 2) rows[i][p.k] = 0;
    }
    const int16_t* a[kPanelRows];
    for (size_t i = 0; i < kPanelRows; ++i) a[i] = rows[std::min(i, pixels - 1)];
    // A panel's columns that are no filter's end where the next group's sums, or nothing, come to lie.
    for (int64_t c = 0; c < p.filters; c += kPanelColumns, panels += p.panel_bytes()) {
      int32_t* to[kPanelRows];
      for (size_t i = 0; i < kPanelRows; ++i) to[i] = sums[i] + g * p.filters + c;
      m.panel(a, panels, p.pairs(), to);
    }
  }
}

// pointers: room for two of each tap, those of x first.
void depthwise_pixel(const Plan& p, const TensorView& x, const int16_t* taps, const int8_t* image, int32_t zero, int64_t oy, int64_t ox, const Products& m,
                     const void** pointers, int32_t* sums) {
  const int64_t channels = x.size(3);
  auto** from = reinterpret_cast<const int8_t**>(pointers);
  auto** by = reinterpret_cast<const int16_t**>(pointers + p.k);
  size_t count = 0;
  for (int64_t ky = 0; ky < p.w.kernel[0]; ++ky)
    for (int64_t kx = 0; kx < p.w.kernel[1]; ++kx) {
      const int64_t y = oy * p.w.stride[0] - p.w.padding[0] + ky * p.w.dilation[0], v = ox * p.w.stride[1] - p.w.padding[1] + kx * p.w.dilation[1];
      if (y < 0 || y >= x.size(1) || v < 0 || v >= x.size(2)) continue;
      from[count] = image + (y * x.size(2) + v) * channels;
      by[count++] = taps + (ky * p.w.kernel[1] + kx) * channels;
    }
  m.weigh(from, by, count, static_cast<size_t>(channels), zero, sums);
}

// Calls finish(image, pixel number, sums) for each pixel of the result.
template <class F>
void convolve(const Plan& p, const Operands& o, const KernelContext& context, const int8_t* x, auto zero_of, std::byte* filters, F finish) {
  const TensorView &in = o.in(0), &weight = o.in(1), &out = o.out(0);
  const Functions& f = functions();
  const Products& m = products();
  auto* taps = reinterpret_cast<int16_t*>(filters);
  auto* panels = reinterpret_cast<int8_t*>(filters);
  if (p.panels) lay_out_panels(p, weight.as<int8_t>(), panels);
  if (p.depthwise) {
    const int64_t channels = weight.size(0);
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < p.k; ++t) taps[t * channels + c] = weight.as<int8_t>()[c * p.k + t];
  }
  const int64_t lines = out.size(0) * out.size(1), columns = out.size(2), image_size = in.size(1) * in.size(2) * in.size(3);
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::min(std::clamp<int64_t>(out.numel() * p.k / kGrain, 1, threads), lines);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t worker) {
    std::byte* own = context.scratch.data() + p.shared_bytes + worker * p.thread_bytes;
    int16_t* rows[kPanelRows];
    int32_t* sums[kPanelRows];
    for (size_t r = 0; r < p.rows; ++r) {
      rows[r] = reinterpret_cast<int16_t*>(own + r * p.row_bytes);
      sums[r] = reinterpret_cast<int32_t*>(own + p.rows * p.row_bytes + r * p.sum_bytes);
    }
    const auto step = static_cast<int64_t>(p.rows);
    const auto t = static_cast<int64_t>(task);
    for (int64_t line = lines * t / tasks; line < lines * (t + 1) / tasks; ++line) {
      const int64_t n = line / out.size(1), oy = line % out.size(1);
      const int8_t* image = x + n * image_size;
      const int32_t zero = zero_of(n);
      for (int64_t ox = 0; ox < columns; ox += step) {
        const auto pixels = static_cast<size_t>(std::min(step, columns - ox));
        if (p.depthwise)
          depthwise_pixel(p, in, taps, image, zero, oy, ox, m, reinterpret_cast<const void**>(own), sums[0]);
        else if (p.panels)
          panel_pixels(p, in, panels, image, zero, oy, ox, pixels, f, m, rows, sums);
        else
          dense_pixels(p, in, weight, image, zero, oy, ox, pixels, f, m, rows, sums);
        for (size_t i = 0; i < pixels; ++i) finish(n, line * columns + ox + static_cast<int64_t>(i), sums[i]);
      }
    }
  });
}

bool prepare_qs8(const Operands& o, void* state, size_t* scratch) { return plan(o, 8, 1, new (state) Plan, scratch); }

Error run_qs8(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const TensorView* bias = o.optional(2);
  const ops::Requantization to{o.args[5]->integer, o.args[6]->integer, o.args[7]->integer};
  const auto zero = static_cast<int32_t>(o.args[4]->integer);
  const int64_t channels = o.in(1).size(0);
  const Functions& f = functions();
  convolve(p, o, context, o.in(0).as<int8_t>(), [&](int64_t) { return zero; }, context.scratch.data(),
           [&](int64_t, int64_t pixel, const int32_t* sums) {
             f.requantize(sums, bias ? bias->as<int32_t>() : nullptr, o.in(3).as<float>(), static_cast<size_t>(channels), to, o.out(0).as<int8_t>() + pixel * channels);
           });
  return {};
}

bool prepare_qd8(const Operands& o, void* state, size_t* scratch) { return plan(o, 4, 4, new (state) Plan, scratch); }

Error run_qd8(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const TensorView &x = o.in(0), *bias = o.optional(2);
  const Functions& f = functions();
  struct Image {
    float scale;
    int32_t zero;
  };
  auto* integers = reinterpret_cast<int8_t*>(context.scratch.data());
  auto* images = reinterpret_cast<Image*>(context.scratch.data() + whole_lines(static_cast<size_t>(x.numel())));
  std::byte* filters = reinterpret_cast<std::byte*>(images) + whole_lines(static_cast<size_t>(x.size(0)) * sizeof(Image));
  const int64_t size = x.size(1) * x.size(2) * x.size(3), channels = o.in(1).size(0);
  parallel(context.pool, static_cast<size_t>(x.size(0)), [&](size_t task, size_t) {
    const auto n = static_cast<int64_t>(task);
    float least = 0, most = 0;
    f.extent(x.as<float>() + n * size, static_cast<size_t>(size), &least, &most);
    const auto scale = ops::DynamicScale::of(least, most);
    f.quantize(x.as<float>() + n * size, static_cast<size_t>(size), scale, integers + n * size);
    images[n] = {scale.scale, scale.zero};
  });
  convolve(p, o, context, integers, [&](int64_t n) { return images[n].zero; }, filters, [&](int64_t n, int64_t pixel, const int32_t* sums) {
    float* to = o.out(0).as<float>() + pixel * channels;
    for (int64_t c = 0; c < channels; ++c)
      to[c] = static_cast<float>(sums[c]) * (images[n].scale * o.in(3).as<float>()[c]) + (bias ? bias->as<float>()[c] : 0.0f);
  });
  return {};
}

}  // namespace

extern const Kernel kConv2dQs8, kConv2dQd8;
const Kernel kConv2dQs8 = {"portfire::conv2d_qs8", sizeof(Plan), prepare_qs8, run_qs8};
const Kernel kConv2dQd8 = {"portfire::conv2d_qd8", sizeof(Plan), prepare_qd8, run_qd8};

}  // namespace portfire::quant
