#include "cli/page.h"

#include <fmt/format.h>

#include "cli/inspect_full.h"
#include "cli/inspect.h"
#include "cli/json.h"
#include "cli/listing_text.h"
#include "cli/recorder.h"
#include "format/reading.h"
#include "kernels/isa.h"

namespace portfire::cli {

// Made of the files in cli/html/ when building (cmake/page.cmake).
extern const std::string_view kPageHead, kPageTail;

namespace {

// "[a,b]" of what `text` gives for each item.
template <class List, class F>
std::string array(const List& list, F text) {
  std::string s = "[";
  bool first = true;
  for (const auto& item : list) {
    if (!first) s += ',';
    first = false;
    s += text(item);
  }
  return s + "]";
}
std::string numbers(const auto& list) {
  return array(list, [](auto n) { return std::to_string(n); });
}

const char* name_of(Listing::Role role) {
  switch (role) {
    case Listing::Role::plain: return "plain";
    case Listing::Role::input: return "input";
    case Listing::Role::constant: return "constant";
    case Listing::Role::state: return "state";
    case Listing::Role::computed: return "computed";
  }
  return "?";
}

const char* name_of(Listing::Kind kind) {
  switch (kind) {
    case Listing::Kind::call: return "call";
    case Listing::Kind::delegate: return "delegate";
    case Listing::Kind::move: return "move";
    case Listing::Kind::jump: return "jump";
    case Listing::Kind::free: return "free";
  }
  return "?";
}

std::string value_json(const Listing& l, size_t index) {
  const Listing::Value& v = l.values[index];
  if (!v.tensor) {
    std::vector<int32_t> items;
    const auto add = [&](const auto* list) {
      for (uint32_t k = 0; k < count(list); ++k)
        if (list->Get(k) >= 0) items.push_back(list->Get(k));  // -1: absent
    };
    if (const pte::TensorList* list = v.file->val_as_TensorList()) add(list->items());
    if (const pte::OptionalTensorList* list = v.file->val_as_OptionalTensorList()) add(list->items());
    return fmt::format("{{\"x\":{},\"r\":\"plain\"{}}}", json_text(value_text(l, static_cast<int32_t>(index), false)), items.empty() ? ""
                       : ",\"l\":" + numbers(items));
  }
  std::string s = fmt::format("{{\"t\":{},\"b\":{},\"r\":\"{}\",\"f\":{},\"u\":{}", json_text(type_text(*v.tensor)), v.bytes,
                              name_of(v.role), v.from, v.to);
  if (!v.name.empty()) s += ",\"n\":" + json_text(v.name);
  if (v.memory) s += fmt::format(",\"m\":{},\"o\":{}", v.memory, v.offset);
  if (!v.shows.empty()) s += ",\"s\":" + numbers(v.shows);
  return s + "}";
}

std::string instruction_json(const Listing::Instruction& in) {
  const Source source = source_of(in);
  return fmt::format("{{\"k\":\"{}\",\"op\":{},\"a\":{},\"an\":{},\"o\":{},\"r\":{},\"q\":{},\"t\":{},\"f\":{},\"m\":{},\"c\":{}}}",
                     name_of(in.kind), json_text(in.op),
                     numbers(in.args), array(argument_names(in), json_text), numbers(in.outs), numbers(in.reads), numbers(in.producers),
                         in.target,
                     json_text(source.file.empty() ? "" : fmt::format("{}:{}", source.file, source.line)), json_text(source.module),
                         json_text(source.code));
}

std::string ports_json(const flatbuffers::Vector<int32_t>* values, const flatbuffers::Vector<flatbuffers::Offset<pte::Port>>* names,
                       const Listing& l) {
  std::string s = "[";
  for (uint32_t i = 0; i < count(values); ++i) {
    const pte::Port* port = names ? names->Get(i) : nullptr;
    const Listing::Value& v = l.values[static_cast<size_t>(values->Get(i))];
    s += fmt::format("{}[{},{}]", i ? "," : "", json_text(port ? port->name()->string_view() : std::to_string(i)),
                     json_text(v.tensor ? type_text(*v.tensor, port) : value_text(l, values->Get(i), false)));
  }
  return s + "]";
}

std::string delegates_json(const Listing& l) {
  std::string s = "[";
  for (uint32_t i = 0; i < count(l.plan->delegates()); ++i) {
    const pte::BackendDelegate& d = *l.plan->delegates()->Get(i);
    s += fmt::format("{}{{\"id\":{},\"b\":{},\"specs\":[", i ? "," : "", json_text(d.id() ? d.id()->string_view() : "?"),
                     delegate_bytes(*l.program, d).size());
    for (uint32_t k = 0; k < count(d.compile_specs()); ++k) {
      const pte::CompileSpec& spec = *d.compile_specs()->Get(k);
      s += fmt::format("{}[{},{}]", k ? "," : "", json_text(spec.key() ? spec.key()->string_view() : "?"), json_text(spec_text(spec)));
    }
    s += fmt::format("],\"text\":{}}}", json_text(delegate_text(*l.program, d)));
  }
  return s + "]";
}

std::string profile_json(const Profile& p) {
  auto rate = [](double amount, double us) { return us > 0 ? amount / us * 1e-3 : 0; };
  return fmt::format("{{\"run_us\":{:.4f},\"runs\":{},\"threads\":{},\"isa\":{},\"rows\":{}}}", p.run_us, p.runs, p.threads,
                     json_text(isa_name()),
                     array(p.rows, [&](const Profile::Row& r) {
                       return fmt::format("{{\"us\":{:.4f},\"share\":{:.6f},\"by\":\"{}\",\"gflops\":{:.3f},\"gbs\":{:.3f},\"roof\":{:.4f}}}", r.us, r.share,
                                          cli::name_of(r.instruction.by), rate(r.cost.flops, r.us), rate(r.cost.bytes, r.us),
                                              p.of_roof(r.cost, r.us));
                     }));
}

std::string method_json(const Listing& l, const Profile* profile) {
  const pte::ExecutionPlan& plan = *l.plan;
  std::string s = fmt::format("{{\"name\":{},\"inputs\":{},\"outputs\":{},\n\"symbols\":[", json_text(plan.name()->string_view()),
                              ports_json(plan.inputs(), l.names ? l.names->inputs() : nullptr, l),
                                  ports_json(plan.outputs(), l.names ? l.names->outputs() : nullptr, l));
  for (uint32_t i = 0; l.names && i < count(l.names->symbols()); ++i) {
    const pte::Symbol& symbol = *l.names->symbols()->Get(i);
    s += (i ? "," : "") + json_text(range_text(symbol.name()->string_view(), symbol.lower(), symbol.upper()));
  }
  s += "],\n\"values\":[";
  for (size_t i = 0; i < l.values.size(); ++i) s += (i ? "," : "") + value_json(l, i);
  s += "],\n\"code\":" + array(l.code, instruction_json) + ",\n\"memory\":[";
  for (size_t id = 1; id < l.memory.size(); ++id) {
    const Listing::Memory& m = l.memory[id];
    s += fmt::format("{}{{\"id\":{},\"size\":{},\"peak\":{},\"peak_at\":{},\"live\":{}}}", id > 1 ? "," : "", id, m.size, m.peak, m.peak_at,
                     numbers(m.live));
  }
  s += "],\n\"delegates\":" + delegates_json(l);
  if (profile) s += ",\n\"profile\":" + profile_json(*profile);
  return s + "}";
}

}  // namespace

std::string page_data(const std::string& path, const ProgramView& program, const std::vector<Listing>& methods,
                      const std::vector<Profile>& profiles) {
  const pte::Program& root = program.root();
  std::string s = fmt::format("{{\"file\":{},\"bytes\":{},\n\"methods\":[", json_text(path), program.file().size());
  for (size_t i = 0; i < methods.size(); ++i) s += (i ? ",\n" : "") + method_json(methods[i], i < profiles.size() ? &profiles[i] : nullptr);
  s += "],\n\"constants\":" + array(constants_of(methods), [](const Constant& c) {
    return fmt::format("{{\"i\":{},\"b\":{},\"t\":{},\"n\":{},\"u\":{}}}", c.index, c.bytes, json_text(c.type), json_text(c.name),
                       array(c.users, [](const Constant::User& u) { return fmt::format("{{\"m\":{},\"i\":{},\"op\":{}}}", u.method,
                                                                                       u.instruction, json_text(u.op)); }));
  });
  s += ",\n\"named\":[";
  for (uint32_t i = 0; i < count(root.named_data()); ++i) {
    const pte::NamedData& n = *root.named_data()->Get(i);
    s += fmt::format("{}{{\"key\":{},\"segment\":{},\"b\":{}}}", i ? "," : "", json_text(n.key()->string_view()), n.segment_index(),
                     program.segment(n.segment_index()).size());
  }
  s += "],\n\"segments\":[";
  for (uint32_t i = 0; i < count(root.segments()); ++i) {
    const auto bytes = program.segment(i);
    s += fmt::format("{}{{\"at\":{},\"b\":{}}}", i ? "," : "", static_cast<size_t>(bytes.data() - program.file().data()), bytes.size());
  }
  return s + "]}";
}

std::string page(std::string_view data) {
  std::string s(kPageHead);
  s += data;
  return s += kPageTail;
}

}  // namespace portfire::cli
