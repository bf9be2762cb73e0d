# Unit tests stand beside their source as *_test.cc; one program holds them all.
if(NOT PORTFIRE_HOST)
  # GoogleTest has no package for every device: from the sources that Debian's package libgtest-dev carries.
  add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
  file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS core/*_test.cc format/*_test.cc ops/*_test.cc kernels/*_test.cc runtime/*_test.cc)
  add_executable(portfire_tests tests/main/gtest_main.cc ${test_sources})
  target_link_libraries(portfire_tests PRIVATE portfire_runtime gtest gmock)
  return()
endif()

find_package(GTest REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS
  core/*_test.cc format/*_test.cc ops/*_test.cc kernels/*_test.cc runtime/*_test.cc compiler/*_test.cc cli/*_test.cc tests/*_test.cc)
add_executable(portfire_tests tests/main/gtest_main.cc ${test_sources})
target_compile_definitions(portfire_tests PRIVATE PORTFIRE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(portfire_tests PRIVATE portfire_cli GTest::gtest GTest::gmock)
target_precompile_headers(portfire_tests PRIVATE <gtest/gtest.h>)
target_compile_options(portfire_tests PRIVATE $<$<CONFIG:Release>:-O1>)  # they are built more often than they take long

include(GoogleTest)
gtest_discover_tests(portfire_tests DISCOVERY_TIMEOUT 60)
add_test(NAME layering COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/layering.py ${PROJECT_SOURCE_DIR})
add_test(NAME operators_doc COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/operators_doc.py $<TARGET_FILE:portfire> ${PROJECT_SOURCE_DIR})
# Kernels on every instruction set that the machine has, against the references.
set(isas scalar sse4 avx2)
if(PORTFIRE_SANITIZE)  # the machine's own has been seen by then, and it takes minutes
  set(isas sse4)
endif()
foreach(isa ${isas})
  add_test(NAME kernels_${isa} COMMAND portfire_tests --gtest_filter=Gemm.*:Convolution.*:Attention.*:Norm.*:Recurrent.*:Pointwise*:Reduce*:Copy*:Scans*:Sort*:Topk*:EmbeddingBag*:Extremes*:Index*:QuantKernels*:AffineKernels*:CachedAttention*)
  set_tests_properties(kernels_${isa} PROPERTIES ENVIRONMENT PORTFIRE_ISA=${isa} SKIP_RETURN_CODE 77)
endforeach()

# The command line on bad files, full disks and wrong calls; neither needs PyTorch.
file(GLOB cli_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/test_*.py)
if(PORTFIRE_SANITIZE)  # needs memory of its own
  list(FILTER cli_tests EXCLUDE REGEX "test_memory|test_bad_files")  # the sanitizer's allocator ends at sizes that malloc refuses
endif()
foreach(script ${cli_tests})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME cli_${name} COMMAND Python3::Interpreter ${script})
  set_tests_properties(cli_${name} PROPERTIES ENVIRONMENT "PORTFIRE_BINARY=$<TARGET_FILE:portfire>;PORTFIRE_PEAK=$<TARGET_FILE:portfire_peak>;PYTHONDONTWRITEBYTECODE=1;PORTFIRE_SANITIZED=$<BOOL:${PORTFIRE_SANITIZE}>")
endforeach()

add_executable(portfire_peak tests/cli/peak.cc)

if(NOT PORTFIRE_SANITIZE)  # sanitizers bring their own malloc
  add_executable(portfire_no_heap_test tests/main/no_heap_main.cc)
  target_compile_definitions(portfire_no_heap_test PRIVATE PORTFIRE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(portfire_no_heap_test PRIVATE portfire_cli)
  add_test(NAME no_heap COMMAND portfire_no_heap_test)
endif()
