#include "compiler/ir/default_args.h"

#include <cstdlib>

namespace portfire::ir {
namespace {

Arg parse(std::string_view text, std::string_view type) {
  const std::string s(text);
  if (s.empty() || s == "None") return {};
  if (s == "True") return true;
  if (s == "False") return false;
  if (s == "Mean") return 1;  // at::Reduction
  if (s == "contiguous_format") return 0;
  if (s == "preserve_format") return 1;
  if (s == "long") return static_cast<int64_t>(DType::i64);
  if (s.front() == '"' || s.front() == '\'') return s.substr(1, s.size() - 2);
  if (s.front() == '[') {
    Arg::List list;
    std::string_view rest = text.substr(1, text.size() - 2);
    const std::string_view item_type = type.substr(0, type.find('['));
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      std::string_view item = rest.substr(0, comma);
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      list.push_back(parse(item, item_type));
      rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    }
    return Arg(std::move(list));
  }
  const bool looks_real = s.find_first_of(".en") != std::string::npos;
  Arg number = looks_real ? Arg(std::strtod(s.c_str(), nullptr)) : Arg(int64_t{std::strtoll(s.c_str(), nullptr, 10)});
  if (type.substr(0, 5) == "float" && number.integer()) number = static_cast<double>(*number.integer());
  // "int[2] padding=0" means [0, 0].
  if (const size_t open = type.find('['); open != type.npos) {
    const std::string digits(type.substr(open + 1, type.find(']') - open - 1));
    return Arg(Arg::List(digits.empty() ? 1 : std::strtoul(digits.c_str(), nullptr, 10), number));
  }
  return number;
}

}  // namespace

Arg default_arg(const SchemaArg& arg) { return parse(arg.default_text, arg.type); }

}  // namespace portfire::ir
