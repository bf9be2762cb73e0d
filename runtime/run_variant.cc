// Calls of operators that write to tensors they are given, prepared and run step by step. A result that is of another dtype
// than the operator gives, or lies in another order than row-major, is computed in scratch memory first, unless the operator
// writes such memory anyhow.
#include <algorithm>

#include "format/reading.h"
#include "kernels/copy/strided.h"
#include "ops/rows.h"
#include "runtime/instruction.h"

namespace portfire {
namespace {

// Writes any order of dimensions, and its operands' memory where they lie alike.
bool writes_anywhere(const Op& op) { return op.name() == "portfire::pointwise" || op.name() == "aten::_to_copy"; }

size_t padded(size_t bytes) { return (bytes + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment; }

}  // namespace

Error Method::prepare_steps(Instruction& in) {
  Variant& v = *in.variant;
  std::span<const Call> calls;
  size_t used = 0;
  PF_TRY(make_calls(in, v.memory, &calls, &v.derived, &used, false));
  if (calls.size() != v.steps.size()) return Error::make(Code::bad_file, "a number that a run computes (expected a fixed one)");
  for (size_t i = 0; i < calls.size(); ++i) {
    Instruction& step = v.steps[i];
    if (step.op != calls[i].op || step.outs.size() != calls[i].outs.size())
      return Error::make(Code::bad_file, "a number that a run computes (expected a fixed one)");
    step.args = calls[i].args;
    std::copy(calls[i].outs.begin(), calls[i].outs.end(), step.targets.begin());
    PF_TRY(prepare_step(in, step));
  }
  return {};
}

Error Method::prepare_step(const Instruction& whole, Instruction& step) {
  TensorSpec specs[kMaxResults];
  PF_TRY(step.op->infer(Args(step.args), {specs, step.outs.size()}));
  const bool anywhere = writes_anywhere(*step.op);
  step.lent_bytes = 0;
  for (size_t k = 0; k < step.outs.size(); ++k) {
    const TensorSpec& spec = specs[k];
    TensorView& target = *step.targets[k];
    if (!can_cast(spec.dtype, target.dtype))
      return Error::make(Code::bad_file, "result is %s (expected %s, which cannot be cast to it)", name_of(target.dtype),
                         name_of(spec.dtype));
    bool direct = spec.dtype == target.dtype;
    int64_t bytes = 0, room = 0;
    if (!checked_bytes(spec.dtype, spec.shape, &bytes) || !checked_bytes(target.dtype, spec.shape, &room))
      return Error::make(Code::bad_argument, "result of impossible size %s", TypeText(spec.dtype, spec.shape).c_str());
    if (step.out_values[k] == kNoValue) {
      if (spec.shape != target.shape)
        return Error::make(Code::bad_file, "result is %s (expected %s)", TypeText(target).c_str(),
                           TypeText(spec.dtype, spec.shape).c_str());
    } else {
      const TensorInfo& info = tensors_[step.out_values[k]];
      // An upper bound may be more than the file plans for.
      if (step.op->data_dependent && info.dynamism != 2 && static_cast<size_t>(room) > info.capacity)
        direct = false;
      else
        PF_TRY(resize(step.out_values[k], {target.dtype, spec.shape}));
      direct &= !whole.variant->overlaps || anywhere;
    }
    direct &= anywhere || target.is_contiguous();
    step.outs[k] = &target;
    if (direct) {
      step.targets[k] = nullptr;
      continue;
    }
    step.lent[k] = TensorView();
    step.lent[k].dtype = spec.dtype;
    step.lent[k].shape = spec.shape;
    step.lent[k].set_contiguous();
    step.outs[k] = &step.lent[k];
    step.lent_bytes += padded(static_cast<size_t>(bytes));
  }
  return choose_kernel(step);
}

std::span<std::byte> Method::scratch_of(const Instruction& in) const {
  return {scratch_.data() + in.lent_bytes, scratch_.bytes() - in.lent_bytes};
}

Error Method::run_steps(Instruction& in) {
  for (const Derived& d : in.variant->derived) d.view->data = d.of->data ? static_cast<std::byte*>(d.of->data) + d.offset : nullptr;
  for (Instruction& step : in.variant->steps) {
    std::byte* lent = scratch_.data();
    for (size_t k = 0; k < step.outs.size(); ++k) {
      if (!step.targets[k]) continue;
      step.lent[k].data = lent;
      lent += padded(step.lent[k].bytes());
    }
    switch (step.kind) {
      case Instruction::Kind::kernel: PF_TRY(run_kernel(step)); break;
      case Instruction::Kind::checked_kernel: PF_TRY(run_checked(step)); break;
      default: PF_TRY(run_reference(step));
    }
    for (size_t k = 0; k < step.outs.size(); ++k) {
      if (!step.targets[k]) continue;
      const TensorView &from = step.lent[k], &to = *step.targets[k];
      from.dtype == to.dtype ? copy::copy(to, from, options_.pool) : ops::copy_view(to, from);
    }
  }
  if (in.every_time) {  // an operator in place whose value has another name
    TensorView& returned = *values_[in.a].tensor;
    if (!(returned.shape == in.outs[0]->shape)) ++versions_[in.a];
    returned = *in.outs[0];
  }
  return {};
}

// executorch_prim::et_copy_index.tensor(to, from, index): the rows of `to` end with the one that is written.
Error Method::bind_copy_index(const pte::KernelCall& call, Instruction* in) {
  in->kind = Instruction::Kind::copy_index;
  dynamic_ = true;
  if (count(call.args()) != 3) return Error::make(Code::bad_file, "%u arguments (expected 3)", count(call.args()));
  in->args = memory_.make<const Value*>(3);
  if (in->args.empty()) return Error::make(Code::out_of_memory, "%s", kNoMemoryToLoad);
  for (uint32_t k = 0; k < 3; ++k) in->args[k] = &values_[static_cast<size_t>(call.args()->Get(k))];
  if (in->args[0]->kind != Value::Kind::tensor || in->args[1]->kind != Value::Kind::tensor || in->args[2]->kind != Value::Kind::integer)
    return Error::make(Code::bad_file, "arguments are %s, %s and %s (expected Tensor, Tensor and int)", name_of(in->args[0]->kind),
                       name_of(in->args[1]->kind), name_of(in->args[2]->kind));
  TensorInfo &to = tensors_[index_of(in->args[0])], &from = tensors_[index_of(in->args[1])];
  if (!from.backed) return Error::make(Code::bad_file, "argument 1 is read before it is computed");
  if (to.constant || to.shown || to.input) return Error::make(Code::bad_file, "argument 0 is written, but an input, a constant or a view");
  if (to.buffer == 0) PF_TRY(give_memory(index_of(in->args[0])));
  to.result = to.backed = true;
  return {};
}

Error Method::run_copy_index(Instruction& in) {
  const size_t v = index_of(in.args[0]);
  const TensorView& from = *in.args[1]->tensor;
  const int64_t index = in.args[2]->kind == Value::Kind::integer ? in.args[2]->integer : -1;
  TensorView& to = *values_[v].tensor;
  Shape sizes;
  if (from.rank() == kMaxRank || index < 0 || index == INT64_MAX)
    return Error::make(Code::bad_argument, "index %lld", static_cast<long long>(index));
  sizes.push(std::max(index + 1, tensors_[v].dynamism || to.rank() == 0 ? int64_t{0} : to.size(0)));
  for (int64_t n : from.shape.dims()) sizes.push(n);
  PF_TRY(resize(v, {from.dtype, sizes}));
  TensorView row = to;
  row.data = to.as<std::byte>() + index * to.strides[0] * static_cast<int64_t>(byte_size(to.dtype));
  row.shape = from.shape;
  for (int d = 0; d < row.rank(); ++d) row.strides[d] = to.strides[d + 1];
  if (from.numel() > 0) copy::copy(row, from, options_.pool);
  return {};
}

}  // namespace portfire
