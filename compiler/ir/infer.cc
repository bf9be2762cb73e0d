#include "compiler/ir/infer.h"

#include <deque>

#include "compiler/ir/builder.h"
#include "ops/schema_kinds.h"

namespace portfire::ir {

TensorView view_of(const Type& type, int k) {
  TensorView t;
  t.dtype = type.dtype;
  for (const Dim& d : type.sizes) t.shape.push(d.at[k]);
  if (type.strides.empty())
    t.set_contiguous();
  else
    for (int d = 0; d < t.rank(); ++d) t.strides[d] = type.strides[d].at[k];
  return t;
}

struct CallArgs::Storage {
  std::deque<TensorView> tensors;
  std::deque<std::vector<TensorView*>> tensor_lists;
  std::deque<std::vector<int64_t>> ints;
  std::deque<std::vector<double>> reals;
  std::deque<std::unique_ptr<bool[]>> booleans;
  std::vector<Value> values;
  std::vector<const Value*> pointers;
  const Graph& graph;
  int k;
  bool with_data;

  Storage(const Graph& g, int assignment, bool data) : graph(g), k(assignment), with_data(data) {}

  TensorView* tensor(ValueId id) {
    tensors.push_back(view_of(graph.type(id), k));
    if (const auto& c = graph.values[id].constant; with_data && c) tensors.back().data = const_cast<void*>(c->data);
    return &tensors.back();
  }

  Value of_ref(ValueId id) {
    const Type& t = graph.type(id);
    switch (t.kind) {
      case Type::Kind::tensor: return Value::of(tensor(id));
      case Type::Kind::integer: return Value::of(t.number.at[k]);
      case Type::Kind::boolean: return Value::of(t.number.at[k] != 0);
      case Type::Kind::real: return Value::of(t.real[k]);
      case Type::Kind::none: break;
    }
    return {};
  }

  TensorView* tensor_item(const Arg& a) {
    if (a.none()) return nullptr;
    if (!a.ref() || !graph.type(a.ref()->id).is_tensor()) throw Refusal{Code::bad_file, "a list of tensors holds something else"};
    return tensor(a.ref()->id);
  }
  Value number_item(const Arg& a) {
    const Value v = a.list() ? Value() : of(a, {});
    if (v.kind != Value::Kind::integer && v.kind != Value::Kind::boolean && v.kind != Value::Kind::real)
      throw Refusal{Code::bad_file, "a list of numbers holds something else"};
    return v;
  }
  static int64_t whole(const Value& v) {
    return v.kind == Value::Kind::real ? static_cast<int64_t>(v.real) : v.kind == Value::Kind::boolean ? v.boolean : v.integer;
  }

  // A list as `type` says what it holds: an empty one, or one of ints, does not know that itself.
  Value of_list(const Arg::List& list, std::string_view type) {
    if (type.starts_with("Tensor")) {
      auto& out = tensor_lists.emplace_back();
      for (const Arg& a : list) out.push_back(tensor_item(a));
      return Value::of(std::span<TensorView* const>(out));
    }
    if (type.starts_with("bool")) {
      booleans.push_back(std::make_unique<bool[]>(list.size()));
      for (size_t i = 0; i < list.size(); ++i) booleans.back()[i] = whole(number_item(list[i])) != 0;
      return Value::of(std::span<const bool>(booleans.back().get(), list.size()));
    }
    if (type.starts_with("float") || type.starts_with("Scalar")) {
      auto& out = reals.emplace_back();
      for (const Arg& a : list) {
        const Value v = number_item(a);
        out.push_back(v.kind == Value::Kind::real ? v.real : static_cast<double>(whole(v)));
      }
      return Value::of(std::span<const double>(out));
    }
    auto& out = ints.emplace_back();
    for (const Arg& a : list) out.push_back(whole(number_item(a)));
    return Value::of(IntList{out.data(), static_cast<uint32_t>(out.size()), nullptr});
  }

  Value of(const Arg& a, std::string_view type) {
    if (a.ref()) return of_ref(a.ref()->id);
    if (a.list()) return of_list(*a.list(), type);
    if (a.boolean()) return Value::of(*a.boolean());
    if (a.integer()) return Value::of(*a.integer());
    if (a.real()) return Value::of(*a.real());
    if (a.string()) return Value::of(std::string_view(*a.string()));
    return {};
  }
};

CallArgs::CallArgs(const Graph& graph, const OpInfo& op, std::span<const Arg> args, int k, bool with_data)
    : storage_(std::make_unique<Storage>(graph, k, with_data)) {
  if (args.size() != op.schema.args.size()) throw Refusal{Code::bad_file, "another number of arguments than the schema has"};
  storage_->values.reserve(args.size());
  for (size_t i = 0; i < args.size(); ++i) storage_->values.push_back(storage_->of(args[i], op.schema.args[i].type));
  for (const Value& v : storage_->values) storage_->pointers.push_back(&v);
}
CallArgs::~CallArgs() = default;
Args CallArgs::args(bool sampled) const { return Args(storage_->pointers, {.sampled = sampled}); }
std::span<const Value* const> CallArgs::pointers() const { return storage_->pointers; }
Value& CallArgs::value(size_t arg) { return storage_->values[arg]; }

namespace {

bool all_static(const Graph& graph, std::span<const Arg> args) {
  bool yes = true;
  for (const Arg& a : args)
    for_each_ref(a, [&](ValueId id) {
      const Type& t = graph.type(id);
      yes &= t.is_tensor() ? t.is_static() : t.kind != Type::Kind::real && t.number.is_static();
    });
  return yes;
}

// Elements an operator may make for one tensor; more than any machine holds is a mistake.
constexpr int64_t kMaxElements = int64_t{1} << 46;

Error check_size(const TensorView& t) {
  int64_t n = 1;
  for (int64_t s : t.shape.dims())
    if (s < 0 || !checked_multiply(n, s ? s : 1, &n) || n > kMaxElements)
      return Error::make(Code::bad_argument, "result of impossible size %s", TypeText(t).c_str());
  return {};
}

}  // namespace

Result<std::vector<Type>> infer(const Graph& graph, const OpInfo& op, std::span<const Arg> args) {
  PF_CHECK(op.op != nullptr);
  const int assignments = all_static(graph, args) ? 1 : kAssignments;
  std::vector<Type> types(op.op->outs);
  for (int k = 0; k < assignments; ++k) {
    CallArgs call(graph, op, args, k);
    if (k == 0) PF_TRY(check_kinds(op.op->schema, call.pointers()));
    std::vector<TensorView> outs(op.op->outs);
    if (op.op->view) {
      PF_TRY(op.op->view(call.args(assignments > 1), outs[0]));
    } else {
      std::vector<TensorSpec> specs(op.op->outs);
      PF_TRY(op.op->infer(call.args(assignments > 1), specs));
      for (size_t i = 0; i < outs.size(); ++i) {
        outs[i].dtype = specs[i].dtype;
        outs[i].shape = specs[i].shape;
        outs[i].set_contiguous();
      }
    }
    for (size_t i = 0; i < outs.size(); ++i) {
      PF_TRY(check_size(outs[i]));
      Type& t = types[i];
      if (k == 0) {
        t.kind = Type::Kind::tensor;
        t.dtype = outs[i].dtype;
        t.sizes.resize(outs[i].rank());
        t.strides.resize(outs[i].rank());
      }
      if (t.rank() != outs[i].rank() || t.dtype != outs[i].dtype)
        return Error::make(Code::unsupported, "rank or dtype of the result depends on a symbolic size");
      for (int d = 0; d < t.rank(); ++d)
        for (int j = k; j < (k + 1 == assignments ? kAssignments : k + 1); ++j) {
          t.sizes[d].at[j] = outs[i].size(d);
          t.strides[d].at[j] = outs[i].strides[d];
        }
    }
  }
  for (Type& t : types) {
    bool contiguous = true;
    for (int k = 0; k < kAssignments; ++k) contiguous &= view_of(t, k).is_contiguous();
    if (contiguous) t.strides.clear();
  }
  // How many elements there will be (dim 0) is not known before the data is: any number up to the
  // bound that the shape rule gave.
  if (op.op->data_dependent)
    for (Type& t : types)
      if (!t.sizes.empty()) {
        Dim& d = t.sizes[0];
        const int64_t bound = d.upper();
        d.at[0] = bound;
        for (int k = 1; k < kAssignments; ++k) d.at[k] = bound * (k - 1) / (kAssignments + 1);
        t.strides.clear();
      }
  // Bounds that data decides are sampled far outside of most tensors. A slice between such may be of any
  // size, though every sample of it is empty.
  if (assignments > 1 && op.name == "aten::slice.Tensor") {
    const std::vector<Dim>& whole = graph.type(args[0].ref()->id).sizes;
    for (size_t d = 0; d < whole.size(); ++d) {
      Dim& size = types[0].sizes[d];
      if (size != Dim(0) || whole[d] == Dim(0)) continue;
      for (int k = 0; k < kAssignments; ++k) size.at[k] = k == 0 ? whole[d].upper() : whole[d].upper() * (k - 1) / (kAssignments + 1);
    }
  }
  bool unbounded = false;
  for (const Arg& a : args) for_each_ref(a, [&](ValueId id) { unbounded |= graph.type(id).unbounded; });
  if (unbounded)
    for (Type& t : types) t.unbounded = !t.is_static();
  return types;
}

}  // namespace portfire::ir
