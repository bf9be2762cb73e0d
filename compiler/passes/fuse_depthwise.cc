// A depthwise convolution takes in the dense convolution before it and the 1 x 1 convolution after it
// (ops/inverted_residual.h), where what passes between them would leave the second-level cache and reading the weights
// again for each strip of rows costs less than that.
#include <map>

#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "ops/inverted_residual.h"

namespace portfire::passes {
namespace {

using ir::Type;

// Bytes that stay in the cache between one operator and the next, beside their weights.
constexpr double kCache = 256 << 10;

struct Block {
  const Node *expand = nullptr, *depthwise = nullptr, *project = nullptr;
  const Node* end() const { return project ? project : depthwise; }
};

double bytes(const Type& t) { return static_cast<double>(t.upper_bytes()); }

bool all_are(const Arg& list, int64_t value) {
  for (const Arg& a : *list.list())
    if (!a.integer() || *a.integer() != value) return false;
  return true;
}

class Fuser {
 public:
  explicit Fuser(const Graph& g) : g_(g), uses_(g) {
    for (const Node& n : g.nodes)
      if (n.op->name == "portfire::depthwise_conv2d") collect(n);
  }

  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, std::vector<Arg>& args) {
    auto it = member_.find(&n);
    if (it == member_.end()) return std::nullopt;
    seen_[&n] = args;
    const Block& block = blocks_[it->second];
    if (&n != block.end()) return std::vector<Arg>{args[0]};  // nobody else asks for it
    return std::vector<Arg>{build(b, block)};
  }

 private:
  void collect(const Node& depthwise) {
    const std::string& activation = *depthwise.args[7].string();
    if (!activation.empty() && activation != "relu" && activation != "clamp") return;
    Block both;
    both.depthwise = &depthwise;
    const ir::ValueId x = depthwise.args[0].ref()->id;
    if (const Node* n = uses_.producer(x); n && n->op->name == "portfire::packed_conv2d" && uses_.only_user(x) == &depthwise && !n->args[3].ref() && !member_.count(n))
      both.expand = n;
    if (const Node* n = uses_.only_user(depthwise.outs[0]);
        n && n->op->name == "portfire::packed_conv2d" && n->args[0].ref()->id == depthwise.outs[0] && all_are(n->args[5], 1) && all_are(n->args[6], 1) &&
        all_are(n->args[7], 0) && !member_.count(n))
      both.project = n;
    Block expand = both, project = both;
    expand.project = nullptr;
    project.expand = nullptr;
    for (const Block& block : {both, expand, project})
      if (pays(block)) return take(block);
  }

  bool pays(const Block& block) const {
    if (!block.expand && !block.project) return false;
    const Type &x = g_.type(block.depthwise->args[0].ref()->id), &y = g_.type(block.depthwise->outs[0]);
    double between = 0, weights = 0;
    if (block.expand) {
      between += bytes(x);
      weights += bytes(g_.type(block.expand->args[1].ref()->id));
    }
    if (block.project) {
      between += bytes(y);
      weights += bytes(g_.type(block.project->args[1].ref()->id));
    }
    ops::packed_conv2d::Window w;
    for (size_t i = 0; i < 2; ++i) {
      w.kernel[i] = *(*block.depthwise->args[3].list())[i].integer();
      w.stride[i] = *(*block.depthwise->args[4].list())[i].integer();
      w.dilation[i] = *(*block.depthwise->args[6].list())[i].integer();
    }
    const int64_t height = y.sizes[1].at[0];
    const auto strip = ops::inverted_residual::choose_strip(w, x.sizes[1].at[0], x.sizes[2].at[0], height, y.sizes[2].at[0], y.sizes[3].at[0]);
    const double images = static_cast<double>(std::max<int64_t>(1, y.sizes[0].at[0])), strips = static_cast<double>((height + strip.rows - 1) / strip.rows);
    between /= images;
    return between > kCache && between > (strips - 1) * weights;
  }

  void take(const Block& block) {
    for (const Node* n : {block.expand, block.depthwise, block.project})
      if (n) member_[n] = blocks_.size();
    blocks_.push_back(block);
  }

  Arg build(Builder& b, const Block& block) {
    const auto two = [](int64_t v) { return Arg(Arg::List{v, v}); };
    const Arg none, zeros = Arg(Arg::List{int64_t{0}, int64_t{0}, int64_t{0}, int64_t{0}});
    const std::vector<Arg>& d = seen_[block.depthwise];
    std::vector<Arg> e = {d[0], none, none, none, int64_t{0}, two(1), two(1), zeros, two(1), std::string(), 0.0, 0.0}, p = e;
    if (block.expand) e = seen_[block.expand];
    if (block.project) p = seen_[block.project];
    return b("portfire::inverted_residual", e[0], e[1], e[2], d[1], d[2], p[1], p[2], p[3], e[4], e[5], e[6], e[7], e[8], e[9], e[10], e[11], d[3], d[4], d[5],
             d[6], d[7], d[8], d[9], p[4], p[9], p[10], p[11]);
  }

  const Graph& g_;
  Uses uses_;
  std::vector<Block> blocks_;
  std::map<const Node*, size_t> member_;
  std::map<const Node*, std::vector<Arg>> seen_;  // arguments of members, of this graph all of them, in terms of the new one
};

}  // namespace

Result<Graph> fuse_depthwise(Graph graph) {
  Fuser fuser(graph);
  Result<Graph> out = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return fuser.visit(b, n, args); });
  if (!out.ok()) return out.error();
  return eliminate_dead(*std::move(out));
}

}  // namespace portfire::passes
