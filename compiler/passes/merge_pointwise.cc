#include <algorithm>
#include <map>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "ops/pointwise_program.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::ValueId;
using ops::pointwise_program::kMaxFurther;
using ops::pointwise_program::kMaxInputs;
using ops::pointwise_program::kMaxLiterals;
using ops::pointwise_program::kMaxSteps;

// A program taken apart: its inputs, and the words of each step. Operands are registers, inputs first, or literals.
struct Program {
  std::vector<ValueId> inputs;
  std::vector<std::vector<std::string>> steps;
};

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(at), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

Program program_of(const Node& n) {
  Program p;
  for (const Arg& a : *n.args[0].list()) p.inputs.push_back(a.ref()->id);
  for (const std::string& step : split(*n.args[1].string(), ';')) p.steps.push_back(split(step, ' '));
  return p;
}

// Programs one after another, the inputs of all first; a result of one that a later one reads is its register.
class Merged {
 public:
  explicit Merged(const std::vector<std::pair<Program, ValueId>>& parts) {
    std::map<ValueId, std::string> results;  // "@k": step k of all
    for (const auto& [p, result] : parts) {
      const size_t before = steps_.size();
      for (std::vector<std::string> step : p.steps) {
        for (size_t w = 1; w < step.size(); ++w) {
          if (step[w][0] == '#') continue;
          const size_t reg = std::stoul(step[w]);
          if (reg >= p.inputs.size()) {
            step[w] = "@" + std::to_string(before + reg - p.inputs.size());
            continue;
          }
          const auto known = results.find(p.inputs[reg]);
          step[w] = known != results.end() ? known->second : "$" + std::to_string(input(p.inputs[reg]));
        }
        steps_.push_back(std::move(step));
      }
      results[result] = "@" + std::to_string(steps_.size() - 1);
      last_.push_back(steps_.size() - 1);
    }
  }

  bool fits() const { return steps_.size() <= kMaxSteps && inputs_.size() <= kMaxInputs && literals() <= kMaxLiterals; }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  // The register of part k's result.
  int64_t result(size_t k) const { return static_cast<int64_t>(inputs_.size() + last_[k]); }
  std::string text() const {
    std::string out;
    for (const std::vector<std::string>& step : steps_) {
      out += out.empty() ? "" : "; ";
      for (size_t w = 0; w < step.size(); ++w) {
        if (w > 0) out += " ";
        if (step[w][0] == '$') out += step[w].substr(1);
        else if (step[w][0] == '@' && w > 0) out += std::to_string(inputs_.size() + std::stoul(step[w].substr(1)));
        else out += step[w];
      }
    }
    return out;
  }

 private:
  size_t input(ValueId v) {
    const auto it = std::find(inputs_.begin(), inputs_.end(), v);
    if (it != inputs_.end()) return static_cast<size_t>(it - inputs_.begin());
    inputs_.push_back(v);
    return inputs_.size() - 1;
  }
  size_t literals() const {
    size_t n = 0;
    for (const auto& step : steps_)
      for (size_t w = 1; w < step.size(); ++w) n += step[w][0] == '#';
    return n;
  }
  std::vector<ValueId> inputs_;
  std::vector<std::vector<std::string>> steps_;
  std::vector<size_t> last_;
};

class Merger {
 public:
  explicit Merger(Graph graph) : g_(std::move(graph)), producer_(g_.values.size(), SIZE_MAX), gone_(g_.nodes.size()) {
    for (size_t n = 0; n < g_.nodes.size(); ++n)
      for (ValueId v : g_.nodes[n].outs) producer_[v] = n;
  }

  Graph run() {
    for (size_t n = 0; n < g_.nodes.size(); ++n)
      if (is_program(n)) merge_into(n);
    std::vector<Node> kept;
    for (size_t n = 0; n < g_.nodes.size(); ++n)
      if (!gone_[n]) kept.push_back(std::move(g_.nodes[n]));
    g_.nodes = std::move(kept);
    return std::move(g_);
  }

 private:
  bool is_program(size_t n) const { return !gone_[n] && g_.nodes[n].op->name == "portfire::pointwise"; }

  // Whether what `earlier` gives may come as late as `n`: of the same sizes, nobody needs it before.
  bool may_wait(size_t earlier, size_t n) const {
    const ir::Type &a = g_.type(g_.nodes[earlier].outs[0]), &b = g_.type(g_.nodes[n].outs[0]);
    if (a.sizes != b.sizes || !a.is_contiguous() || !b.is_contiguous() || a.unbounded || b.unbounded) return false;
    bool used = false;
    for (size_t k = earlier + 1; k < n; ++k)
      if (!gone_[k]) for_each_ref(g_.nodes[k], [&](ValueId v) { used |= v == g_.nodes[earlier].outs[0]; });
    return !used;
  }

  void merge_into(size_t n) {
    std::vector<std::pair<Program, ValueId>> parts{{program_of(g_.nodes[n]), g_.nodes[n].outs[0]}};
    std::vector<size_t> merged;
    const std::vector<ValueId> read = parts[0].first.inputs;
    for (ValueId v : read) {
      const size_t earlier = producer_[v];
      if (earlier == SIZE_MAX || merged.size() == kMaxFurther || !is_program(earlier) || !may_wait(earlier, n)) continue;
      auto more = parts;
      // In the order of the graph: one may read another.
      const auto place = std::lower_bound(merged.begin(), merged.end(), earlier) - merged.begin();
      more.insert(more.begin() + place, {program_of(g_.nodes[earlier]), v});
      if (!Merged(more).fits()) continue;
      parts = std::move(more);
      merged.insert(merged.begin() + place, earlier);
    }
    if (merged.empty()) return;
    const Merged all(parts);
    Node& node = g_.nodes[n];
    Arg::List inputs;
    for (ValueId v : all.inputs()) inputs.push_back(Ref{v});
    node.op = ir::find_op_info(merged.size() == 1 ? "portfire::pointwise_2" : "portfire::pointwise_3");
    node.args = {Arg(inputs), all.text()};
    std::vector<ValueId> outs;
    for (size_t k = 0; k < merged.size(); ++k) {
      node.args.push_back(all.result(k));
      outs.push_back(g_.nodes[merged[k]].outs[0]);
      gone_[merged[k]] = true;
    }
    if (g_.origins[node.origin] == ir::Origin()) node.origin = g_.nodes[merged[0]].origin;
    outs.push_back(node.outs[0]);
    node.outs = std::move(outs);
    for (ValueId v : node.outs) producer_[v] = n;
  }

  Graph g_;
  std::vector<size_t> producer_;  // by value
  std::vector<bool> gone_;
};

}  // namespace

Result<Graph> merge_pointwise(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, merge_pointwise));
  return Merger(std::move(graph)).run();
}

}  // namespace portfire::passes
