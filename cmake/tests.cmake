# Unit tests stand beside their source as *_test.cc; one program holds them all.
find_package(GTest REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS
  core/*_test.cc format/*_test.cc ops/*_test.cc kernels/*_test.cc runtime/*_test.cc compiler/*_test.cc cli/*_test.cc tests/*_test.cc)
add_executable(portfire_tests tests/main/gtest_main.cc ${test_sources})
target_compile_definitions(portfire_tests PRIVATE PORTFIRE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(portfire_tests PRIVATE portfire_compiler portfire_runtime GTest::gtest GTest::gmock)
target_precompile_headers(portfire_tests PRIVATE <gtest/gtest.h>)

include(GoogleTest)
gtest_discover_tests(portfire_tests DISCOVERY_TIMEOUT 60)
add_test(NAME layering COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/layering.py ${PROJECT_SOURCE_DIR})
add_test(NAME operators_doc COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/operators_doc.py $<TARGET_FILE:portfire> ${PROJECT_SOURCE_DIR})
# Kernels on every instruction set that the machine has, against the references.
foreach(isa sse2 sse4 avx2)
  add_test(NAME kernels_${isa} COMMAND portfire_tests --gtest_filter=Gemm.*:Convolution.*:Attention.*:Norm.*:Recurrent.*:Pointwise*:Reduce*:Copy*)
  set_tests_properties(kernels_${isa} PROPERTIES ENVIRONMENT PORTFIRE_ISA=${isa} SKIP_RETURN_CODE 77)
endforeach()
