#include "cli/trace_values.h"

#include <algorithm>
#include <cmath>

#include "cli/inputs.h"
#include "cli/recorder.h"
#include "ops/element.h"
#include "ops/schema_kinds.h"

namespace portfire::cli {
namespace {

// Calls f(x) for each element, row-major; of complex ones for both parts.
template <class F>
void for_each(const TensorView& t, F f) {
  if (t.dtype == DType::f32 && t.is_contiguous()) {
    for (int64_t i = 0, n = t.numel(); i < n; ++i) f(static_cast<double>(t.as<float>()[i]));
    return;
  }
  for (ops::Index at(t.shape); at.valid(); at.next()) {
    int64_t offset = 0;
    for (int d = 0; d < t.rank(); ++d) offset += at[d] * t.strides[d];
    if (!is_complex(t.dtype)) {
      f(ops::load_real(t, offset));
      continue;
    }
    const std::complex<double> z = ops::load_complex(t, offset);
    f(z.real());
    f(z.imag());
  }
}

uint64_t address(const TensorView& t) { return reinterpret_cast<uint64_t>(t.data); }

}  // namespace

Summary summarize(const TensorView& t) {
  Summary s;
  s.count = static_cast<uint64_t>(t.numel()) * (is_complex(t.dtype) ? 2 : 1);
  const uint64_t samples = std::min<uint64_t>(s.count, kSamples);
  s.samples.reserve(samples);
  uint64_t at = 0, finite = 0;
  double sum = 0, squares = 0;
  for_each(t, [&](double x) {
    // Sample k is element k * count / samples.
    if (s.samples.size() < samples && at == s.samples.size() * s.count / samples) s.samples.push_back(x);
    ++at;
    s.nans += std::isnan(x);
    s.infinities += std::isinf(x);
    if (!std::isfinite(x)) return;
    s.low = finite ? std::min(s.low, x) : x;
    s.high = finite ? std::max(s.high, x) : x;
    ++finite;
    sum += x;
    squares += x * x;
  });
  if (finite) {
    s.mean = sum / static_cast<double>(finite);
    s.rms = std::sqrt(squares / static_cast<double>(finite));
  }
  return s;
}

int32_t Tracer::owner(const TensorView& t) const {
  const int64_t who = owners_.at(address(t));
  return who == Owners::kNobody ? kNone : static_cast<int32_t>(who);
}

void Tracer::before(const Method::InstructionInfo& in) {
  from_.clear();
  auto add = [&](const TensorView* t) {
    if (!t || !t->data) return;
    if (const int32_t who = owner(*t); who != kNone && std::find(from_.begin(), from_.end(), who) == from_.end()) from_.push_back(who);
  };
  for (const Value* v : in.args) {
    if (v->kind == Value::Kind::tensor) add(v->tensor);
    if (v->kind == Value::Kind::tensor_list)
      for (const TensorView* t : v->tensors) add(t);
  }
}

void Tracer::after(size_t instruction, const Method::InstructionInfo& in) {
  std::vector<const TensorView*> outs(in.outs.begin(), in.outs.end());
  if (const Op* op = find_op(in.op))
    for_each_argument(op->schema, [&](size_t k, std::string_view type) {
      if (!is_written(type) || k >= in.args.size() || in.args[k]->kind != Value::Kind::tensor) return;
      if (std::find(outs.begin(), outs.end(), in.args[k]->tensor) == outs.end()) outs.push_back(in.args[k]->tensor);
    });
  for (const TensorView* out : outs) {
    const size_t index = next_++;
    if (index >= kMostValues || !out->data) continue;
    owners_.write(address(*out), address(*out) + out->bytes(), static_cast<int64_t>(index));
    if (trace_)
      trace_->values.push_back({instruction, std::string(in.op), source_text(in), out->dtype, out->shape, summarize(*out), from_});
    if (sink_) (*sink_)(index, *out);
  }
}

void Tracer::note(void* self, size_t instruction, bool done) {
  Tracer& t = *static_cast<Tracer*>(self);
  const Method::InstructionInfo in = t.method_.instruction(instruction);
  if (in.by == Method::RunBy::view || in.by == Method::RunBy::number || in.by == Method::RunBy::control) return;
  done ? t.after(instruction, in) : t.before(in);
}

Error Tracer::run(const std::vector<Array>& inputs) {
  PF_TRY(set_inputs(method_, inputs));
  next_ = 0;
  owners_ = {};
  for (size_t k = 0; k < method_.input_count(); ++k)
    if (const Value& v = method_.input_type(k); v.kind == Value::Kind::tensor && v.tensor->data)
      owners_.write(address(*v.tensor), address(*v.tensor) + v.tensor->bytes(), -1 - static_cast<int64_t>(k));
  return method_.execute({&Tracer::note, this});
}

Result<Trace> Tracer::trace(const std::vector<Array>& inputs) {
  Trace trace;
  trace_ = &trace;
  const Error e = run(inputs);
  trace_ = nullptr;
  if (e) return e;
  for (size_t k = 0; k < method_.output_count(); ++k) {
    const Value& v = method_.output(k);
    if (v.kind != Value::Kind::none) trace.outputs.push_back(v.kind == Value::Kind::tensor && v.tensor->data ? owner(*v.tensor) : kNone);
  }
  return trace;
}

Error Tracer::replay(const std::vector<Array>& inputs, const Sink& sink) {
  sink_ = &sink;
  const Error e = run(inputs);
  sink_ = nullptr;
  return e;
}

}  // namespace portfire::cli
