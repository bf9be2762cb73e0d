// What this machine can do at this moment: the two roofs that a profile holds its times against. Nothing is kept: a
// neighbour that takes half the machine halves what is measured.
#pragma once

#include <span>

namespace portfire {

class ThreadPool;

// Floating-point operations a second of f32 fused multiply-adds (each counts two) on all threads of the pool, registers
// only; on the calling thread where there is no pool. The best of several tries, some 30 ms.
double measure_flops(ThreadPool* pool);

// Bytes a second that all threads together read from `memory`, the best of several passes. The memory must be much larger
// than the caches for this to be that of DRAM.
double measure_bandwidth(ThreadPool* pool, std::span<const float> memory);

}  // namespace portfire
