# `cmake --install`: the runtime as static libraries, the public headers, the command line, and a package
# that others find: find_package(portfire) gives portfire::portfire, find_package(portfire COMPONENTS compiler) portfire::compiler too.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(portfire_api INTERFACE)
target_link_libraries(portfire_api INTERFACE portfire_runtime)
target_include_directories(portfire_api INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(portfire_api INTERFACE cxx_std_20)
set_target_properties(portfire_api PROPERTIES EXPORT_NAME portfire)
foreach(name core format ops kernels runtime)
  set_target_properties(portfire_${name} PROPERTIES EXPORT_NAME ${name})
  list(APPEND exported portfire_${name})
endforeach()

set_target_properties(portfire_compiler PROPERTIES EXPORT_NAME compiler)

install(TARGETS portfire_compiler EXPORT portfire_compiler ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS portfire_api ${exported} EXPORT portfire ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS portfire RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/portfire DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/portfire)
install(EXPORT portfire NAMESPACE portfire:: FILE portfire-targets.cmake DESTINATION ${package})
install(EXPORT portfire_compiler NAMESPACE portfire:: FILE portfire-compiler-targets.cmake DESTINATION ${package})
configure_package_config_file(cmake/portfire-config.cmake.in ${PROJECT_BINARY_DIR}/portfire-config.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/portfire-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/portfire-config.cmake ${PROJECT_BINARY_DIR}/portfire-config-version.cmake DESTINATION ${package})
