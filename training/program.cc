#include "training/program.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "autodiff/differentiate.h"
#include "training/autocast.h"
#include "training/choice.h"
#include "training/eval_mode.h"
#include "training/executorch.h"
#include "training/lora.h"
#include "training/loss.h"
#include "training/names.h"
#include "training/optimizer.h"
#include "training/recompute.h"
#include "training/state.h"

namespace portfire::training {
namespace {

using ir::Arg;
using ir::Builder;
using ir::Graph;
using ir::kNoValue;
using ir::Ref;
using ir::Refusal;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

// Parameters that are one tensor under several names become one, by the name that is used first.
Graph unify_tied(Graph g) {
  std::map<const ir::Constant*, ValueId> first;
  std::map<ValueId, ValueId> stands_for;
  for (const ir::Buffer& b : g.buffers) {
    const auto& constant = g.values[b.value].constant;
    if (b.role != ir::Role::parameter || !constant || constant->bytes == 0) continue;
    const auto [it, fresh] = first.try_emplace(constant.get(), b.value);
    if (!fresh && g.type(it->second) == g.type(b.value)) stands_for[b.value] = it->second;
  }
  const auto replace = [&](auto&& self, Arg& a) -> void {
    if (const Ref* r = a.ref()) {
      if (const auto it = stands_for.find(r->id); it != stands_for.end()) a = Ref{it->second};
    } else if (const Arg::List* l = a.list()) {
      Arg::List items = *l;
      for (Arg& item : items) self(self, item);
      a = std::move(items);
    }
  };
  for (ir::Node& n : g.nodes)
    for (Arg& a : n.args) replace(replace, a);
  std::erase_if(g.buffers, [&](const ir::Buffer& b) { return stands_for.count(b.value) > 0; });
  for (const auto& [gone, kept] : stands_for) g.values[gone].constant = nullptr;
  return g;
}

// The names of the buffers that the graph writes.
Result<std::set<std::string>> written(const Graph& imported) {
  PF_ASSIGN(Graph g, passes::decompose(imported));
  PF_ASSIGN(g, passes::functionalise(std::move(g)));
  std::set<std::string> names;
  for (const ir::Buffer& b : g.buffers)
    if (b.update != kNoValue) names.insert(b.name);
  return names;
}

Result<std::set<std::string>> trainable(const Graph& g, const Options& o) {
  std::set<std::string> names;
  const bool factors_alone = o.trainable.empty() && !o.lora.globs.empty();
  const std::vector<std::string> globs = factors_alone       ? std::vector<std::string>{"*.lora_[AB].weight"}
                                         : o.trainable.empty() ? std::vector<std::string>{"*"}
                                                               : o.trainable;
  for (const std::string& glob : globs) {
    size_t found = 0;
    for (const ir::Buffer& b : g.buffers)
      if (b.role == ir::Role::parameter && is_floating(g.type(b.value).dtype) && fnmatch(glob.c_str(), b.name.c_str(), 0) == 0) {
        names.insert(b.name);
        ++found;
      }
    if (found == 0)
      return Error::make(Code::bad_argument, "--trainable %s matches no parameter (expected one like %s)", glob.c_str(),
                         g.buffers.empty() ? "..., of which the model has none" : g.buffers[0].name.c_str());
  }
  for (const Group& group : o.groups)
    if (std::none_of(names.begin(), names.end(), [&](const std::string& n) { return fnmatch(group.glob.c_str(), n.c_str(), 0) == 0; }))
      return Error::make(Code::bad_argument, "--group %s matches no trainable parameter (expected one like %s)", group.glob.c_str(), names.begin()->c_str());
  return names;
}

// The loss becomes the first output. Inputs: the target after the model's own.
void add_loss(Graph& g, const Options& o) {
  if (o.output >= g.outputs.size() || g.outputs[o.output].value == kNoValue)
    throw Refusal{Code::bad_argument, "a loss of output " + std::to_string(o.output) + " (expected one of " + std::to_string(g.outputs.size()) + " tensors)"};
  Builder b(&g);
  const Tensor prediction{&b, g.outputs[o.output].value};
  Tensor target;
  if (o.loss != Loss::output) {
    target = {&b, g.add_value(target_type(o, prediction.type()), "target")};
    g.inputs.push_back({target.id, "target"});
  }
  const Tensor loss = loss_of(b, o, prediction, target);
  g.outputs.insert(g.outputs.begin(), {loss.id, "loss", {}});
}

// The backward pass and the step, behind a graph whose first output is the loss and whose last input is the learning rate.
class Step {
 public:
  Step(Graph g, const Options& o, const std::set<std::string>& trainable, const Recomputation& recomputation)
      : o_(o), recomputation_(recomputation), graph_(std::move(g)) {
    problem_.outputs = {0};
    problem_.seeds = autodiff::Problem::Seeds::ones;
    for (size_t i = 0; i < graph_.buffers.size(); ++i)
      if (trainable.count(graph_.buffers[i].name)) problem_.buffers.push_back(i);
  }

  Result<Graph> run() {
    const ValueId loss = graph_.outputs[0].value;
    if (!autodiff::is_differentiable(graph_, loss)) return Error::make(Code::bad_argument, "the loss is %s (expected a floating number)", to_string(graph_.type(loss)).c_str());
    Builder(&graph_).append(*ir::find_op_info("portfire::check_finite"), {Ref{loss}, "loss"}, {});
    if (o_.bf16) {
      PF_ASSIGN(graph_, autocast(graph_));
    }
    const bool late = o_.clip || o_.accumulate > 1 || o_.optimizer == Optimizer::none;
    problem_.on_gradient = [&](Builder& b, size_t source, ValueId gradient) {
      if (gradient == kNoValue) return;  // PyTorch leaves such parameters alone
      any_ = true;
      b.graph().values[gradient].name = std::string(ir::kGradientOf) + b.graph().buffers[problem_.buffers[source]].name;
      if (late)
        gradients_.emplace_back(problem_.buffers[source], gradient);
      else
        updates(b).step(b, problem_.buffers[source], {&b, gradient});
    };
    PF_ASSIGN(autodiff::Differentiated d, autodiff::differentiate(std::move(graph_), problem_));
    if (!any_) return Error::make(Code::bad_argument, "the loss depends on no trainable parameter");
    graph_ = std::move(d.graph);
    Builder b(&graph_);
    if (o_.optimizer == Optimizer::none) give_gradients();
    else if (late) step_together(b);
    if (recomputation_.segments > 1 || recomputation_.keep_products) return recompute(std::move(graph_), d.forward, recomputation_);
    return std::move(graph_);
  }

 private:
  Updates& updates(Builder& b) {
    if (!updates_) updates_.emplace(o_, b.graph().inputs.back().value);
    return *updates_;
  }

  void give_gradients() {
    std::sort(gradients_.begin(), gradients_.end());
    for (const auto& [buffer, gradient] : gradients_) graph_.outputs.push_back({gradient, std::string(kGradientOutput) + graph_.buffers[buffer].name, {}});
  }

  void step_together(Builder& b) {
    if (o_.accumulate > 1) return accumulate(b);
    if (o_.clip) clip(b);
    for (const auto& [buffer, gradient] : gradients_) updates(b).step(b, buffer, {&b, gradient});
  }

  // Gradients are summed over calls; the last of o_.accumulate takes the step along their mean.
  void accumulate(Builder& b) {
    Choice c;
    Graph& then = c.then;
    std::vector<std::pair<size_t, ValueId>> means;  // of buffers of `then`
    Builder inner(&then);
    for (const auto& [buffer, gradient] : gradients_) {
      const ir::Buffer parameter = graph_.buffers[buffer];
      const Type type = graph_.type(parameter.value);
      const Tensor sum{&b, add_state(graph_, slot_name("grad_sum", parameter.name), type, ir::Role::optimizer)};
      c.operands.push_back(sum + Tensor{&b, gradient});
      c.reset.push_back(sum);
      c.otherwise.push_back(c.operands.back());
      then.inputs.push_back({then.add_value(type, "sum"), "sum"});
      add_state(then, parameter.name, type, parameter.role);
    }
    c.operands.push_back({&b, graph_.inputs.back().value});
    then.inputs.push_back({then.add_value(c.operands.back().type(), "lr"), "lr"});
    for (size_t i = 0; i < gradients_.size(); ++i) {
      const Tensor sum{&inner, then.inputs[i].value};
      means.emplace_back(i, (sum * (1.0 / static_cast<double>(o_.accumulate))).id);
    }
    std::swap(gradients_, means);
    if (o_.clip) clip(inner);
    for (const auto& [buffer, gradient] : gradients_) updates(inner).step(inner, buffer, {&inner, gradient});
    const Tensor count{&b, add_number(graph_, std::string(kMicroStepName), DType::i64, 0, ir::Role::optimizer)};
    const Tensor now = count + 1;
    c.condition = b("aten::ge.Scalar", now, o_.accumulate);
    set_update(graph_, count.id, b.where(c.condition, 0, now).id);
    append(b, std::move(c));
  }

  // torch.nn.utils.clip_grad_norm_: all gradients scaled by min(1, clip_norm / (norm + 1e-6)).
  void clip(Builder& b) {
    Tensor sum;
    for (const auto& [buffer, gradient] : gradients_) {
      const Tensor g{&b, gradient};
      std::vector<int64_t> all;
      for (int64_t d = 0; d < g.rank(); ++d) all.push_back(d);
      const Tensor squares = b.cast(b("portfire::sum_squares", g, all), DType::f32);
      sum = sum ? sum + squares : squares;
    }
    const Tensor norm = b("aten::sqrt", sum), most = updates(b).hyperparameter(b, "clip_norm", o_.clip_norm);
    const Tensor scale = b("aten::clamp", b.cast(most, DType::f32) / (norm + 1e-6), nullptr, 1.0);
    for (auto& [buffer, gradient] : gradients_) {
      const Tensor g{&b, gradient};
      gradient = (g * b.cast(scale, g.dtype())).id;
    }
  }

  const Options& o_;
  const Recomputation recomputation_;
  Graph graph_;
  autodiff::Problem problem_;
  std::optional<Updates> updates_;
  std::vector<std::pair<size_t, ValueId>> gradients_;  // of buffers
  bool any_ = false;
};

void share(Graph& g, const std::set<std::string>& names) {
  for (ir::Buffer& b : g.buffers) b.shared = names.count(b.name) > 0 || b.role == ir::Role::hyperparameter;
}

MethodSource method(Graph g, const char* name, const passes::PipelineOptions& passes) {
  g.name = name;
  return {{passes::kImport, std::move(g)}, passes};
}

template <class Transform>
auto smaller_ones(const Transform& transform) {
  std::vector<std::function<Result<Graph>(Graph)>> all{transform({.keep_products = true})};
  for (int segments : {2, 3, 4, 6, 8, 12, 16, 24, 32}) all.push_back(transform({.segments = segments}));
  return all;
}

std::vector<MethodSource> build(const Graph& train, const Graph& eval, const std::set<std::string>& sources, const Options& o,
                                const passes::PipelineOptions& passes) {
  MethodSource step = method(train, "train_step", passes), evaluate = method(eval, "evaluate", passes);
  add_loss(step.input.graph, o);
  add_loss(evaluate.input.graph, o);
  if (o.optimizer != Optimizer::none) {
    Graph& g = step.input.graph;
    g.inputs.push_back({g.add_value(ir::Type::tensor(DType::f32, {}), "lr"), "lr"});
  }
  const auto transform = [&](const Recomputation& how) {
    return [o, sources, how](Graph g) { return Step(std::move(g), o, sources, how).run(); };
  };
  step.passes.precision = passes::Precision::f32;  // what the step computes in bf16 autocast says
  step.passes.transform = transform({});
  step.memory_limit = o.memory_limit;
  step.smaller = smaller_ones(transform);
  return {std::move(step), std::move(evaluate), method(eval, "forward", passes)};
}

// One method, and what ExecuTorch's TrainingModule asks for beside it.
std::vector<MethodSource> build_executorch(const Graph& train, const std::set<std::string>& sources, const Options& o, const passes::PipelineOptions& passes) {
  MethodSource step = method(train, "forward", passes);
  add_loss(step.input.graph, o);
  const auto convention = std::make_shared<Convention>();
  const auto transform = [&](const Recomputation& how) {
    return [o, sources, how, convention](Graph g) -> Result<Graph> {
      convention->gradients = g.outputs.size();
      PF_ASSIGN(g, Step(std::move(g), o, sources, how).run());
      return give_parameters(std::move(g), convention.get());
    };
  };
  step.passes.transform = transform({});
  step.memory_limit = o.memory_limit;
  step.smaller = smaller_ones(transform);
  std::vector<MethodSource> all{std::move(step)};
  // What they say is known when the first method is compiled.
  for (const auto& [name, answer] : convention_methods()) {
    all.push_back(method({}, name, passes));
    all.back().passes.transform = [convention, answer = answer](Graph g) -> Result<Graph> {
      answer(*convention, g.outputs);
      return g;
    };
  }
  return all;
}

}  // namespace

Result<std::vector<MethodSource>> methods(Graph imported, const Options& o, const passes::PipelineOptions& passes) {
  if (passes.target == passes::Target::executorch && o.optimizer != Optimizer::none)
    return Error::make(Code::unsupported, "a step for ExecuTorch with an optimizer of its own (expected --optimizer none: ExecuTorch's takes the step)");
  Graph train = unify_tied(std::move(imported));
  if (!o.lora.globs.empty()) {
    PF_ASSIGN(train, add_lora(std::move(train), o.lora));
  }
  Graph eval = eval_mode(train);
  PF_ASSIGN(const std::set<std::string> sources, trainable(train, o));
  PF_ASSIGN(std::set<std::string> shared, written(train));
  PF_ASSIGN(const std::set<std::string> by_eval, written(eval));
  shared.insert(by_eval.begin(), by_eval.end());
  shared.insert(sources.begin(), sources.end());
  share(train, shared);
  share(eval, shared);
  try {
    if (passes.target == passes::Target::executorch) return build_executorch(train, sources, o, passes);
    return build(train, eval, sources, o, passes);
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s", r.text.c_str());
  }
}

}  // namespace portfire::training
