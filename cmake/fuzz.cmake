# Harnesses: tests/fuzz/NAME_fuzz.cc holds one libFuzzer entry point each. With clang and PORTFIRE_FUZZ
# they are fuzzers; else programs that run the files they are given once each.
file(GLOB harnesses CONFIGURE_DEPENDS tests/fuzz/*_fuzz.cc)
file(GLOB fuzz_support CONFIGURE_DEPENDS tests/fuzz/*.cc)
list(FILTER fuzz_support EXCLUDE REGEX "(_fuzz|_main)\\.cc$")
add_library(portfire_fuzz_support STATIC ${fuzz_support})
target_link_libraries(portfire_fuzz_support PUBLIC portfire_cli)

foreach(source ${harnesses})
  get_filename_component(name ${source} NAME_WE)
  if(PORTFIRE_FUZZ)
    add_executable(${name} ${source})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${source} tests/fuzz/replay_main.cc)
  endif()
  target_link_libraries(${name} PRIVATE portfire_fuzz_support)
endforeach()

# The seeds of the corpus, and all that was ever found, must pass.
if(PORTFIRE_TESTS AND NOT PORTFIRE_FUZZ)
  foreach(harness pt2 pte npy op)
    set(seeds ${PROJECT_SOURCE_DIR}/tests/crashers/${harness})
    if(harness STREQUAL pt2)
      list(APPEND seeds ${PROJECT_SOURCE_DIR}/tests/corpus)
    endif()
    add_test(NAME replay_${harness} COMMAND ${harness}_fuzz ${seeds})
  endforeach()
endif()
