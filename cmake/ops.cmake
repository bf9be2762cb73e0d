# Tables of operators, generated from the file names in ops/: each header `ops/NAME.h` that says
# `using Ops = OpList<...>` inside `namespace portfire::ops::NAME` is one entry.
file(GLOB op_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ops/*.h)
set(op_names "")
foreach(header ${op_headers})
  file(STRINGS ${header} found REGEX "^using Ops = OpList<" LIMIT_COUNT 1)
  if(found)
    get_filename_component(name ${header} NAME_WE)
    list(APPEND op_names ${name})
  endif()
endforeach()

set(generated ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated}/ops)

function(write_if_changed path text)
  if(EXISTS ${path})
    file(READ ${path} old)
    if(old STREQUAL text)
      return()
    endif()
  endif()
  file(WRITE ${path} "${text}")
endfunction()

set(device_declarations "")
set(host_declarations "")
set(device_entries "")
set(host_entries "")
# A table alone takes longer to read its headers than to compile: eight are one unit.
foreach(name ${op_names})
  write_if_changed(${generated}/ops/${name}.device.cc
"#include \"ops/${name}.h\"
namespace portfire::ops::${name} {
extern const OpTable device_table;
static constexpr auto ops = make_table(Ops{});
const OpTable device_table{ops.ops, ops.count};
}
")
  write_if_changed(${generated}/ops/${name}.host.cc
"#include \"compiler/ir/gradient.h\"
#include \"ops/${name}.h\"
namespace portfire::ops::${name} {
extern const ir::HostOpTable host_table;
static constexpr auto host_ops = ir::make_host_table(Ops{});
const ir::HostOpTable host_table{host_ops.ops, host_ops.count};
}
")
  string(APPEND device_declarations "namespace portfire::ops::${name} { extern const OpTable device_table; }\n")
  string(APPEND host_declarations "namespace portfire::ops::${name} { extern const ir::HostOpTable host_table; }\n")
  string(APPEND device_entries "    ops::${name}::device_table,\n")
  string(APPEND host_entries "    ops::${name}::host_table,\n")
  list(APPEND ops_device_sources ${generated}/ops/${name}.device.cc)
  list(APPEND ops_host_sources ${generated}/ops/${name}.host.cc)
  list(LENGTH ops_host_sources count)
  math(EXPR batch "${count} / 8")
  set_source_files_properties(${generated}/ops/${name}.device.cc ${generated}/ops/${name}.host.cc PROPERTIES UNITY_GROUP tables${batch})
endforeach()
write_if_changed(${generated}/ops/tables.device.cc
"#include \"ops/op.h\"
${device_declarations}namespace portfire {
std::span<const OpTable> op_tables() {
  static const OpTable tables[] = {
${device_entries}  };
  return tables;
}
}
")
write_if_changed(${generated}/ops/tables.host.cc
"#include \"compiler/ir/op_info.h\"
${host_declarations}namespace portfire::ir {
std::span<const HostOpTable> host_op_tables() {
  static const HostOpTable tables[] = {
${host_entries}  };
  return tables;
}
}
")
list(APPEND ops_device_sources ${generated}/ops/tables.device.cc)
list(APPEND ops_host_sources ${generated}/ops/tables.host.cc)
