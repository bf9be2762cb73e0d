// Where points of a grid lie in a plane, and the samples there, for each ISA: the nearest pixel, or four weighted ones.
#pragma once

#include <cstdint>

#include "kernels/spatial/pool_rows.h"

namespace portfire::spatial {

struct GridPlane {
  int64_t height, width, row, column;  // sizes, and steps of at least 0 in elements that stay below 2^31
  bool aligned;
  int padding;  // ops::grid_sampler::Padding
};

inline constexpr int64_t kPlaces = 256;

template <class T>
struct Places {
  alignas(64) T x[kPlaces], y[kPlaces];  // the grid's coordinates
  alignas(64) Number<T> at[4][kPlaces];  // the element; below 0: outside
  alignas(64) T weight[4][kPlaces];      // 0 outside
  bool inside;                           // all are
};
// Stands at at[0] of points which the reference's rules must place: not finite, or far away.
inline constexpr int kUnplaced = -2;

// Of n points, a multiple of 64, by ops/grid_points.h computed in T.
template <class T>
struct GridFunctions {
  // Give back whether all points are placed.
  bool (*nearest)(const GridPlane& plane, Places<T>* p, int64_t n);
  bool (*linear)(const GridPlane& plane, Places<T>* p, int64_t n);
  void (*take)(const Places<T>& p, const T* x, T* y, int64_t n);          // x[at[0]]
  void (*interpolate)(const Places<T>& p, const T* x, T* y, int64_t n);   // the weighted sum of four
};
// T: float, double.
template <class T>
GridFunctions<T> grid_functions();

}  // namespace portfire::spatial
