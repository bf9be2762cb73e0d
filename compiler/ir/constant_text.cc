#include "compiler/ir/constant_text.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "ops/element.h"

namespace portfire::ir {
namespace {

// A view of the constant's numbers: complex elements are two reals each.
TensorView numbers_view(const Type& type, const void* data) {
  TensorView t;
  t.dtype = real_of(type.dtype);
  t.shape.push(numbers_in(type));
  t.set_contiguous();
  t.data = const_cast<void*>(data);
  return t;
}

std::string number_text(const TensorView& t, int64_t i) {
  if (!is_floating(t.dtype)) return std::to_string(ops::load_int(t, i));
  const double value = ops::load_real(t, i);
  if (t.dtype == DType::f64) return real_text(value);
  const std::string s = fmt::format("{}", static_cast<float>(value));  // shorter: enough for 24 bits
  return s.find_first_of(".en") == s.npos ? s + ".0" : s;
}

bool store_number(const TensorView& t, int64_t i, const std::string& text) {
  if (is_floating(t.dtype)) {
    char* end = nullptr;
    // A decimal rounded to double and then to float could be rounded twice.
    const double value = t.dtype == DType::f64 ? std::strtod(text.c_str(), &end) : double{std::strtof(text.c_str(), &end)};
    ops::store_real(t, i, value);
    return end == text.c_str() + text.size() && end != text.c_str();
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  ops::store_int(t, i, value);
  return error == std::errc() && end == text.data() + text.size() && ops::load_int(t, i) == value;
}

// Memory for a constant of `type`; never empty, so that no two share an address.
std::shared_ptr<std::vector<std::byte>> memory_for(const Type& type) {
  return std::make_shared<std::vector<std::byte>>(static_cast<size_t>(type.upper_bytes()) + 1);
}

std::shared_ptr<const Constant> constant_in(const std::shared_ptr<std::vector<std::byte>>& memory) {
  auto c = std::make_shared<Constant>();
  c->data = memory->data();
  c->bytes = memory->size() - 1;
  c->owner = memory;
  return c;
}

}  // namespace

std::string real_text(double value) {
  const std::string s = fmt::format("{}", value);
  return s.find_first_of(".en") == s.npos ? s + ".0" : s;
}

int64_t numbers_in(const Type& type) { return type.numel().at[0] * (is_complex(type.dtype) ? 2 : 1); }

std::string constant_text(const Type& type, const Constant& constant) {
  const TensorView from = numbers_view(type, constant.data);
  std::vector<std::string> numbers;
  for (int64_t i = 0; i < from.numel(); ++i) numbers.push_back(number_text(from, i));
  const auto again = constant_of_numbers(type, numbers);
  if (!again || (constant.bytes > 0 && std::memcmp(again->data, constant.data, constant.bytes) != 0)) {
    std::string hex;
    for (size_t i = 0; i < constant.bytes; ++i) hex += fmt::format("{:02x}", static_cast<const uint8_t*>(constant.data)[i]);
    return "bytes \"" + hex + "\"";
  }
  if (type.rank() == 0 && numbers.size() == 1) return numbers[0];
  std::string list;
  for (size_t i = 0, run; i < numbers.size(); i += run) {
    for (run = 1; i + run < numbers.size() && numbers[i + run] == numbers[i];) ++run;
    if (run < 4) run = 1;
    list += (list.empty() ? "" : ", ") + numbers[i] + (run > 1 ? fmt::format(" * {}", run) : "");
  }
  return "[" + list + "]";
}

std::shared_ptr<const Constant> constant_of_numbers(const Type& type, const std::vector<std::string>& numbers) {
  if (static_cast<int64_t>(numbers.size()) != numbers_in(type)) return nullptr;
  const auto memory = memory_for(type);
  const TensorView to = numbers_view(type, memory->data());
  for (size_t i = 0; i < numbers.size(); ++i)
    if (!store_number(to, static_cast<int64_t>(i), numbers[i])) return nullptr;
  return constant_in(memory);
}

std::shared_ptr<const Constant> constant_of_bytes(const Type& type, std::string_view hex) {
  const auto memory = memory_for(type);
  if (hex.size() != 2 * (memory->size() - 1)) return nullptr;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc() || end != hex.data() + i + 2) return nullptr;
    (*memory)[i / 2] = std::byte{byte};
  }
  return constant_in(memory);
}

}  // namespace portfire::ir
