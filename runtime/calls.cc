#include "runtime/calls.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "ops/schema_kinds.h"

namespace portfire {

namespace {
const Error kNoRoom = Error::make(Code::out_of_memory, "no memory to bind the call");
}

const Value* Calls::make(const Value& v) {
  const auto made = arena_.make<Value>(1);
  if (made.empty()) {
    failed_ = true;
    return &spare_;
  }
  made[0] = v;
  return &made[0];
}

const Value* Calls::ints(std::span<const int64_t> items) {
  const auto made = arena_.make<int64_t>(items.size());
  if (made.size() != items.size()) failed_ = true;
  for (size_t i = 0; i < made.size(); ++i) made[i] = items[i];
  return value(IntList{made.data(), static_cast<uint32_t>(made.size()), nullptr});
}

const Value* Calls::list(std::initializer_list<TensorView*> items) {
  const auto made = arena_.make<TensorView*>(items.size());
  if (made.size() != items.size()) failed_ = true;
  for (size_t i = 0; i < made.size(); ++i) made[i] = items.begin()[i];
  return value(std::span<TensorView* const>(made));
}

const Value* Calls::text(std::string_view text, size_t room) {
  auto* made = static_cast<char*>(arena_.allocate(text.size() + room, 1));
  if (!made) {
    failed_ = true;
    return value(std::string_view());
  }
  std::memcpy(made, text.data(), text.size());
  return value(std::string_view(made, text.size()));
}

// Room for one more: it doubles, and the old is left behind.
template <class T>
bool Calls::grow(T** items, size_t count) {
  if (count > 0 && !std::has_single_bit(count)) return true;
  const auto made = arena_.make<T>(count ? 2 * count : 1);
  if (made.empty()) return false;
  for (size_t i = 0; i < count; ++i) made[i] = (*items)[i];
  *items = made.data();
  return true;
}

TensorView* Calls::derive(const TensorView& t, int64_t shift) {
  const auto made = arena_.make<TensorView>(1);
  if (made.empty() || !grow(&derived_, derived_count_)) {
    failed_ = true;
    return &spare_view_;
  }
  made[0] = t;
  derived_[derived_count_++] = {&made[0], &t, shift};
  return &made[0];
}

Error Calls::add(const Op& op, std::span<const Value* const> args, std::span<TensorView* const> outs) {
  const size_t wanted = std::max<size_t>(op.args, args.size());
  const auto values = arena_.make<const Value*>(wanted);
  const auto views = arena_.make<TensorView*>(outs.size());
  if (failed_ || values.size() != wanted || views.size() != outs.size() || !grow(&calls_, count_)) return kNoRoom;
  for (size_t i = 0; i < wanted; ++i) values[i] = i < args.size() ? args[i] : none();
  for (size_t k = 0; k < outs.size(); ++k) views[k] = outs[k];
  if (failed_) return kNoRoom;
  if (op.outs != outs.size()) return Error::make(Code::bad_file, "%zu results (expected %d)", outs.size(), op.outs);
  PF_TRY(check_kinds(op.schema, values));
  calls_[count_++] = {&op, values, views};
  return {};
}

Error Calls::add(std::string_view name, std::initializer_list<const Value*> args, std::initializer_list<TensorView*> outs) {
  const Op* op = find_op(name);
  if (!op) return Error::make(Code::unsupported, "operator %.*s is not in this build", static_cast<int>(name.size()), name.data());
  return add(*op, {args.begin(), args.size()}, {outs.begin(), outs.size()});
}

Error map_arguments(const ops::OutVariant& form, std::span<const Value* const> given, std::span<TensorView* const> outs, Arena& arena,
                    std::span<const Value*>* mapped) {
  size_t n = form.pattern.empty() ? given.size() : 0, at = 0;
  ops::for_each_item(form.pattern, [&](std::string_view) { ++n; });
  *mapped = arena.make<const Value*>(n);
  if (mapped->size() != n) return kNoRoom;
  if (form.pattern.empty()) {
    std::copy(given.begin(), given.end(), mapped->begin());
    return {};
  }
  Calls c(arena, given, outs);  // for its values
  Error error;
  ops::for_each_item(form.pattern, [&](std::string_view item) {
    const Value*& to = (*mapped)[at++];
    const bool listed = item.front() == '[' && item != "[]";
    const char* digit = item.data() + (listed || item.front() == '=');
    if (item == "none") to = c.none();
    else if (item == "true" || item == "false") to = c.value(item == "true");
    else if (item == "[]") to = c.ints({});
    else if (item == "dtype") to = c.dtype(outs[0]->dtype);
    else if (item.front() == '=') to = c.value(static_cast<int64_t>(*digit - '0'));
    else to = given[static_cast<size_t>(*digit - '0')];
    if (!listed) return;
    if (to->kind != Value::Kind::integer)
      error = Error::make(Code::bad_file, "argument %c is %s (expected int)", *digit, name_of(to->kind));
    else to = c.ints({to->integer});
  });
  return c.failed() ? kNoRoom : error;
}

}  // namespace portfire
