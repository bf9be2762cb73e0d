#include "compiler/ir/builder.h"

#include <cstring>

#include "compiler/ir/default_args.h"
#include "compiler/ir/infer.h"
#include "ops/schema_kinds.h"
#include "ops/sym.h"

namespace portfire::ir {

namespace {
// Whoever asks an absent tensor for something was given None where the schema wants a tensor.
Builder& builder_of(Tensor t) {
  if (!t) throw Refusal{Code::bad_file, "a tensor is missing"};
  return *t.g;
}
}  // namespace

const Type& Tensor::type() const { return builder_of(*this).graph().type(id); }
Dim Int::samples() const { return known() ? Dim(fixed) : g->graph().type(id).number; }

// --- reading the arguments of the operator being decomposed ---

const Arg& Builder::arg(std::string_view name) const {
  const int i = frame_.op->schema.index_of(name);
  if (i < 0) {
    fprintf(stderr, "portfire: %s has no argument %.*s\n", frame_.op->schema.name.c_str(),
            static_cast<int>(name.size()), name.data());
    PF_CHECK(false);
  }
  return (*frame_.args)[i];
}

Tensor Builder::tensor(std::string_view name) {
  const Arg& a = arg(name);
  if (a.none()) {
    if (!is_optional(name)) reject("argument " + std::string(name) + " is missing");
    return {};
  }
  if (!a.ref() || !graph_->type(a.ref()->id).is_tensor()) {
    // A number where a tensor is wanted: PyTorch wraps it.
    if (a.integer()) return scalar_tensor(a, DType::i64);
    if (a.real()) return scalar_tensor(a, DType::f32);
    if (a.boolean()) return scalar_tensor(a, DType::boolean);
    if (a.ref()) return scalar_tensor(a, graph_->type(a.ref()->id).kind == Type::Kind::real ? DType::f32 : DType::i64);
    reject("argument " + std::string(name) + " is not a tensor");
  }
  return {this, a.ref()->id};
}

std::vector<Tensor> Builder::tensors(std::string_view name) {
  std::vector<Tensor> out;
  if (const Arg::List* l = arg(name).list())
    for (const Arg& a : *l) {
      const bool tensor = a.ref() && graph_->type(a.ref()->id).is_tensor();
      if (!tensor && !(a.none() && is_optional(name))) reject("argument " + std::string(name) + " holds something else than tensors");
      out.push_back(tensor ? Tensor{this, a.ref()->id} : Tensor{});
    }
  return out;
}

bool Builder::is_optional(std::string_view name) const {
  return frame_.op->schema.args[static_cast<size_t>(frame_.op->schema.index_of(name))].type.find('?') != std::string::npos;
}

namespace {
Int to_int(Builder* g, const Arg& a) {
  if (a.ref() && g->graph().type(a.ref()->id).is_tensor()) throw Refusal{Code::bad_file, "a tensor where a number is wanted"};
  if (a.ref()) return {g, a.ref()->id};
  if (a.integer()) return *a.integer();
  if (a.boolean()) return int64_t{*a.boolean()};
  if (a.real()) return static_cast<int64_t>(*a.real());
  return 0;
}
}  // namespace

Int Builder::integer(std::string_view name) { return to_int(this, arg(name)); }
Int Builder::integer_or(std::string_view name, Int if_none) { return none(name) ? if_none : integer(name); }

int64_t Builder::known_integer(std::string_view name) {
  const Int i = integer(name);
  if (!i.known()) {
    if (i.samples().is_static()) return i.samples().at[0];
    refuse("argument " + std::string(name) + " is symbolic (expected a number known when compiling)");
  }
  return i.fixed;
}

std::vector<Int> Builder::ints(std::string_view name) {
  std::vector<Int> out;
  const Arg& a = arg(name);
  if (const Arg::List* l = a.list())
    for (const Arg& item : *l) out.push_back(to_int(this, item));
  else if (!a.none())
    out.push_back(to_int(this, a));
  return out;
}

std::vector<int64_t> Builder::known_ints(std::string_view name) {
  std::vector<int64_t> out;
  for (Int i : ints(name)) {
    if (!i.known() && !i.samples().is_static())
      refuse("argument " + std::string(name) + " is symbolic (expected numbers known when compiling)");
    out.push_back(i.samples().at[0]);
  }
  return out;
}

std::vector<int64_t> Builder::spatial(std::string_view name, size_t n, int64_t if_empty) {
  std::vector<int64_t> list = known_ints(name);
  if (list.empty()) list.assign(n, if_empty);
  if (list.size() == 1) list.assign(n, list[0]);
  if (list.size() != n)
    reject(std::string(name) + " has " + std::to_string(list.size()) + " items (expected " + std::to_string(n) + ")");
  return list;
}

double Builder::real(std::string_view name) {
  const Arg& a = arg(name);
  if (a.real()) return *a.real();
  if (a.integer()) return static_cast<double>(*a.integer());
  if (a.boolean()) return *a.boolean();
  refuse("argument " + std::string(name) + " is not a number known when compiling");
}

std::vector<double> Builder::reals(std::string_view name) {
  std::vector<double> out;
  if (const Arg::List* l = arg(name).list())
    for (const Arg& a : *l) out.push_back(a.real() ? *a.real() : a.integer() ? static_cast<double>(*a.integer()) : 0.0);
  return out;
}

bool Builder::boolean(std::string_view name, bool if_none) {
  const Arg& a = arg(name);
  return a.none() ? if_none : a.boolean() ? *a.boolean() : a.integer() ? *a.integer() != 0 : if_none;
}

std::string Builder::string(std::string_view name) {
  const Arg& a = arg(name);
  return a.string() ? *a.string() : std::string();
}

std::optional<DType> Builder::dtype(std::string_view name) {
  const Arg& a = arg(name);
  if (!a.integer()) return std::nullopt;
  if (!is_dtype(*a.integer())) reject("dtype number " + std::to_string(*a.integer()));
  return static_cast<DType>(*a.integer());
}

int64_t Builder::dim(std::string_view name, int rank) {
  const int64_t d = known_integer(name), n = rank ? rank : 1;
  if (d < -n || d >= n)
    reject("dim " + std::to_string(d) + " out of range (expected [" + std::to_string(-n) + ", " + std::to_string(n - 1) + "])");
  return d < 0 ? d + n : d;
}

void Builder::results(std::vector<Tensor> list) {
  results_.clear();
  for (Tensor t : list) results_.push_back(t);
}

void Builder::forward(std::string_view op) {
  const OpInfo* info = find_op_info(op);
  PF_CHECK(info != nullptr);
  std::vector<Arg> args;
  for (const SchemaArg& a : info->schema.args)
    args.push_back(frame_.op->schema.index_of(a.name) >= 0 ? arg(a.name) : default_arg(a));
  results_ = call(*info, std::move(args));
}

void Builder::forward_copy(std::string_view op) {
  forward(op);
  results_ = {Arg((*this)("aten::clone", Tensor{this, results_.at(0).ref()->id}))};
}

// --- building ---

void Builder::refuse(std::string why) const {
  throw Refusal{Code::unsupported, (frame_.op ? std::string(frame_.op->name) + ": " : "") + why};
}
void Builder::reject(std::string why) const {
  throw Refusal{Code::bad_file, (frame_.op ? std::string(frame_.op->name) + ": " : "") + why};
}

std::vector<ValueId> Builder::append(const OpInfo& op, std::vector<Arg> args, std::vector<Type> types) {
  Node node{&op, std::move(args), {}, origin};
  const size_t colon = op.name.rfind(':') + 1;
  const std::string base(op.name.substr(colon, op.name.find('.', colon) - colon));
  for (Type& t : types) node.outs.push_back(graph_->add_value(std::move(t), base));
  graph_->nodes.push_back(std::move(node));
  return graph_->nodes.back().outs;
}

// PyTorch's graphs give plain numbers where a schema says Tensor (`mul.Tensor(x, 2)`). The Scalar
// overload of the operator says the same under the right promotion; else the number is wrapped.
const OpInfo* Builder::wrap_numbers(const OpInfo* op, std::vector<Arg>& args) {
  auto is_number = [&](const Arg& a) {
    return a.integer() || a.real() || a.boolean() || (a.ref() && !graph_->type(a.ref()->id).is_tensor());
  };
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& type = op->schema.args[i].type;
    if ((type != "Tensor" && type != "Tensor?") || !is_number(args[i])) continue;
    const size_t dot = op->schema.name.find('.');
    const std::string overload = dot == std::string::npos ? "" : op->schema.name.substr(dot);
    const char* scalar = i == 1 && overload == ".Tensor"          ? ".Scalar"
                         : i == 1 && overload == ".Tensor_Tensor" ? ".Tensor_Scalar"
                         : i == 1 && overload == ".Tensor_mode"   ? ".Scalar_mode"
                                                                  : nullptr;
    const OpInfo* other = scalar ? find_op_info(op->schema.name.substr(0, dot) + scalar) : nullptr;
    if (other && other->schema.args.size() == args.size())
      op = other;
    else
      args[i] = scalar_tensor(args[i], args[i].integer() ? DType::i64 : args[i].boolean() ? DType::boolean : args[i].real() ? DType::f32
                              : graph_->type(args[i].ref()->id).kind == Type::Kind::real ? DType::f32 : DType::i64);
  }
  return op;
}

bool Builder::accepts(std::string_view op, const std::vector<Arg>& args) const {
  return infer(*graph_, *find_op_info(op), args).ok();
}

std::vector<Arg> Builder::call(const OpInfo& given, std::vector<Arg> args) {
  const OpInfo& op = *wrap_numbers(&given, args);
  bool whole = op.op != nullptr && (op.op->infer != nullptr || op.op->view != nullptr);
  const Frame outer = frame_;
  if (whole && op.whole != nullptr) {
    frame_ = {&op, &args};
    whole = op.whole(*this);
    frame_ = outer;
  }
  if (!whole) return decomposed(op, std::move(args));
  if (ops::sym::is_sym_op(op.name)) return symbolic(op, std::move(args));
  Result<std::vector<Type>> types = infer(*graph_, op, args);
  if (!types.ok()) throw Refusal{types.error().code(), std::string(op.name) + ": " + types.error().text()};
  std::vector<Arg> out;
  for (ValueId id : append(op, std::move(args), *std::move(types))) out.push_back(Ref{id});
  return out;
}

std::vector<Arg> Builder::decomposed(const OpInfo& op, std::vector<Arg> args) {
  if (op.decompose == nullptr) refuse(std::string(op.name) + " is not implemented");
  if (++depth_ > 64) refuse("decomposition of " + std::string(op.name) + " does not end");
  const Frame outer = frame_;
  frame_ = {&op, &args};
  results_.clear();
  op.decompose(*this);
  frame_ = outer;
  --depth_;
  return std::move(results_);
}

// Folded to a plain number where it is the same under every assignment.
std::vector<Arg> Builder::symbolic(const OpInfo& op, std::vector<Arg> args) {
  if (op.schema.returns.empty()) {  // a check
    append(op, std::move(args), {});
    return {};
  }
  const bool reads_data = op.name == "aten::_local_scalar_dense";
  bool unbounded = false;
  for (const Arg& a : args)
    if (a.ref()) unbounded |= graph_->type(a.ref()->id).unbounded;
  Type type;
  bool fixed = !reads_data && !unbounded;
  for (int k = 0; k < kAssignments; ++k) {
    const CallArgs call(*graph_, op, args, k);
    if (Error e = check_kinds(op.op->schema, call.pointers())) throw Refusal{e.code(), std::string(op.name) + ": " + e.text()};
    Value v;
    if (Error e = ops::sym::evaluate(op.name, call.args(), &v)) refuse(e.text());
    type.kind = v.kind == Value::Kind::boolean ? Type::Kind::boolean : v.kind == Value::Kind::real ? Type::Kind::real : Type::Kind::integer;
    if (v.kind == Value::Kind::real)
      type.real[k] = v.real;
    else
      type.number.at[k] = v.kind == Value::Kind::boolean ? v.boolean : v.integer;
    fixed &= type.number.at[k] == type.number.at[0] && type.real[k] == type.real[0];
  }
  if (fixed && type.kind == Type::Kind::integer) return {Arg(type.number.at[0])};
  if (fixed && type.kind == Type::Kind::boolean) return {Arg(type.number.at[0] != 0)};
  if (fixed) return {Arg(type.real[0])};
  if (reads_data && hint && hint->kind == type.kind) type = *hint;
  return {Arg(Ref{append(op, std::move(args), {type})[0]})};
}

std::vector<Tensor> Builder::many(std::string_view name, std::vector<Arg> args) {
  const OpInfo* op = find_op_info(name);
  if (op == nullptr) {
    fprintf(stderr, "portfire: no operator %.*s\n", static_cast<int>(name.size()), name.data());
    PF_CHECK(false);
  }
  PF_CHECK(args.size() <= op->schema.args.size());
  for (size_t i = args.size(); i < op->schema.args.size(); ++i) {
    PF_CHECK(op->schema.args[i].has_default);
    args.push_back(default_arg(op->schema.args[i]));
  }
  std::vector<Tensor> out;
  for (const Arg& a : call(*op, std::move(args))) out.push_back(a.ref() ? Tensor{this, a.ref()->id} : Tensor{});
  return out;
}

Tensor Builder::one(std::string_view name, std::vector<Arg> args) {
  std::vector<Tensor> list = many(name, std::move(args));
  PF_CHECK(!list.empty());
  return list[0];
}

Int Builder::size(Tensor t, int64_t d) {
  const Type& type = t.type();
  if (d < 0) d += type.rank();
  if (d < 0 || d >= type.rank()) reject("a tensor of rank " + std::to_string(type.rank()) + " has no such dimension");
  const Dim dim = type.sizes[d];
  if (dim.is_static()) return dim.at[0];
  if (auto it = known_sizes_.find({t.id, d}); it != known_sizes_.end()) return {this, it->second};
  const OpInfo* op = find_op_info("aten::sym_size.int");
  Type number = Type::integer(dim);
  number.unbounded = type.unbounded;
  const ValueId id = append(*op, {Arg(t), Arg(d)}, {number})[0];
  known_sizes_[{t.id, d}] = id;
  return {this, id};
}

std::vector<Int> Builder::sizes(Tensor t) {
  std::vector<Int> out;
  for (int d = 0; d < t.rank(); ++d) out.push_back(size(t, d));
  return out;
}

Int Builder::numel(Tensor t) {
  Int n = 1;
  for (Int s : sizes(t)) n = n * s;
  return n;
}

Int Builder::item(Tensor t, int64_t lower) {
  // Two items are not taken as equal, so their samples differ.
  const int64_t mark = static_cast<int64_t>(graph_->values.size());
  Dim samples;
  for (int k = 0; k < kAssignments; ++k) samples.at[k] = lower + (k == 0 ? 64 + mark % 32 : k == 1 ? 0 : (mark * 7 + k * 3) % 61);
  Type type = Type::integer(samples);
  type.unbounded = true;
  return {this, append(*find_op_info("aten::_local_scalar_dense"), {Arg(t)}, {type})[0]};
}

Int Builder::item(Tensor t, const Dim& samples) {
  return {this, append(*find_op_info("aten::_local_scalar_dense"), {Arg(t)}, {Type::integer(samples)})[0]};
}

Int Builder::scaled(Int n, double factor) {
  if (factor == static_cast<double>(static_cast<int64_t>(factor))) return n * static_cast<int64_t>(factor);
  Dim out;
  Type product = Type::scalar(Type::Kind::real);
  for (int k = 0; k < kAssignments; ++k) {
    product.real[k] = static_cast<double>(n.samples().at[k]) * factor;
    out.at[k] = static_cast<int64_t>(product.real[k]);
  }
  if (n.known()) return out.at[0];
  const ValueId real = append(*find_op_info("executorch_prim::mul.Scalar"), {Arg(n), Arg(factor)}, {product})[0];
  return {this, append(*find_op_info("executorch_prim::sym_int.Scalar"), {Arg(Ref{real})}, {Type::integer(out)})[0]};
}

Tensor Builder::cast(Tensor t, DType to) {
  return t.dtype() == to ? t : (*this)("aten::_to_copy", t, to);
}

Tensor Builder::full(const std::vector<Int>& sizes, Arg value, DType dtype) {
  return (*this)("aten::full", sizes, value, dtype);
}

Tensor Builder::scalar_tensor(Arg value, DType dtype) { return (*this)("aten::scalar_tensor", value, dtype); }

Tensor Builder::constant(DType dtype, const std::vector<int64_t>& sizes, const void* data) {
  std::vector<Dim> dims(sizes.begin(), sizes.end());
  Type type = Type::tensor(dtype, dims);
  auto bytes = std::make_shared<std::vector<char>>(static_cast<size_t>(type.upper_bytes()));
  if (!bytes->empty()) std::memcpy(bytes->data(), data, bytes->size());
  auto c = std::make_shared<Constant>();
  c->data = bytes->data();
  c->bytes = bytes->size();
  c->owner = bytes;
  const ValueId id = graph_->add_value(std::move(type), "constant");
  graph_->values[id].constant = std::move(c);
  return {this, id};
}

Tensor Builder::reshape(Tensor t, const std::vector<Int>& sizes) { return (*this)("aten::reshape", t, sizes); }
Tensor Builder::permute(Tensor t, const std::vector<int64_t>& dims) { return (*this)("aten::permute", t, dims); }
Tensor Builder::contiguous(Tensor t) {
  return t.type().is_contiguous() ? t : (*this)("aten::clone", t, 0);
}

Tensor Builder::where(Tensor condition, Arg a, Arg b) {
  auto is_tensor = [&](const Arg& x) { return x.ref() && graph_->type(x.ref()->id).is_tensor(); };
  const char* op = is_tensor(a) ? (is_tensor(b) ? "aten::where.self" : "aten::where.ScalarOther")
                                : (is_tensor(b) ? "aten::where.ScalarSelf" : "aten::where.Scalar");
  return (*this)(op, condition, a, b);
}

Tensor operator+(Tensor a, Tensor b) { return builder_of(a)("aten::add.Tensor", a, b); }
Tensor operator-(Tensor a, Tensor b) { return builder_of(a)("aten::sub.Tensor", a, b); }
Tensor operator*(Tensor a, Tensor b) { return builder_of(a)("aten::mul.Tensor", a, b); }
Tensor operator/(Tensor a, Tensor b) { return builder_of(a)("aten::div.Tensor", a, b); }
Tensor operator-(Tensor a) { return builder_of(a)("aten::neg", a); }
Tensor operator+(Tensor a, Arg b) { return builder_of(a)("aten::add.Scalar", a, b); }
Tensor operator-(Tensor a, Arg b) { return builder_of(a)("aten::sub.Scalar", a, b); }
Tensor operator*(Tensor a, Arg b) { return builder_of(a)("aten::mul.Scalar", a, b); }
Tensor operator/(Tensor a, Arg b) { return builder_of(a)("aten::div.Scalar", a, b); }

}  // namespace portfire::ir
