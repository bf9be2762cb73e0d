#include "training/optimizer.h"

#include <fnmatch.h>

#include "training/names.h"
#include "training/state.h"

namespace portfire::training {

using ir::Builder;
using ir::Refusal;
using ir::Tensor;
using ir::ValueId;

std::map<std::string, double> hyperparameters(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::sgd: return {{"momentum", 0}, {"dampening", 0}, {"nesterov", 0}, {"weight_decay", 0}};
    case Optimizer::adam: return {{"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}, {"weight_decay", 0}};
    case Optimizer::adamw: return {{"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}, {"weight_decay", 1e-2}};
    case Optimizer::rmsprop: return {{"alpha", 0.99}, {"eps", 1e-8}, {"momentum", 0}, {"centered", 0}, {"weight_decay", 0}};
    case Optimizer::adagrad: return {{"lr_decay", 0}, {"eps", 1e-10}, {"initial_accumulator_value", 0}, {"weight_decay", 0}};
    case Optimizer::lion: return {{"beta1", 0.9}, {"beta2", 0.99}, {"weight_decay", 0}};
    case Optimizer::none: return {};
  }
  return {};
}

// One parameter's step. Numbers are computed in f64, once for all parameters of a group, and used in the parameter's dtype.
struct Updates::Call {
  Updates& u;
  Builder& b;
  const size_t parameter;
  const Group* group;
  Tensor p, g;

  const std::string& name() const { return b.graph().buffers[parameter].name; }
  Tensor wide(const std::string& hyperparameter) const {
    const bool own = group && group->hyperparameters.count(hyperparameter);
    const double value = own ? group->hyperparameters.at(hyperparameter) : u.initial(hyperparameter);
    const std::string name = hyperparameter_name(hyperparameter, own ? group->glob : "");
    return known("hyperparameter " + name, [&] { return Tensor{&b, add_number(b.graph(), name, DType::f64, value)}; });
  }
  template <class F>
  Tensor known(const std::string& key, F make) const {
    const auto it = u.known_.find(key);
    if (it != u.known_.end()) return {&b, it->second};
    const Tensor t = make();
    u.known_[key] = t.id;
    return t;
  }
  // Computed once for all that share these hyper-parameters.
  template <class F>
  Tensor shared(const std::string& what, F make) const {
    const DType t = p.dtype() == DType::f64 ? DType::f64 : DType::f32;
    return known(what + " " + (group ? group->glob : "") + " " + name_of(t), [&] { return b.cast(make(), t); });
  }
  Tensor number(const std::string& hyperparameter) const {
    return shared(hyperparameter, [&] { return wide(hyperparameter); });
  }
  Tensor wide_lr() const {
    const Tensor lr = known("lr", [&] { return b.cast({&b, u.lr_}, DType::f64); });
    if (!group || !group->hyperparameters.count("lr_scale")) return lr;
    return known("lr " + group->glob, [&] { return lr * wide("lr_scale"); });
  }
  Tensor lr() const {
    return shared("lr", [&] { return wide_lr(); });
  }
  Tensor steps() const {
    return known("steps", [&] { return u.step_count(b); });
  }
  // 1 - x
  Tensor rest(const std::string& hyperparameter) const {
    return shared("1 - " + hyperparameter, [&] { return one_minus(wide(hyperparameter)); });
  }
  Tensor one_minus(Tensor x) const { return b("portfire::sub.Scalar_Tensor", 1.0, x); }

  Tensor slot(const char* what) const {
    ir::Type type = p.type();
    return {&b, add_state(b.graph(), slot_name(what, name()), std::move(type), ir::Role::optimizer)};
  }
  void set(Tensor state, Tensor value) const { set_update(b.graph(), state.id, b.cast(value, state.dtype()).id); }
  void decayed_gradient() { g = g + p * number("weight_decay"); }
};

Updates::Updates(const Options& options, ValueId lr) : options_(options), defaults_(hyperparameters(options.optimizer)), lr_(lr) {
  const auto check = [&](const std::map<std::string, double>& given, bool group) {
    for (const auto& [name, value] : given) {
      if (defaults_.count(name) || (group && name == "lr_scale")) continue;
      std::string names = group ? "lr_scale" : "";
      for (const auto& [known, v] : defaults_) names += (names.empty() ? "" : ", ") + known;
      throw Refusal{Code::bad_argument, "hyper-parameter \"" + name + "\" (expected one of " + names + ")"};
    }
  };
  check(options.hyperparameters, false);
  for (const Group& g : options.groups) check(g.hyperparameters, true);
}

double Updates::initial(const std::string& name) const {
  const auto it = options_.hyperparameters.find(name);
  if (it != options_.hyperparameters.end()) return it->second;
  const auto known = defaults_.find(name);
  return known == defaults_.end() ? 1 : known->second;  // lr_scale
}

bool Updates::given(const std::string& name) const {
  bool any = initial(name) != 0;
  for (const Group& g : options_.groups)
    if (const auto it = g.hyperparameters.find(name); it != g.hyperparameters.end()) any |= it->second != 0;
  return any;
}

const Group* Updates::group_of(const std::string& parameter) const {
  for (const Group& g : options_.groups)
    if (fnmatch(g.glob.c_str(), parameter.c_str(), 0) == 0) return &g;
  return nullptr;
}

Tensor Updates::hyperparameter(Builder& b, const std::string& name, double value) {
  return {&b, add_number(b.graph(), hyperparameter_name(name), DType::f64, value)};
}

// The number of this step, from 1 on, in f64.
Tensor Updates::step_count(Builder& b) {
  const Tensor before{&b, add_number(b.graph(), std::string(kStepName), DType::i64, 0, ir::Role::optimizer)};
  const Tensor now = before + 1;
  set_update(b.graph(), before.id, now.id);
  return b.cast(now, DType::f64);
}

void Updates::step(Builder& b, size_t parameter, Tensor gradient) {
  const ir::Buffer& buffer = b.graph().buffers[parameter];
  Call c{*this, b, parameter, group_of(buffer.name), {&b, buffer.value}, gradient};
  c.steps();
  switch (options_.optimizer) {
    case Optimizer::sgd: return sgd(c);
    case Optimizer::adam:
    case Optimizer::adamw: return adam(c);
    case Optimizer::rmsprop: return rmsprop(c);
    case Optimizer::adagrad: return adagrad(c);
    case Optimizer::lion: return lion(c);
    case Optimizer::none: return;
  }
}

void Updates::sgd(Call& c) {
  c.decayed_gradient();
  if (given("momentum")) {
    const Tensor buffer = c.slot("momentum_buffer");
    // The first step takes the gradient whole.
    const Tensor part = c.shared("dampened", [&] {
      return c.b.where(c.b("aten::le.Scalar", c.steps(), 1), 1.0, c.one_minus(c.wide("dampening")));
    });
    const Tensor moved = buffer * c.number("momentum") + c.g * part;
    c.set(buffer, moved);
    c.g = initial("nesterov") != 0 ? c.g + moved * c.number("momentum") : moved;
  }
  c.set(c.p, c.p - c.g * c.lr());
}

void Updates::adam(Call& c) {
  Tensor p = c.p;
  if (options_.optimizer == Optimizer::adam)
    c.decayed_gradient();
  else
    p = p * c.shared("1 - lr weight_decay", [&] { return c.one_minus(c.wide_lr() * c.wide("weight_decay")); });
  const Tensor mean = c.slot("exp_avg"), square = c.slot("exp_avg_sq");
  const Tensor m = mean + (c.g - mean) * c.rest("beta1");
  const Tensor v = square * c.number("beta2") + c.g * c.g * c.rest("beta2");
  // Both averages begin at 0: they are too small by 1 - beta^t.
  const auto correction = [&](const char* beta) { return c.one_minus(c.b("aten::pow.Tensor_Tensor", c.wide(beta), c.steps())); };
  const Tensor size = c.shared("step size", [&] { return c.wide_lr() / correction("beta1"); });
  const Tensor scale = c.shared("1 / sqrt(correction 2)", [&] { return c.b("aten::rsqrt", correction("beta2")); });
  c.set(mean, m);
  c.set(square, v);
  c.set(c.p, p - m / (c.b("aten::sqrt", v) * scale + c.number("eps")) * size);
}

void Updates::rmsprop(Call& c) {
  c.decayed_gradient();
  const Tensor square = c.slot("square_avg");
  const Tensor v = square * c.number("alpha") + c.g * c.g * c.rest("alpha");
  c.set(square, v);
  Tensor variance = v;
  if (initial("centered") != 0) {
    const Tensor average = c.slot("grad_avg");
    const Tensor a = average + (c.g - average) * c.rest("alpha");
    c.set(average, a);
    variance = v - a * a;
  }
  Tensor step = c.g / (c.b("aten::sqrt", variance) + c.number("eps"));
  if (given("momentum")) {
    const Tensor buffer = c.slot("momentum_buffer");
    step = buffer * c.number("momentum") + step;
    c.set(buffer, step);
  }
  c.set(c.p, c.p - step * c.lr());
}

void Updates::adagrad(Call& c) {
  c.decayed_gradient();
  const Tensor sum = c.slot("sum");
  Tensor s = sum + c.g * c.g;
  // What it begins with is the same in all steps: added where it is used.
  const Tensor all = given("initial_accumulator_value") ? s + c.number("initial_accumulator_value") : s;
  const Tensor rate = c.shared("decayed lr", [&] { return c.wide_lr() / ((c.steps() - 1) * c.wide("lr_decay") + 1); });
  c.set(sum, s);
  c.set(c.p, c.p - c.g / (c.b("aten::sqrt", all) + c.number("eps")) * rate);
}

void Updates::lion(Call& c) {
  const Tensor mean = c.slot("exp_avg");
  const Tensor p = c.p * c.shared("1 - lr weight_decay", [&] { return c.one_minus(c.wide_lr() * c.wide("weight_decay")); });
  const Tensor direction = c.b("aten::sign", mean * c.number("beta1") + c.g * c.rest("beta1"));
  c.set(mean, mean * c.number("beta2") + c.g * c.rest("beta2"));
  c.set(c.p, p - direction * c.lr());
}

}  // namespace portfire::training
