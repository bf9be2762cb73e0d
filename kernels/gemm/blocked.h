// f32 products of two sides that are only known at run time. Neither is packed as a whole: of B a block that L2 holds,
// and of A, where its rows are no runs, as many rows as are used with it.
#pragma once

#include "kernels/gemm/gemm.h"

namespace portfire::gemm {

// Row i of A begins at a + i / run * outer + i % run * row; element k of it is k * column further.
struct Left {
  const float* a;
  int64_t row, column;
  int64_t run = INT64_MAX, outer = 0;
};
// Element (k, n) at b[k * row + n * column].
struct Right {
  const float* b;
  int64_t row, column;
};
// C (m x n, rows ldc apart) = A B + epilogue. k > 0.
struct Blocked {
  size_t m, n, k;
  Left left;
  Right right;
  float* c;
  int64_t ldc;
  Epilogue epilogue;
};

// Floats of scratch for each thread, whole cache lines.
size_t blocked_scratch(size_t m, size_t n, size_t k, const Left& left);
// Rows [m0, m1) of panels [p0, p1).
void run(const Blocked& g, size_t m0, size_t m1, size_t p0, size_t p1, float* scratch);
// All of C, on the pool where it is worth it.
void run_parallel(const Blocked& g, float* scratch, ThreadPool* pool);

}  // namespace portfire::gemm
