# The modules, in the direction of their includes (tests/layering.py enforces it).
# Sources are globbed: a new file needs no edit here. `*_test.cc` and `*_fuzz.cc` are left out.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)
if(PORTFIRE_HOST)
  find_package(fmt REQUIRED)
  find_package(simdjson REQUIRED)
  find_package(ZLIB REQUIRED)
  pkg_check_modules(minizip REQUIRED IMPORTED_TARGET minizip)
endif()

function(portfire_module name)
  file(GLOB sources CONFIGURE_DEPENDS ${ARGN})
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|_bench|/main)\\.cc$")
  add_library(portfire_${name} STATIC ${sources})
  target_include_directories(portfire_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  if(PORTFIRE_SANITIZE)  # host and device code, with and without RTTI, share objects
    target_compile_options(portfire_${name} PUBLIC -fno-sanitize=vptr)
  endif()
endfunction()
# What nearly every file of a module includes, parsed once. The files still include what they use.
function(portfire_precompile name)
  target_precompile_headers(portfire_${name} PRIVATE <algorithm> <cmath> <cstring> <limits> <string> <vector> ${ARGN})
endfunction()
# Device code: small, and without exceptions or RTTI.
function(portfire_device_module name)
  portfire_module(${name} ${ARGN})
  target_compile_options(portfire_${name} PRIVATE -fno-exceptions -fno-rtti)
endfunction()

portfire_device_module(core core/*.cc)
portfire_device_module(ops ops/*.cc)
target_sources(portfire_ops PRIVATE ${ops_device_sources})
target_link_libraries(portfire_ops PUBLIC portfire_core)
# Integers wrap in PyTorch's operators, and shape rules compute with any numbers that a file holds: sums may wrap,
# what comes out is checked (checked_bytes, and the extent of views).
target_compile_options(portfire_ops PRIVATE -fwrapv)
portfire_precompile(ops ops/element.h)
set_target_properties(portfire_ops PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)

# The file formats: generated accessors, verified views, writers.
find_program(flatc flatc REQUIRED)
foreach(schema program tensor_data xnnpack bundle)
  set(header ${PROJECT_BINARY_DIR}/generated/${schema}_generated.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${flatc} --cpp -o ${PROJECT_BINARY_DIR}/generated ${PROJECT_SOURCE_DIR}/format/${schema}.fbs
    DEPENDS ${PROJECT_SOURCE_DIR}/format/${schema}.fbs VERBATIM)
  list(APPEND format_headers ${header})
endforeach()
add_custom_target(portfire_format_headers DEPENDS ${format_headers})
portfire_device_module(format format/*.cc)
target_include_directories(portfire_format PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>)
target_link_libraries(portfire_format PUBLIC portfire_core)
add_dependencies(portfire_format portfire_format_headers)

portfire_device_module(kernels kernels/*.cc kernels/*/*.cc)
target_link_libraries(portfire_kernels PUBLIC portfire_ops PkgConfig::hwy Threads::Threads)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  set(intrinsics <immintrin.h>)
endif()
portfire_precompile(kernels ${intrinsics} <hwy/base.h> kernels/kernel.h)
# AVX3_DL of Highway 1.0.3 detects less than it enables; SSSE3 is nobody's machine any more. Sanitized, the kernels are those of
# AVX2: the same source, and AVX-512's tiles of 24 sums take minutes to compile when instrumented.
set(disabled "HWY_AVX3_DL|HWY_SSSE3")
if(PORTFIRE_SANITIZE)
  string(APPEND disabled "|HWY_AVX3")
  target_compile_options(portfire_kernels PRIVATE -O2)  # what -O1 leaves of Highway's small functions takes clang four times as long
endif()
target_compile_definitions(portfire_kernels PRIVATE "HWY_DISABLED_TARGETS=(${disabled})")

# g++ 12 stops with an internal error where it turns a loop beside SVE's intrinsics into vectors.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64 AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set_source_files_properties(kernels/fft/stages.cc PROPERTIES COMPILE_OPTIONS -fno-tree-vectorize)
endif()
if(PORTFIRE_SANITIZE)  # the same; tests have these tiles over an emulated unit
  set_source_files_properties(kernels/gemm/pairs_avx512.cc PROPERTIES COMPILE_OPTIONS -fno-sanitize=all SKIP_PRECOMPILE_HEADERS ON)
  # Addresses alone: with both it takes minutes to compile.
  set_source_files_properties(kernels/gemm/tile.cc PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined SKIP_PRECOMPILE_HEADERS ON)
endif()

portfire_device_module(runtime runtime/*.cc)
target_link_libraries(portfire_runtime PUBLIC portfire_kernels portfire_format)
portfire_precompile(runtime ops/element.h kernels/kernel.h)

if(NOT PORTFIRE_HOST)
  return()
endif()

# Decompositions: many small functions that run once for each node. Built for compile time.
add_library(portfire_ops_host OBJECT ${ops_host_sources})
target_include_directories(portfire_ops_host PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_options(portfire_ops_host PRIVATE -O1 -fwrapv $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
target_precompile_headers(portfire_ops_host PRIVATE compiler/ir/builder.h)
set_target_properties(portfire_ops_host PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)

portfire_module(compiler compiler/*/*.cc)
target_sources(portfire_compiler PRIVATE $<TARGET_OBJECTS:portfire_ops_host>)
target_compile_options(portfire_compiler PRIVATE -fwrapv $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
portfire_precompile(compiler <map> <set> <fmt/format.h> compiler/ir/builder.h)
# The same tables as objects that can be changed: for what rewrites programs.
set(program_objects ${PROJECT_BINARY_DIR}/generated/program_objects.h)
add_custom_command(OUTPUT ${program_objects}
  COMMAND ${flatc} --cpp --gen-object-api --force-empty -o ${PROJECT_BINARY_DIR}/generated --filename-suffix _objects ${PROJECT_SOURCE_DIR}/format/program.fbs
  DEPENDS ${PROJECT_SOURCE_DIR}/format/program.fbs VERBATIM)
add_custom_target(portfire_program_objects DEPENDS ${program_objects})
add_dependencies(portfire_compiler portfire_program_objects)
# What links it gets it as the runtime's compiler (runtime/module.cc asks, and takes nothing from it).
target_link_options(portfire_compiler INTERFACE "LINKER:-u,$<$<BOOL:${APPLE}>:_>portfire_compiler")
target_link_libraries(portfire_compiler PUBLIC portfire_ops portfire_format fmt::fmt simdjson::simdjson PkgConfig::minizip ZLIB::ZLIB)

portfire_module(autodiff autodiff/*.cc)
target_link_libraries(portfire_autodiff PUBLIC portfire_compiler)

portfire_module(training training/*.cc)
target_link_libraries(portfire_training PUBLIC portfire_autodiff)
portfire_precompile(training <map> <set> <fmt/format.h> compiler/ir/builder.h)

# The commands, without `main`: tests and fuzzers use them too.
portfire_module(cli cli/*.cc)
# The page of `inspect --html`.
file(GLOB page_sources CONFIGURE_DEPENDS cli/html/*)
set(page_text ${PROJECT_BINARY_DIR}/generated/page_text.cc)
add_custom_command(OUTPUT ${page_text}
  COMMAND ${CMAKE_COMMAND} -DFOLDER=${PROJECT_SOURCE_DIR}/cli/html -DOUT=${page_text} -P ${PROJECT_SOURCE_DIR}/cmake/page.cmake
  DEPENDS ${page_sources} ${PROJECT_SOURCE_DIR}/cmake/page.cmake VERBATIM)
target_sources(portfire_cli PRIVATE ${page_text})
target_compile_options(portfire_cli PRIVATE $<$<CONFIG:Release>:-O1>)  # for compile time: it reads arguments and writes text
portfire_precompile(cli <fmt/format.h> compiler/ir/graph.h)
target_link_libraries(portfire_cli PUBLIC portfire_training portfire_autodiff portfire_compiler portfire_runtime fmt::fmt)
add_executable(portfire cli/main.cc)
target_link_libraries(portfire PRIVATE portfire_cli)
target_compile_options(portfire PRIVATE -O0)  # CLI11's templates, run once
