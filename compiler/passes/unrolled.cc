#include "compiler/passes/unrolled.h"

#include <cstring>

namespace portfire::passes {

using ir::Arg;
using ir::kNoValue;
using ir::Node;
using ir::Type;
using ir::ValueId;

namespace {

ValueId id(const Arg& a) { return a.ref() ? a.ref()->id : kNoValue; }
const ir::Dim& last(const Type& t) { return t.sizes.back(); }

}  // namespace

bool Unrolled::equal(ValueId a, ValueId b) const {
  if (a == b) return true;
  if (a == kNoValue || b == kNoValue || !(g_.type(a) == g_.type(b))) return false;
  const Node *m = producer(a), *n = producer(b);
  if (m && n) return m->op->name == "aten::permute" && n->op == m->op && m->args[1] == n->args[1] && equal(id(m->args[0]), id(n->args[0]));
  const ir::Constant *x = constant_of(g_, a), *y = constant_of(g_, b);
  return x && y && x->bytes == y->bytes && (x->data == y->data || std::memcmp(x->data, y->data, x->bytes) == 0);
}

ValueId Unrolled::root(ValueId v) const { return through(v, nullptr); }

// Views on the way belong to `s`.
ValueId Unrolled::through(ValueId v, Step* s) const {
  for (const Node* n = producer(v); n; n = producer(v)) {
    const bool dims = n->op->name == "aten::squeeze.dims" || n->op->name == "aten::unsqueeze";
    const bool shape = n->op->name == "aten::view" && g_.type(v).is_static();
    if (!dims && !shape) break;
    if (s) s->nodes.insert(n);
    v = id(n->args[0]);
  }
  return v;
}

// The node behind views that makes `v`, if it is `op`.
const Node* Unrolled::made(ValueId v, std::string_view op, Step* s) const {
  Step seen{};
  const Node* n = producer(through(v, &seen));
  if (!n || n->op->name != op || g_.type(n->outs[0]).dtype != DType::f32) return nullptr;
  s->nodes.merge(seen.nodes);
  s->nodes.insert(n);
  return n;
}

// Both tensors of a sum, difference or product.
bool Unrolled::operands(ValueId v, std::string_view op, Step* s, ValueId* a, ValueId* b) const {
  const Node* n = made(v, op, s);
  if (!n || (n->args.size() > 2 && !is_number(n->args[2], 1))) return false;
  *a = id(n->args[0]);
  *b = id(n->args[1]);
  return *a != kNoValue && *b != kNoValue;
}

// What an operator of one tensor is applied to; kNoValue where `v` is not its result.
ValueId Unrolled::inside(ValueId v, std::string_view op, Step* s) const {
  const Node* n = made(v, op, s);
  return n ? id(n->args[0]) : kNoValue;
}

// z of 1 - z; kNoValue where `v` is none.
ValueId Unrolled::one_less(ValueId v, Step* s) const {
  ValueId one, z;
  if (!operands(v, "aten::sub.Tensor", s, &one, &z)) return kNoValue;
  const ir::Constant* c = constant_of(g_, root(one));
  const DType dtype = g_.type(root(one)).dtype;
  const auto is = [&](auto number) { return c && c->bytes == sizeof number && std::memcmp(c->data, &number, sizeof number) == 0; };
  return (dtype == DType::f32 && is(1.0f)) || (dtype == DType::i64 && is(int64_t{1})) ? z : kNoValue;
}

Unrolled::Piece Unrolled::piece(ValueId v, Step* s) const {
  const Node* n = v == kNoValue ? nullptr : made(v, "aten::slice.Tensor", s);
  if (!n) return {};
  const ValueId of = id(n->args[0]);
  const Type &whole = g_.type(of), &part = g_.type(n->outs[0]);
  if (!n->args[1].integer() || !n->args[2].integer() || !is_number(n->args[4], 1)) return {};
  if (!last(whole).is_static() || !last(part).is_static()) return {};
  const int64_t dim = *n->args[1].integer(), width = last(part).at[0], start = *n->args[2].integer();
  if ((dim != -1 && dim != whole.rank() - 1) || width <= 0 || start < 0 || start % width != 0 || last(whole).at[0] % width != 0) return {};
  return {of, start / width, width};
}

// `v` = w h [+ b], of a constant or other matrix w.
bool Unrolled::product(ValueId v, Step* s) const {
  v = through(v, s);
  const Node* n = producer(v);
  if (!n) {
    s->from_h = {v};
    return constant_of(g_, v) != nullptr && g_.type(v).dtype == DType::f32;
  }
  const bool linear = n->op->name == "aten::linear", addmm = n->op->name == "aten::addmm", mm = n->op->name == "aten::mm";
  if ((!linear && !addmm && !mm) || g_.type(v).dtype != DType::f32) return false;
  if (addmm && (!is_number(n->args[3], 1) || !is_number(n->args[4], 1) || g_.type(id(n->args[0])).rank() != 1)) return false;
  s->h = root(id(n->args[addmm ? 1 : 0]));
  s->w = id(n->args[addmm ? 2 : 1]);
  s->w_turned = !linear;
  s->b = linear ? id(n->args[2]) : addmm ? id(n->args[0]) : kNoValue;
  s->nodes.insert(n);
  return g_.type(s->w).rank() == 2;
}

// All but the sum of products that `gates` is.
bool Unrolled::lstm(Step* s, ValueId* gates) const {
  ValueId a, b;
  if (!operands(s->h_next, "aten::mul.Tensor", s, &a, &b)) return false;
  if (inside(a, "aten::tanh", s) != kNoValue) std::swap(a, b);
  const Piece o = piece(inside(a, "aten::sigmoid", s), s);
  s->c_next = through(inside(b, "aten::tanh", s), s);
  ValueId kept, fresh;
  if (o.index != 3 || s->c_next == kNoValue || !operands(s->c_next, "aten::add.Tensor", s, &kept, &fresh)) return false;
  for (int order = 0; order < 2; ++order, std::swap(kept, fresh)) {
    Step tried = *s;
    ValueId i, g, f, c;
    if (!operands(fresh, "aten::mul.Tensor", &tried, &i, &g) || !operands(kept, "aten::mul.Tensor", &tried, &f, &c)) continue;
    if (inside(i, "aten::tanh", &tried) != kNoValue) std::swap(i, g);
    const Piece in = piece(inside(i, "aten::sigmoid", &tried), &tried), cell = piece(inside(g, "aten::tanh", &tried), &tried);
    if (in.index != 0 || cell.index != 2 || in.of != o.of || cell.of != o.of) continue;
    const auto forgets = [&](ValueId v) {
      Step seen{};
      const Piece p = piece(inside(v, "aten::sigmoid", &seen), &seen);
      if (p.index != 1 || p.of != o.of) return false;
      tried.nodes.merge(seen.nodes);
      return true;
    };
    if (!forgets(f)) std::swap(f, c);
    if (!forgets(f)) continue;
    tried.c = root(c);
    if (last(g_.type(o.of)).at[0] != 4 * o.width) continue;
    *s = std::move(tried);
    *gates = o.of;
    return true;
  }
  return false;
}

bool Unrolled::gru(Step* s) const {
  ValueId a, b;
  if (!operands(s->h_next, "aten::add.Tensor", s, &a, &b)) return false;
  for (int order = 0; order < 2; ++order, std::swap(a, b)) {
    Step sum = *s;
    ValueId p, q, r, t;
    if (!operands(a, "aten::mul.Tensor", &sum, &p, &q)) continue;
    for (const auto& [difference, z] : {std::pair{p, q}, std::pair{q, p}}) {  // (h - n) z + n
      Step tried = sum;
      ValueId h, n;
      if (!operands(difference, "aten::sub.Tensor", &tried, &h, &n) || root(n) != root(b)) continue;
      through(n, &tried);
      if (!gru_gates(z, b, &tried) || (tried.h == kNoValue ? !is_zeros(g_, root(h)) : tried.h != root(h))) continue;
      *s = std::move(tried);
      return true;
    }
    if (!operands(b, "aten::mul.Tensor", &sum, &r, &t)) continue;
    for (const auto& [rest, n] : {std::pair{p, q}, std::pair{q, p}})  // (1 - z) n + z h
      for (const auto& [z, h] : {std::pair{r, t}, std::pair{t, r}}) {
        Step tried = sum;
        const ValueId less = one_less(rest, &tried);
        if (less == kNoValue || root(less) != root(z)) continue;
        through(less, &tried);
        if (!gru_gates(z, n, &tried) || (tried.h == kNoValue ? !is_zeros(g_, root(h)) : tried.h != root(h))) continue;
        *s = std::move(tried);
        return true;
      }
  }
  return false;
}

// z = sigmoid(x_z + s_z), n = tanh(x_n + r s_n), r = sigmoid(x_r + s_r)
bool Unrolled::gru_gates(ValueId z, ValueId n, Step* s) const {
  ValueId x_n, r_s, x_z, s_z, x_r, s_r, r, s_n;
  if (!operands(inside(n, "aten::tanh", s), "aten::add.Tensor", s, &x_n, &r_s)) return false;
  if (Step seen{}; !made(r_s, "aten::mul.Tensor", &seen)) std::swap(x_n, r_s);
  if (!operands(r_s, "aten::mul.Tensor", s, &r, &s_n)) return false;
  if (Step seen{}; !made(r, "aten::sigmoid", &seen)) std::swap(r, s_n);
  if (!operands(inside(r, "aten::sigmoid", s), "aten::add.Tensor", s, &x_r, &s_r)) return false;
  if (!operands(inside(z, "aten::sigmoid", s), "aten::add.Tensor", s, &x_z, &s_z)) return false;
  const auto constant = [&](ValueId v) { return constant_of(g_, root(v)) != nullptr; };
  const Piece of_x = piece(x_n, s);
  const int64_t width = of_x.width;
  if (of_x.index != 2 || last(g_.type(of_x.of)).at[0] != 3 * width) return false;
  s->x = of_x.of;
  const auto brings = [&](ValueId a, int64_t index) {
    Step seen{};
    const Piece p = piece(a, &seen);
    if (p.index != index || p.of != of_x.of) return false;
    s->nodes.merge(seen.nodes);
    return true;
  };
  if (!brings(x_r, 0)) std::swap(x_r, s_r);
  if (!brings(x_z, 1)) std::swap(x_z, s_z);
  if (!brings(x_r, 0) || !brings(x_z, 1)) return false;
  if (constant(s_r) && constant(s_z) && constant(s_n)) {
    s->from_h = {root(s_r), root(s_z), root(s_n)};
    return true;
  }
  const Piece at_r = piece(s_r, s), at_z = piece(s_z, s), at_n = piece(s_n, s);
  return at_r.index == 0 && at_z.index == 1 && at_n.index == 2 && at_z.of == at_r.of && at_n.of == at_r.of && at_n.width == width &&
         last(g_.type(at_r.of)).at[0] == 3 * width && product(at_r.of, s);
}

// Whether nothing but h' and c' is used elsewhere.
bool Unrolled::closed(const Step& s) const {
  for (const Node* n : s.nodes)
    for (const ValueId v : n->outs) {
      if (v == s.h_next || v == s.c_next) continue;
      if (uses_.is_result(v)) return false;
      for (const Node* user : uses_.users(v))
        if (!s.nodes.count(user)) return false;
    }
  return true;
}

// `gates` = x + w h [+ b]
void Unrolled::add_readings(const Step& s, ValueId gates, std::vector<Step>* out) const {
  Step sum = s;
  ValueId a, b;
  if (!operands(gates, "aten::add.Tensor", &sum, &a, &b)) return;
  for (const auto& [from_h, x] : {std::pair{a, b}, std::pair{b, a}}) {
    Step read = sum;
    read.x = x;
    if (product(from_h, &read) && closed(read)) out->push_back(std::move(read));
  }
}

std::vector<Step> Unrolled::steps(const Node& n) const {
  std::vector<Step> out;
  if (n.outs.size() != 1) return out;
  Step s{};
  s.h_next = n.outs[0];
  ValueId gates;
  if (n.op->name == "aten::mul.Tensor") {
    s.cell = Step::lstm;
    if (lstm(&s, &gates)) add_readings(s, gates, &out);
  } else if (n.op->name == "aten::add.Tensor") {
    s.cell = Step::gru;
    if (gru(&s) && closed(s)) out.push_back(std::move(s));
  } else if (n.op->name == "aten::tanh" || n.op->name == "aten::relu") {
    s.cell = n.op->name == "aten::tanh" ? Step::tanh : Step::relu;
    gates = inside(s.h_next, n.op->name, &s);
    add_readings(s, gates, &out);
  }
  return out;
}

}  // namespace portfire::passes
