// `portfire inspect` of compiled programs, ours and those of other compilers.
#include <fmt/format.h>

#include "cli/inspect.h"
#include "cli/inspect_full.h"
#include "cli/listing_text.h"
#include "cli/page.h"
#include "core/file_map.h"
#include "core/new_file.h"
#include "format/bundle_view.h"
#include "format/reading.h"
#include "ops/panels.h"
#include "runtime/program.h"

namespace portfire::cli {
namespace {

std::string kind_text(const pte::EValue& v, const pte::Port* port) {
  switch (v.val_type()) {
    case pte::KernelTypes_Tensor: return type_text(*v.val_as_Tensor(), port);
    case pte::KernelTypes_Int: return "int";
    case pte::KernelTypes_Bool: return "bool";
    case pte::KernelTypes_Double: return "float";
    case pte::KernelTypes_String: return "string";
    case pte::KernelTypes_Null: return "None";
    default: return "a list";
  }
}

class PlanPrinter {
 public:
  // `shared`: the buffer of what methods share; 0: none.
  PlanPrinter(const pte::ExecutionPlan& plan, const pte::MethodInterface* names, uint32_t shared) : plan_(plan), names_(names),
      shared_(shared) {}

  void print(const Listing& l) {
    fmt::print("method {}\n", name_text(plan_.name()->string_view()));
    ports("input ", plan_.inputs(), names_ ? names_->inputs() : nullptr);
    ports("", plan_.outputs(), names_ ? names_->outputs() : nullptr);
    if (const pte::ContainerMetadata* c = plan_.container_meta_type()) {
      if (count(c->encoded_inp_str())) fmt::print("  takes {}\n", structure_text(c->encoded_inp_str()->string_view()));
      if (count(c->encoded_out_str())) fmt::print("  gives {}\n", structure_text(c->encoded_out_str()->string_view()));
    }
    for (uint32_t i = 0; names_ && i < count(names_->symbols()); ++i) {
      const pte::Symbol& s = *names_->symbols()->Get(i);
      fmt::print("  {}\n", range_text(s.name()->string_view(), s.lower(), s.upper()));
    }
    state(l);
    uint64_t arena = 0;
    for (uint32_t i = 1; i < count(plan_.non_const_buffer_sizes()); ++i)
      if (i != shared_) arena += static_cast<uint64_t>(plan_.non_const_buffer_sizes()->Get(i));
    fmt::print("  arena {}\n", bytes_text(arena));
    instructions();
  }

 private:
  const pte::EValue& value(int32_t i) const { return *plan_.values()->Get(static_cast<uint32_t>(i)); }

  void ports(const char* what, const flatbuffers::Vector<int32_t>* values,
             const flatbuffers::Vector<flatbuffers::Offset<pte::Port>>* names) {
    for (uint32_t i = 0; i < count(values); ++i) {
      const pte::Port* port = names ? names->Get(i) : nullptr;
      const std::string name = port ? name_text(port->name()->string_view()) : fmt::format("{}{}", *what ? "" : "output ", i);
      fmt::print("  {}{} : {}\n", what, name, kind_text(value(values->Get(i)), port));
    }
  }

  // What outlives a call, but for what methods share.
  void state(const Listing& l) {
    for (size_t i = 0; i < l.values.size(); ++i) {
      const Listing::Value& v = l.values[i];
      if (v.role != Listing::Role::state || v.memory == shared_) continue;
      fmt::print("  state {} : {}{}\n", v.name.empty() ? fmt::format("value {}", i) : name_text(v.name), type_text(*v.tensor),
                 v.tensor->data_buffer_idx() > 0 ? "" : ", without a beginning");
    }
  }

  // What the program checks of its inputs before it computes: check_range(value, lower, upper, what),
  // check_equal(value, expected, what).
  void print_check(const pte::KernelCall& call) const {
    auto number = [&](uint32_t k) { return value(call.args()->Get(k)).val_as_Int(); };
    const uint32_t n = count(call.args());
    const pte::String* what = n > 0 ? value(call.args()->Get(n - 1)).val_as_String() : nullptr;
    if (!what) return;
    const std::string text = what->value()->str();
    const bool range = n == 4 && number(1) && number(2);
    fmt::print("  checks {}\n", range ? range_text(text, number(1)->value(), number(2)->value()) : text);
  }

  bool in_bf16(const std::string& name, const pte::KernelCall& call) const {
    bool found = false;
    for (uint32_t i = 0; ops::takes_panels(name) && i < count(call.args()); ++i) {
      const pte::Tensor* t = value(call.args()->Get(i)).val_as_Tensor();
      found |= t && static_cast<DType>(t->scalar_type()) == DType::bf16;
    }
    return found;
  }

  void instructions() {
    std::map<std::string, size_t> calls;
    const auto* code = plan_.chains()->Get(0)->instructions();
    for (uint32_t i = 0; i < count(code); ++i) {
      const pte::Instruction& in = *code->Get(i);
      switch (in.instr_args_type()) {
        case pte::InstructionArguments_KernelCall: {
          const pte::KernelCall& call = *in.instr_args_as_KernelCall();
          const std::string name = operator_name(*plan_.operators()->Get(static_cast<uint32_t>(call.op_index())));
          ++calls[in_bf16(name, call) ? name + ", weights in bf16" : name_text(name)];
          if (name == "portfire::check_range" || name == "portfire::check_equal") print_check(call);
          break;
        }
        case pte::InstructionArguments_DelegateCall: {
          const auto* id = plan_.delegates()->Get(static_cast<uint32_t>(in.instr_args_as_DelegateCall()->delegate_index()))->id();
          ++calls["delegate " + (id ? name_text(id->string_view()) : "?")];
          break;
        }
        case pte::InstructionArguments_MoveCall: ++calls["move"]; break;
        case pte::InstructionArguments_JumpFalseCall: ++calls["jump"]; break;
        default: ++calls["free"]; break;
      }
    }
    print_histogram("instructions", calls);
  }

  const pte::ExecutionPlan& plan_;
  const pte::MethodInterface* names_;
  const uint32_t shared_;
};

void print_shared_state(const pte::SharedState& state) {
  fmt::print("state of all methods, {}\n", bytes_text(state.bytes()));
  for (uint32_t i = 0; i < count(state.tensors()); ++i) {
    const pte::StateTensor& t = *state.tensors()->Get(i);
    Shape shape;
    for (uint32_t d = 0; d < count(t.sizes()); ++d) shape.push(t.sizes()->Get(d));
    fmt::print("  {} {} : {}\n", t.role()->c_str(), t.name()->c_str(), TypeText(static_cast<DType>(t.scalar_type()), shape).c_str());
  }
}

Error write_page(const InspectCommand& command, const ProgramView& program) {
  const std::vector<Listing> methods = list_methods(program);
  std::vector<Profile> profiles;
  for (size_t i = 0; command.profile && i < methods.size(); ++i) {
    ProfileOptions o{.model = command.input, .method = methods[i].plan->name()->str(), .threads = command.threads,
                     .seconds = command.seconds};
    o.data = command.data;
    PF_ASSIGN(Profile p, measure_profile(o));
    profiles.push_back(std::move(p));
  }
  const std::string text = page(page_data(command.input, program, methods, profiles));
  NewFile out(command.html.c_str());
  PF_TRY(out.write(text.data(), text.size()));
  return out.finish();
}

// Of a bundle: what stands beside its program.
Error print_test_sets(const std::string& path) {
  PF_ASSIGN(const FileMap file, FileMap::open(path.c_str()));
  if (!is_bundle(file.bytes())) return {};
  PF_ASSIGN(const BundleView bundle, BundleView::open(file.bytes()));
  for (size_t m = 0; m < bundle.method_count(); ++m) fmt::print("test sets of {}: {}\n", bundle.method(m), bundle.set_count(m));
  return {};
}

}  // namespace

Error inspect_pte(const InspectCommand& command) {
  const std::string& path = command.input;
  PF_ASSIGN(const std::shared_ptr<const Program> opened, Program::open(path.c_str(), command.data));
  const ProgramView* view = &opened->view();
  if (!command.html.empty()) return write_page(command, *view);
  const pte::Program& program = view->root();
  uint64_t weights = 0;
  if (program.constant_segment() && program.constant_segment()->segment_index() < count(program.segments()))
    weights = program.segments()->Get(program.constant_segment()->segment_index())->size();
  for (uint32_t i = 0; i < count(program.constant_buffer()); ++i) weights += count(program.constant_buffer()->Get(i)->storage());
  fmt::print("{}: program, {}; weights {}\n", path, bytes_text(view->file().size()), bytes_text(weights));
  for (const pte::ExecutionPlan* plan : *program.execution_plan()) {
    const Listing listing = list_method(*view, *plan);
    PlanPrinter(*plan, view->interface_of(*plan), view->shared_state() ? view->shared_state()->buffer() : 0).print(listing);
    if (command.full) print_method(listing);
  }
  if (view->shared_state()) print_shared_state(*view->shared_state());
  if (command.full) print_data(*view);
  PF_TRY(print_test_sets(path));
  for (const std::string& file : command.data) PF_TRY(inspect_tensors(file));
  return {};
}

}  // namespace portfire::cli
