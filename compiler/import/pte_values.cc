// Values of a `.pte`: where they lie, and which value of the graph stands there.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "compiler/import/pte_graph.h"
#include "format/reading.h"

namespace portfire::import {

using ir::Arg;
using ir::Ref;
using ir::Refusal;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

namespace {

std::vector<int64_t> order_of(const pte::Tensor& t) {
  std::vector<int64_t> order(count(t.sizes()));
  std::iota(order.begin(), order.end(), 0);
  if (t.dim_order() && count(t.dim_order()) == order.size()) std::copy(t.dim_order()->begin(), t.dim_order()->end(), order.begin());
  return order;
}

// Whether its elements lie in the order of its dimensions; dimensions of one element lie anywhere.
bool is_row_major(const pte::Tensor& t) {
  int64_t last = -1;
  for (int64_t d : order_of(t)) {
    if (t.sizes()->Get(static_cast<uint32_t>(d)) == 1) continue;
    if (d < last) return false;
    last = d;
  }
  return true;
}

std::vector<int64_t> inverse(const std::vector<int64_t>& order) {
  std::vector<int64_t> back(order.size());
  for (size_t d = 0; d < order.size(); ++d) back[static_cast<size_t>(order[d])] = static_cast<int64_t>(d);
  return back;
}

const std::byte* found(const Result<const std::byte*>& data) {
  if (!data.ok()) throw Refusal{data.error().code(), data.error().text()};
  return *data;
}

}  // namespace

std::optional<Place> PlanImporter::place_of(const pte::Tensor& t) {
  const pte::AllocationDetails* a = t.allocation_info();
  if (!a) return std::nullopt;
  int64_t bytes = 0;
  if (!checked_bytes(static_cast<DType>(t.scalar_type()), shape_of(t), &bytes) || bytes == 0) return std::nullopt;
  return Place{a->memory_id(), memory_offset(*a), memory_offset(*a) + static_cast<uint64_t>(bytes)};
}

Type PlanImporter::type_of(const pte::Tensor& t) const {
  std::vector<ir::Dim> sizes;
  for (uint32_t d = 0; d < count(t.sizes()); ++d) sizes.emplace_back(int64_t{t.sizes()->Get(d)});
  return Type::tensor(static_cast<DType>(t.scalar_type()), std::move(sizes));
}

std::string PlanImporter::name_of(uint32_t v) const {
  const pte::Tensor* t = tensor(v);
  const pte::ExtraTensorInfo* extra = t ? t->extra_tensor_info() : nullptr;
  if (extra && count(extra->fully_qualified_name())) return extra->fully_qualified_name()->str();
  return "value" + std::to_string(v);
}

// What stands for `known` in `s`: itself, or an input of the sub-graph.
Arg PlanImporter::use(Scope& s, const Known& known) {
  if (known.scope == &s || !known.arg.ref()) return known.arg;
  for (const auto& [outer, inner] : s.captured)
    if (outer == known) return Ref{inner};
  if (!s.outer) throw Refusal{Code::bad_file, "a value of a branch that was not taken is read"};
  const Arg outside = use(*s.outer, known);
  const ValueId id = s.graph.add_value(s.outer->graph.type(outside.ref()->id), "captured");
  s.captured.emplace_back(known, id);
  return Ref{id};
}

Tensor PlanImporter::read(Scope& s, uint32_t v) {
  const pte::Tensor* t = tensor(v);
  if (!t) throw Refusal{Code::bad_file, "value " + std::to_string(v) + " is no tensor"};
  if (auto it = s.values.find(v); it != s.values.end()) {
    const Arg a = use(s, it->second);
    if (!a.ref() || !s.graph.type(a.ref()->id).is_tensor()) throw Refusal{Code::bad_file, "value " + std::to_string(v) + " became a number (expected a tensor)"};
    return {&s.build, a.ref()->id};
  }
  if (const auto place = place_of(*t)) return read_place(s, v, *place);
  if (t->data_buffer_idx() > 0 || is_external(*t)) return constant(s, v);
  if (type_of(*t).upper_bytes() == 0) {
    const std::vector<int64_t> sizes(t->sizes() ? std::vector<int64_t>(t->sizes()->begin(), t->sizes()->end()) : std::vector<int64_t>());
    return s.build.constant(static_cast<DType>(t->scalar_type()), sizes, nullptr);
  }
  throw Refusal{Code::bad_file, "value " + std::to_string(v) + " is read before it is computed"};
}

Tensor PlanImporter::read_place(Scope& s, uint32_t v, const Place& place) {
  const Held* found = nullptr;
  for (const Held& h : s.memory) {
    if (!h.place.overlaps(place)) continue;
    if (found || h.place.begin > place.begin || h.place.end < place.end)
      throw Refusal{Code::bad_file, "value " + std::to_string(v) + " is read where parts of other values lie"};
    found = &h;
  }
  if (!found) return {&s.build, use(s, new_state(s, v, place)).ref()->id};
  const Held held = *found;
  const Tensor t{&s.build, use(s, held.value).ref()->id};
  return held.tensor == v ? t : reinterpret(s, t, *tensor(held.tensor), *tensor(v), place.begin - held.place.begin);
}

// `held`, which was written as `from`, read as `to`, `skip` bytes after where it begins.
Tensor PlanImporter::reinterpret(Scope& s, Tensor held, const pte::Tensor& from, const pte::Tensor& to, uint64_t skip) {
  const Type type = type_of(to);
  if (held.dtype() != type.dtype) throw Refusal{Code::unsupported, std::string("memory written as ") + portfire::name_of(held.dtype()) + " is read as " + portfire::name_of(type.dtype)};
  const bool same_order = is_row_major(from) == is_row_major(to) && (is_row_major(from) || order_of(from) == order_of(to));
  if (skip == 0 && held.type().sizes == type.sizes && same_order) return held;
  const bool both_vary = from.shape_dynamism() != 0 && to.shape_dynamism() != 0;
  if (skip == 0 && both_vary && same_order && type_of(from).sizes == type.sizes) return held;
  if (!held.type().is_static()) throw Refusal{Code::unsupported, "a view of planned memory whose size is not known"};
  const int64_t item = static_cast<int64_t>(byte_size(type.dtype)), begin = static_cast<int64_t>(skip) / item;
  const int64_t wanted = type.numel().at[0], there = held.type().numel().at[0];
  if (static_cast<int64_t>(skip) % item != 0 || begin + wanted > there)
    throw Refusal{Code::bad_file, "a tensor of " + std::to_string(wanted) + " elements is read where " + std::to_string(there) + " lie"};
  if (!is_row_major(from)) held = s.build.permute(held, order_of(from));
  if (wanted != there) {
    held = s.build.reshape(held, {ir::Int(there)});
    held = s.build("aten::slice.Tensor", held, 0, begin, begin + wanted);
  }
  std::vector<ir::Int> sizes;
  const std::vector<int64_t> order = order_of(to);
  for (size_t d = 0; d < order.size(); ++d) sizes.emplace_back(type.sizes[is_row_major(to) ? d : static_cast<size_t>(order[d])].at[0]);
  held = s.build.reshape(held, sizes);
  return is_row_major(to) ? held : s.build.permute(held, inverse(order));
}

Tensor PlanImporter::constant(Scope& s, uint32_t v) {
  if (auto it = s.constants.find(v); it != s.constants.end()) return {&s.build, it->second};
  const pte::Tensor& t = *tensor(v);
  Type type = type_of(t);
  auto data = std::make_shared<ir::Constant>();
  data->bytes = static_cast<size_t>(type.upper_bytes());
  data->owner = file_;
  data->data = is_external(t) ? found(file_->external(t)) : file_->view().constant(t.data_buffer_idx());
  const std::vector<int64_t> order = order_of(t);
  const bool row_major = is_row_major(t);
  if (!row_major) {  // as it lies in memory
    std::vector<ir::Dim> sizes;
    for (int64_t d : order) sizes.push_back(type.sizes[static_cast<size_t>(d)]);
    type.sizes = std::move(sizes);
  }
  const ValueId id = s.graph.add_value(std::move(type), name_of(v));
  s.graph.values[id].constant = std::move(data);
  const Tensor logical = row_major ? Tensor{&s.build, id} : s.build.permute({&s.build, id}, inverse(order));
  s.constants[v] = logical.id;
  return logical;
}

// Memory that nothing has written to yet: it is what the last call left there. In the method's own graph, and seen from all scopes.
PlanImporter::Known PlanImporter::new_state(Scope& s, uint32_t v, const Place& place) {
  const pte::Tensor& t = *tensor(v);
  Type type = type_of(t);
  if (!is_row_major(t)) throw Refusal{Code::unsupported, "state \"" + name_of(v) + "\" is not row-major"};
  const auto bytes = static_cast<size_t>(type.upper_bytes());
  const ValueId id = root_.graph.add_value(std::move(type), name_of(v));
  const SharedTensor* shared = file_->shared_at(place.buffer, place.begin);
  const std::byte* initial = found(file_->initial(shared && shared->initial ? *shared->initial : t));
  ir::Buffer buffer{id, name_of(v), ir::kNoValue, ir::Role::buffer};
  buffer.shared = shared || !initial;  // what begins as zeros has no constant to begin as
  if (shared)
    buffer.name = shared->name.empty() ? "state at " + std::to_string(place.begin) : std::string(shared->name);
  else if (!initial && !t.extra_tensor_info())
    buffer.name = plan_.name()->str() + "." + buffer.name;
  if (initial) {
    auto data = std::make_shared<ir::Constant>();
    *data = {initial, bytes, file_};
    root_.graph.values[id].constant = std::move(data);
  }
  const Known known{Ref{id}, &root_};
  states_.push_back({v, root_.graph.buffers.size(), known});
  root_.graph.buffers.push_back(std::move(buffer));
  for (Scope* scope = &s; scope; scope = scope->outer)
    if (std::none_of(scope->memory.begin(), scope->memory.end(), [&](const Held& h) { return h.place.overlaps(place); }))
      scope->memory.push_back({place, v, known});
  return known;
}

Arg PlanImporter::number(Scope& s, uint32_t v) {
  if (auto it = s.values.find(v); it != s.values.end()) {
    const Arg a = use(s, it->second);
    if (a.ref() && s.graph.type(a.ref()->id).is_tensor()) throw Refusal{Code::bad_file, "value " + std::to_string(v) + " became a tensor (expected a number)"};
    return a;
  }
  switch (value(v).val_type()) {
    case pte::KernelTypes_Int: return int64_t{value(v).val_as_Int()->value()};
    case pte::KernelTypes_Bool: return value(v).val_as_Bool()->value();
    case pte::KernelTypes_Double: return value(v).val_as_Double()->value();
    default: throw Refusal{Code::bad_file, "value " + std::to_string(v) + " is no number"};
  }
}

Arg PlanImporter::argument(Scope& s, uint32_t v, std::string_view type) {
  const pte::EValue& e = value(v);
  switch (e.val_type()) {
    case pte::KernelTypes_Null: return s.values.count(v) ? number(s, v) : Arg();
    case pte::KernelTypes_Int: {
      const Arg a = number(s, v);
      return a.integer() && type.starts_with("float") ? Arg(static_cast<double>(*a.integer())) : a.integer() && type.starts_with("bool") ? Arg(*a.integer() != 0) : a;
    }
    case pte::KernelTypes_Bool:
    case pte::KernelTypes_Double: return number(s, v);
    case pte::KernelTypes_String: return e.val_as_String()->value()->str();
    case pte::KernelTypes_Tensor: return read(s, v);
    case pte::KernelTypes_IntList: {
      Arg::List list;
      for (uint32_t i = 0; i < count(e.val_as_IntList()->items()); ++i) list.push_back(number(s, static_cast<uint32_t>(e.val_as_IntList()->items()->Get(i))));
      return list;
    }
    case pte::KernelTypes_DoubleList: {
      Arg::List list;
      for (uint32_t i = 0; i < count(e.val_as_DoubleList()->items()); ++i) list.push_back(e.val_as_DoubleList()->items()->Get(i));
      return list;
    }
    case pte::KernelTypes_BoolList: {
      Arg::List list;
      for (uint32_t i = 0; i < count(e.val_as_BoolList()->items()); ++i) list.push_back(e.val_as_BoolList()->items()->Get(i) != 0);
      return list;
    }
    case pte::KernelTypes_TensorList: {
      Arg::List list;
      for (uint32_t i = 0; i < count(e.val_as_TensorList()->items()); ++i) list.push_back(read(s, static_cast<uint32_t>(e.val_as_TensorList()->items()->Get(i))));
      return list;
    }
    case pte::KernelTypes_OptionalTensorList: {
      Arg::List list;
      for (uint32_t i = 0; i < count(e.val_as_OptionalTensorList()->items()); ++i) {
        const int32_t item = e.val_as_OptionalTensorList()->items()->Get(i);
        list.push_back(item < 0 ? Arg() : Arg(read(s, static_cast<uint32_t>(item))));
      }
      return list;
    }
    default: return nullptr;
  }
}

std::vector<uint32_t> PlanImporter::items(uint32_t v) const {
  if (tensor(v)) return {v};
  const auto* list = value(v).val_as_TensorList();
  if (!list) throw Refusal{Code::bad_file, "value " + std::to_string(v) + " is no tensor"};
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < count(list->items()); ++i) out.push_back(static_cast<uint32_t>(list->items()->Get(i)));
  return out;
}

// The result `t` of an operator, as value `v` of the file: its dtype, and its sizes where those are fixed.
void PlanImporter::write(Scope& s, uint32_t v, Tensor t) {
  const pte::Tensor* file = tensor(v);
  if (!file) throw Refusal{Code::bad_file, "result " + std::to_string(v) + " is no tensor"};
  const Type expected = type_of(*file);
  bool fits = t.rank() == expected.rank();
  if (fits && t.type().unbounded) return hold(s, v, s.build.cast(t, expected.dtype));  // its sizes are data
  for (int d = 0; fits && d < t.rank(); ++d)
    fits = file->shape_dynamism() == 0 ? t.type().sizes[d] == expected.sizes[d] : file->shape_dynamism() == 2 || t.type().sizes[d].upper() <= expected.sizes[d].at[0];
  if (!fits) throw Refusal{Code::bad_file, "result is " + ir::to_string(t.type()) + " (expected " + ir::to_string(expected) + ")"};
  if (file->data_buffer_idx() > 0 && !file->allocation_info()) throw Refusal{Code::bad_file, "result " + std::to_string(v) + " is a constant"};
  hold(s, v, s.build.cast(t, expected.dtype));
}

void PlanImporter::hold(Scope& s, uint32_t v, const Arg& arg) {
  const auto place = tensor(v) ? place_of(*tensor(v)) : std::nullopt;
  if (!place) {
    s.values[v] = {arg, &s};
    return;
  }
  s.values.erase(v);  // a move may have made it another's name
  std::erase_if(s.memory, [&](const Held& h) { return h.place.overlaps(*place); });
  s.memory.push_back({*place, v, {arg, &s}});
}

}  // namespace portfire::import
