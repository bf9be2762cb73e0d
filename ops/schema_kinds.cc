#include "ops/schema_kinds.h"

namespace portfire {
namespace {

using Kind = Value::Kind;

bool starts(std::string_view s, std::string_view with) { return s.substr(0, with.size()) == with; }

// Whether a value of `kind` may stand for an argument written as `type` ("SymInt[2]", "Tensor?", ...).
bool fits(std::string_view type, Kind kind, const Value& v) {
  const bool list = type.find('[') != type.npos;
  const size_t question = type.rfind('?');
  // "Tensor?[]" is a list of optionals; "int[]?" an optional list.
  if (kind == Kind::none) return question != type.npos && (!list || question > type.find('['));
  if (starts(type, "Tensor")) {
    if (!list) return kind == Kind::tensor;
    if (kind != Kind::tensor_list) return false;
    if (type.find("?[") == type.npos)
      for (const TensorView* t : v.tensors)
        if (!t) return false;
    return true;
  }
  if (list) {
    if (starts(type, "float") || starts(type, "Scalar")) return kind == Kind::real_list || (kind == Kind::int_list && v.ints.count == 0);
    if (starts(type, "bool")) return kind == Kind::bool_list;
    return kind == Kind::int_list;
  }
  if (starts(type, "str")) return kind == Kind::string;
  if (starts(type, "ScalarType")) return kind == Kind::integer && is_dtype(v.integer);
  if (starts(type, "Layout") || starts(type, "Device") || starts(type, "MemoryFormat")) return kind == Kind::integer;
  return kind == Kind::integer || kind == Kind::boolean || kind == Kind::real;
}

}  // namespace

bool is_enumeration(std::string_view type) {
  return starts(type, "ScalarType") || starts(type, "Layout") || starts(type, "MemoryFormat");
}

Error check_kinds(std::string_view schema, std::span<const Value* const> args) {
  Error error;
  size_t wanted = 0;
  for_each_argument(schema, [&](size_t i, std::string_view type) {
    wanted = i + 1;
    if (error || i >= args.size() || fits(type, args[i]->kind, *args[i])) return;
    error = Error::make(Code::bad_file, "argument %zu is %s (expected %.*s)", i, name_of(args[i]->kind),
                        static_cast<int>(type.size()), type.data());
  });
  if (!error && wanted != args.size())
    return Error::make(Code::bad_file, "%zu arguments (expected %zu)", args.size(), wanted);
  return error;
}

}  // namespace portfire
