// Channels of images as lines, for convolutions whose weights are only known at run time.
//
// Each channel of a batch becomes a line, every image in a frame of zeros for its padding. What one tap of the kernel reads
// is then that line from an offset on, whatever the pixel: results at positions p, p + 1, ... of the frame take inputs
// line[p + offset], line[p + 1 + offset], .... Rows and images share their zeros: what is read behind the end of one are the
// zeros before the next. Positions within frames that belong to no result are computed and left out.
//
// Where the kernel moves by a step s, a line becomes s lines (s_d * s_h * s_w), each of every s-th pixel, of which a tap reads
// one. So results stay side by side.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/tensor_view.h"

namespace portfire {
class ThreadPool;
}

namespace portfire::conv {

// How results meet inputs along one dimension: result q in [0, count), taken by the tap of offset e in [low, high], reads input
// q * step + e, a zero where there is none.
struct Axis {
  int64_t in, step, count, low, high;
};

struct Lines {
  int64_t lead[3], used[3];  // zeros before the first pixel; pixels that are read
  int64_t step[3], size[3];  // of each of the lines of a channel: pixels of an image
  int64_t image;             // positions of an image; results of the next one come so much later
  int64_t phases;            // lines of a channel
  int64_t reach;             // beyond a position, at most
};
Lines plan_lines(const Axis (&axes)[3]);

// Numbers from a line to the next, of so many images, where `overrun` numbers behind the last are read too. Lines of an odd
// number of cache lines do not meet in a few sets of a cache.
int64_t line_length(const Lines& l, int64_t images, int64_t overrun, int64_t element);

// Where the tap reads that takes input q * step + e[d] for result q: from the channel's first line on.
int64_t tap_offset(const Lines& l, const int64_t (&e)[3], int64_t line);

// Place of tap k of a kernel along its dimensions.
struct Tap {
  int64_t at[3];
};
inline Tap tap_of(const int64_t (&kernel)[3], int64_t k) { return {{k / kernel[2] / kernel[1], k / kernel[2] % kernel[1], k % kernel[2]}}; }

// What lines are laid out for, along one dimension; anything else is left to others.
inline bool is_usual(int64_t taps, int64_t dilation, int64_t padding, int64_t stride) {
  return static_cast<double>(taps) * static_cast<double>(dilation) <= 1e6 && static_cast<double>(padding) <= 1e6 && stride <= 1 << 16;
}

// Positions to the last of `counts` results of the last of `images`.
inline int64_t positions(const Lines& l, int64_t images, const int64_t (&counts)[3]) {
  return (images - 1) * l.image + ((counts[0] - 1) * l.size[1] + counts[1] - 1) * l.size[2] + counts[2];
}

// All channels of images [first, first + images) of x, a volume of a type that T holds: channel c from to[c * phases * line] on.
template <class T>
void fill_lines(const Lines& l, const TensorView& x, int64_t first, int64_t images, T* to, int64_t line, ThreadPool* pool);

// Calls f(from, n, to, length) for the runs of results among positions [first, first + count): `from` counts from `first`, `n` is
// the image, `to` are the first result's numbers along the dimensions.
template <class F>
void for_results(const Lines& l, const int64_t (&counts)[3], int64_t first, int64_t count, F f) {
  const int64_t width = l.size[2];
  for (int64_t row = first / width; row * width < first + count; ++row) {
    const int64_t h = row % l.size[1], d = row / l.size[1] % l.size[0], n = row / l.size[1] / l.size[0];
    if (d >= counts[0] || h >= counts[1]) continue;
    const int64_t low = first > row * width ? first - row * width : 0, left = first + count - row * width, high = left < counts[2] ? left : counts[2];
    if (low < high) f(row * width + low - first, n, d, h, low, high - low);
  }
}

// A few numbers: calls would cost more.
template <class T>
inline void copy_run(T* to, const T* from, int64_t n) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) __builtin_memcpy(to + i, from + i, 4 * sizeof(T));
  for (; i < n; ++i) to[i] = from[i];
}

}  // namespace portfire::conv
