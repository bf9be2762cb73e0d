# Programs that bench/ builds on demand: ninja portfire_call_times.
add_executable(portfire_call_times EXCLUDE_FROM_ALL bench/call_times.cc)
target_link_libraries(portfire_call_times PRIVATE portfire_runtime)
