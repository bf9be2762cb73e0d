#include "training/lora.h"

#include <fnmatch.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "compiler/passes/rewrite.h"
#include "training/names.h"
#include "training/state.h"

namespace portfire::training {
namespace {

using ir::Arg;
using ir::Builder;
using ir::Graph;
using ir::Node;
using ir::Ref;
using ir::Tensor;
using ir::ValueId;

struct Pair {
  Tensor a, b;
};

std::string module_of(const std::string& parameter) {
  const std::string end = ".weight";
  return parameter.ends_with(end) ? parameter.substr(0, parameter.size() - end.size()) : parameter;
}

Tensor parameter(Builder& b, const std::string& name, const std::vector<int64_t>& sizes, const std::vector<float>& content) {
  const Tensor t = b.constant(DType::f32, sizes, content.data());
  b.graph().values[t.id].name = name;
  b.graph().buffers.push_back({t.id, name, ir::kNoValue, ir::Role::parameter});
  return t;
}

// The factors of the weight `name`. What is drawn depends on its name and the seed alone.
Pair factors(Builder& b, const Lora& lora, const std::string& name, const ir::Type& weight) {
  const int64_t out = weight.sizes[0].at[0], in = weight.numel().at[0] / std::max<int64_t>(out, 1);
  std::seed_seq seed(name.begin(), name.end());
  std::mt19937_64 random(seed);
  random.discard(1);
  random.seed(random() ^ lora.seed);
  const double bound = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(in, 1)));
  std::vector<float> a(static_cast<size_t>(lora.rank * in));
  for (float& x : a) x = static_cast<float>(bound * (std::ldexp(static_cast<double>(random() >> 11), -52) - 1));
  const std::string module = module_of(name);
  return {parameter(b, module + ".lora_A.weight", {lora.rank, in}, a),
          parameter(b, module + ".lora_B.weight", {out, lora.rank}, std::vector<float>(static_cast<size_t>(out * lora.rank)))};
}

bool matches(const std::vector<std::string>& globs, const std::string& name) {
  for (const std::string& g : globs)
    if (fnmatch(g.c_str(), name.c_str(), 0) == 0) return true;
  return false;
}

class Adapter {
 public:
  Adapter(const Graph& in, const Lora& lora) : lora_(lora) {
    for (const ir::Buffer& b : in.buffers) {
      const ir::Type& t = in.type(b.value);
      if (b.role == ir::Role::parameter && t.dtype == DType::f32 && t.rank() >= 2 && matches(lora.globs, b.name)) weights_.insert(b.name);
    }
  }
  bool empty() const { return weights_.empty(); }

  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, std::vector<Arg>& args) {
    for (size_t i = 0; i < args.size(); ++i) {
      const std::string name = weight_of(b.graph(), args[i]);
      if (name.empty()) continue;
      const Tensor w{&b, args[i].ref()->id};
      const auto [it, fresh] = pairs_.try_emplace(name);
      if (fresh) it->second = factors(b, lora_, name, w.type());
      if (n.op->name == "aten::linear" && i == 1) return std::vector<Arg>{beside(b, n, args, it->second)};
      args[i] = merged(b, w, it->second);
    }
    return std::nullopt;
  }

 private:
  std::string weight_of(const Graph& g, const Arg& a) const {
    if (!a.ref()) return {};
    for (const ir::Buffer& s : g.buffers)
      if (s.value == a.ref()->id) return weights_.count(s.name) ? s.name : std::string();
    return {};
  }
  // A number of the program: it may be changed, and checkpoints say what their matrices are worth.
  Tensor scale(Builder& b) const {
    const std::string name(kLoraScaleName);
    const size_t known = find_state(b.graph(), name);
    const double value = lora_.alpha / static_cast<double>(lora_.rank);
    const ir::ValueId state = known == SIZE_MAX ? add_number(b.graph(), name, DType::f64, value) : b.graph().buffers[known].value;
    return b.cast({&b, state}, DType::f32);
  }

  // x W^T + scale (x A^T) B^T
  Tensor beside(Builder& b, const Node& n, const std::vector<Arg>& args, const Pair& p) const {
    const auto whole = b.append(*n.op, args, {*b.hint});
    const Tensor low = b("aten::linear", args[0], p.a);
    return Tensor{&b, whole[0]} + b("aten::linear", low, p.b) * scale(b);
  }
  // W + scale B A
  Tensor merged(Builder& b, Tensor w, const Pair& p) const {
    return w + b.reshape(b("aten::mm", p.b, p.a), b.sizes(w)) * scale(b);
  }

  const Lora& lora_;
  std::set<std::string> weights_;
  std::map<std::string, Pair> pairs_;
};

}  // namespace

Result<Graph> add_lora(Graph graph, const Lora& lora) {
  if (lora.rank < 1) return Error::make(Code::bad_argument, "LoRA of rank %lld (expected 1 or more)", static_cast<long long>(lora.rank));
  for (const std::string& glob : lora.globs)
    if (Adapter(graph, {{glob}, lora.rank, lora.alpha, lora.seed}).empty())
      return Error::make(Code::bad_argument, "--lora %s matches no f32 parameter of two dimensions or more (first parameter: %s)", glob.c_str(),
                         graph.buffers.empty() ? "none" : graph.buffers[0].name.c_str());
  Adapter adapter(graph, lora);
  return passes::rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return adapter.visit(b, n, args); });
}

}  // namespace portfire::training
