#include "compiler/emit/text.h"

#include <fmt/format.h>

#include "compiler/ir/constant_text.h"
#include "compiler/ir/text.h"

namespace portfire::emit {
namespace {

class Printer {
 public:
  Printer(const Lowered& p, const MemoryPlan& plan) : p_(p), plan_(plan) {}

  std::string print() {
    std::string out = "program " + p_.name + "\n";
    for (size_t b = 1; b < plan_.buffer_sizes.size(); ++b) out += fmt::format("  buffer {}: {} bytes\n", b, plan_.buffer_sizes[b]);
    for (const ir::Input& i : p_.inputs) out += "  input " + definition(i.value) + "\n";
    for (const ir::Buffer& s : p_.state) out += "  state " + definition(s.value) + "\n";
    for (size_t i = 0; i < p_.code.size(); ++i) out += fmt::format("  {:<2} {}\n", i, instruction(p_.code[i]));
    for (const ir::Output& o : p_.outputs) out += "  output " + (o.value == ir::kNoValue ? argument(o.literal) : ref(o.value)) + "\n";
    return out + "end\n";
  }

 private:
  std::string ref(ValueId v) const { return fmt::format("%{}:{}", v, p_.values[v].name); }
  std::string definition(ValueId v) const {
    std::string s = fmt::format("{} : {}", ref(v), to_string(p_.values[v].type));
    const Allocation& a = plan_.values[v];
    if (a.buffer != 0) s += fmt::format(" @{}", a.offset);
    return a.buffer > 1 ? s + fmt::format(" in {}", a.buffer) : s;
  }
  std::string instruction(const Instruction& i) const {
    if (i.kind == Instruction::Kind::jump_false)
      return i.args[0].boolean() ? fmt::format("jump to {}", i.target) : fmt::format("jump to {} unless {}", i.target, argument(i.args[0]));
    std::string results, args;
    for (ValueId v : i.outs) results += (results.empty() ? "" : ", ") + definition(v);
    if (!results.empty()) results += " = ";
    if (i.kind == Instruction::Kind::move) return results + "move " + argument(i.args[0]);
    for (const Arg& a : i.args) args += (args.empty() ? "" : ", ") + argument(a);
    return fmt::format("{}{}({})", results, i.op->name, args);
  }
  std::string argument(const Arg& a) const {
    if (a.none()) return "None";
    if (a.ref()) return ref(a.ref()->id);
    if (a.boolean()) return *a.boolean() ? "True" : "False";
    if (a.integer()) return std::to_string(*a.integer());
    if (a.real()) return ir::real_text(*a.real());
    if (a.string()) return ir::quoted(*a.string());
    if (a.graph()) return fmt::format("{} nodes", (*a.graph())->nodes.size());
    std::string s;
    for (const Arg& item : *a.list()) s += (s.empty() ? "" : ", ") + argument(item);
    return "[" + s + "]";
  }

  const Lowered& p_;
  const MemoryPlan& plan_;
};

}  // namespace

std::string to_text(const Lowered& program, const MemoryPlan& plan) { return Printer(program, plan).print(); }

}  // namespace portfire::emit
