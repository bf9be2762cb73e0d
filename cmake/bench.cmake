# Programs built on demand: ninja portfire_call_times, portfire_gemm_bench.
add_executable(portfire_call_times EXCLUDE_FROM_ALL bench/call_times.cc)
target_link_libraries(portfire_call_times PRIVATE portfire_runtime)

find_package(benchmark)
if(benchmark_FOUND)
  add_executable(portfire_gemm_bench EXCLUDE_FROM_ALL kernels/gemm/gemm_bench.cc)
  target_link_libraries(portfire_gemm_bench PRIVATE portfire_kernels benchmark::benchmark)
endif()
