# The modules, in the direction of their includes (tests/layering.py enforces it).
# Sources are globbed: a new file needs no edit here. `*_test.cc` and `*_fuzz.cc` are left out.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)

function(portfire_module name)
  file(GLOB sources CONFIGURE_DEPENDS ${ARGN})
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|_bench)\\.cc$")
  add_library(portfire_${name} STATIC ${sources})
  target_include_directories(portfire_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
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

portfire_module(compiler compiler/*/*.cc)
target_sources(portfire_compiler PRIVATE ${ops_host_sources})
target_link_libraries(portfire_compiler PUBLIC portfire_ops fmt::fmt simdjson::simdjson)
