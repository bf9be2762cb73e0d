#include "kernels/pointwise/plan.h"

#include <algorithm>
#include <cstring>

namespace portfire::pointwise {
namespace {

using ops::pointwise_program::Program;

constexpr int64_t kFlat = 16 << 10;   // elements of a tile of a flat program
constexpr size_t kCached = 32 << 10;  // bytes of slots, more or less

// Does a register of `from` hold what a cast to `to` would give? What narrows it comes with the store at the end.
bool same_register(DType from, DType to, bool at_end) {
  if (class_of(from) != class_of(to) || (to == DType::boolean && from != to)) return false;
  return from == to || at_end || !narrow_fn(to);
}

// The number of a literal like operand `o` of a step in `dtype`, a new one if there is none; -1 where
// they are too many.
int literal(Plan* p, const ops::pointwise_program::Operand& o, DType dtype) {
  for (int l = 0; l < p->literal_count; ++l)
    if (p->literals[l].dtype == dtype && std::memcmp(&p->literals[l].real, &o.real, 8) == 0 && p->literals[l].integer == o.integer) return l;
  if (p->literal_count == kMaxLiterals) return -1;
  p->literals[p->literal_count] = {-1, dtype, o.real, o.integer};
  return p->literal_count++;
}

// Is the result of operands that f16 or bf16 holds such a number too?
bool stays_narrow(const ops::Pointwise& op) {
  for (const char* name : {"abs", "neg", "sign", "sgn", "relu", "ceil", "floor", "trunc", "round", "copysign", "maximum", "minimum", "fmax", "fmin",
                           "where", "clamp", "threshold", "hardshrink", "replace_nan", "replace_inf"})
    if (op.name == name) return true;
  return false;
}

// Two steps of which only the second uses the first become one: min(max(x, low), high) with numbers for bounds, and
// sums with a product where that is not rounded to 16 bits first. joined[k]: step k has gone.
void join_steps(const Plan& p, Program* g, bool* joined) {
  int uses[kMaxInputs + kMaxSteps] = {};
  for (int r = 0; r < p.further; ++r) uses[p.further_register[r]] = 2;
  for (int k = 0; k < g->count; ++k)
    for (int i = 0; i < g->steps[k].arity; ++i)
      if (g->steps[k].operands[i].reg >= 0) ++uses[g->steps[k].operands[i].reg];
  const auto is = [](const auto& s, std::string_view name) {
    return s.op && s.op->name == name && s.operands[0].reg >= 0 && s.operands[1].reg < 0 && s.operands[1].real == s.operands[1].real;
  };
  const auto has_product = [](DType t) { return t == DType::f32 || t == DType::f64 || t == DType::i64 || t == DType::i32; };
  for (int k = 1; k < g->count; ++k) {
    auto &first = g->steps[k - 1], &second = g->steps[k];
    const int reg = g->inputs + k - 1;
    if (!first.op || !second.op || first.dtype != second.dtype || uses[reg] != 1) continue;
    if (is(first, "maximum") && is(second, "minimum") && second.operands[0].reg == reg) {
      second = {ops::find_pointwise("clamp"), second.dtype, second.result, 3, {first.operands[0], first.operands[1], second.operands[1]}};
    } else if (first.op->name == "mul" && second.op->name == "add" && has_product(first.dtype) && first.operands[0].reg >= 0 &&
               (second.operands[0].reg == reg || second.operands[1].reg == reg)) {
      const auto& other = second.operands[second.operands[0].reg == reg];
      second = {ops::find_pointwise("addcmul"), second.dtype, second.result, 3, {other, first.operands[0], first.operands[1]}};
    } else {
      continue;
    }
    joined[k - 1] = true;
  }
}

// Registers get slots; one is free again after its last use. Literals, which are filled in once for each task, and
// inputs that may be used again keep theirs.
bool assign_slots(Plan* p) {
  const Program& g = p->program;
  int last[kMaxInputs + kMaxSteps] = {};
  for (int k = 0; k < g.count; ++k)
    for (int i = 0; i < g.steps[k].arity; ++i)
      if (g.steps[k].operands[i].reg >= 0) last[p->source[g.steps[k].operands[i].reg]] = k;
  last[p->answer()] = g.count;
  for (int r = 0; r < p->further; ++r) last[p->source[p->further_register[r]]] = g.count;
  for (int i = 0; i < g.inputs; ++i)
    if (p->holds[i]) last[i] = g.count;
  bool free_slots[kMaxInputs + kMaxSteps] = {};
  auto take = [&] {
    for (int s = 0; s < p->slots; ++s)
      if (free_slots[s]) {
        free_slots[s] = false;
        return static_cast<int16_t>(s);
      }
    return static_cast<int16_t>(p->slots++);
  };
  for (int i = 0; i < g.inputs; ++i) p->slot[i] = take();
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    if (p->source[g.inputs + k] != g.inputs + k) continue;
    p->slot[g.inputs + k] = take();
    for (int i = 0; i < s.arity; ++i) {
      const int reg = s.operands[i].reg < 0 ? -1 : p->source[s.operands[i].reg];
      if (reg >= 0) {
        p->operand_slot[k][i] = p->slot[reg];
        if (last[reg] == k) free_slots[p->slot[reg]] = true;
        continue;
      }
      const int l = literal(p, s.operands[i], s.dtype);
      if (l < 0) return false;
      p->operand_slot[k][i] = static_cast<int16_t>(-1 - l);
    }
  }
  for (int l = 0; l < p->literal_count; ++l) p->literals[l].slot = static_cast<int16_t>(p->slots++);
  for (int k = 0; k < g.count; ++k)
    for (int i = 0; i < g.steps[k].arity; ++i)
      if (p->source[g.inputs + k] == g.inputs + k && p->operand_slot[k][i] < 0) p->operand_slot[k][i] = p->literals[-1 - p->operand_slot[k][i]].slot;
  return true;
}

// As many elements as slots of kSlotBytes hold, where few are in use: a tile takes some time of its own.
size_t strip_of(const Plan& p, DType result) {
  size_t widest = bytes_of(class_of(result));
  for (int r = 0; r < p.program.inputs + p.program.count; ++r) widest = std::max(widest, bytes_of(class_of(p.program.dtype_of(r))));
  for (int k = 0; k < p.program.count; ++k) widest = std::max(widest, bytes_of(class_of(p.program.steps[k].dtype)));
  const size_t most = kSlotBytes / widest, cached = kCached / (widest * static_cast<size_t>(p.slots));
  return std::max(kStrip, std::min(most, cached) / kPadding * kPadding);
}

// One step from memory to memory, without a gap: registers are of any length.
bool is_flat(const Plan& p, DType result) {
  const Program& g = p.program;
  int steps = 0;
  for (int k = 0; k < g.count; ++k) steps += p.source[g.inputs + k] == g.inputs + k;
  bool flat = steps == 1 && p.further == 0 && p.answer() >= g.inputs && p.tiling.rank == 1 && p.tiling.dense[g.inputs] && (in_class(result) || result == DType::boolean);
  for (int i = 0; i < g.inputs; ++i) flat &= p.tiling.dense[i] && in_class(g.dtype_of(i));
  return flat;
}

}  // namespace

bool make_plan(const Operands& o, Plan* plan) {
  Plan& p = *plan;
  const auto inputs = o.args[0]->tensors;
  Program& g = p.program;
  if (ops::pointwise_program::parse(o.args[1]->string, inputs, &g)) return false;
  p.further = static_cast<int>(o.outs.size()) - 1;
  for (int r = 0; r < p.further; ++r) {
    p.further_register[r] = static_cast<int16_t>(o.args[2 + static_cast<size_t>(r)]->integer);
    p.further_store[r] = store_fn(o.out(static_cast<size_t>(r)).dtype);
    for (int d = 0; d < Plan::out(o).rank(); ++d)  // they are walked together
      if (o.out(static_cast<size_t>(r)).strides[d] != Plan::out(o).strides[d]) return false;
  }
  bool joined[kMaxSteps] = {};
  join_steps(p, &g, joined);
  auto supported = [](DType t) { return t != DType::u16 && t != DType::u32 && t != DType::u64; };
  for (int r = 0; r < g.inputs + g.count; ++r)
    if (!supported(g.dtype_of(r))) return false;
  p.tiling = Tiling(inputs, Plan::out(o));
  for (int i = 0; i < g.inputs; ++i) {
    p.loads[i] = load_fn(g.dtype_of(i));
    p.source[i] = static_cast<int16_t>(i);
    p.stays[i] = !p.tiling.dense[i];
    for (int d = 0; d + 1 < p.tiling.rank; ++d) p.stays[i] &= p.tiling.strides[i][d] == 0;
    if (p.tiling.rank == 1) p.stays[i] &= p.tiling.strides[i][0] == 0;
    p.holds[i] = p.stays[i] || (!p.tiling.dense[i] && p.tiling.strides[i][p.tiling.rank - 1] == 0);
  }
  for (int k = 0; k < g.count; ++k) {
    const auto& s = g.steps[k];
    const Class first = s.operands[0].reg >= 0 ? class_of(g.dtype_of(s.operands[0].reg)) : Class::u8;
    p.fns[k] = s.op ? step_fn(*s.op, s.dtype) : nullptr;
    p.converts[k] = s.op ? nullptr : convert_fn(first, s.dtype);
    // The store at the end narrows what the last step gives.
    p.narrows[k] = k + 1 < g.count && !(s.op && is_floating(s.result) && stays_narrow(*s.op)) ? narrow_fn(s.result) : nullptr;
    const bool chooses = s.op && s.op->rule == ops::PointwiseRule::first;
    if ((chooses && first != Class::u8) || (!s.op && s.operands[0].reg < 0)) return false;
    if (s.op && s.op->name == "nextafter" && s.dtype == DType::f16) return false;  // no step of f32 counts in f16
    const bool same = joined[k] || (!s.op && same_register(g.dtype_of(s.operands[0].reg), s.dtype, k + 1 == g.count));
    p.source[g.inputs + k] = same ? p.source[s.operands[0].reg] : static_cast<int16_t>(g.inputs + k);
  }
  p.store = store_fn(Plan::out(o).dtype);
  if (!assign_slots(&p)) return false;
  p.strip = strip_of(p, Plan::out(o).dtype);
  p.tiling.cut(is_flat(p, Plan::out(o).dtype) ? kFlat : static_cast<int64_t>(p.strip));
  return true;
}

}  // namespace portfire::pointwise
