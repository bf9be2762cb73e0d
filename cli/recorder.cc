#include "cli/recorder.h"

#include <fmt/format.h>

#include "cli/json.h"
#include "core/new_file.h"

namespace portfire::cli {

void Recorder::clear() {
  runs_ = 0;
  events_.clear();
}

void Recorder::note(void* self, size_t instruction, bool done) {
  auto& r = *static_cast<Recorder*>(self);
  if (!done) {
    r.started_ = r.now();
    return;
  }
  const int64_t end = r.now();
  r.events_.push_back({static_cast<uint32_t>(instruction), r.runs_ ? r.runs_ - 1 : 0, r.started_, end - r.started_});
}

std::string types_text(const Method::InstructionInfo& i) {
  std::string text;
  auto add = [&](const TensorView& t) { text += std::string(text.empty() ? "" : ", ") + TypeText(t).c_str(); };
  for (const Value* v : i.args) {
    if (v->kind == Value::Kind::tensor) add(*v->tensor);
    if (v->kind == Value::Kind::tensor_list)
      for (const TensorView* t : v->tensors)
        if (t) add(*t);
  }
  for (size_t k = 0; k < i.outs.size(); ++k) text += std::string(k ? ", " : text.empty() ? "-> " : " -> ") + TypeText(*i.outs[k]).c_str();
  return text;
}

std::string source_text(const Method::InstructionInfo& i) {
  return i.file.empty() ? std::string() : fmt::format("{}:{}", i.file, i.line);
}

const char* name_of(Method::RunBy by) {
  switch (by) {
    case Method::RunBy::kernel: return "kernel";
    case Method::RunBy::reference: return "reference";
    case Method::RunBy::view: return "view";
    case Method::RunBy::number: return "number";
    case Method::RunBy::control: return "control";
  }
  return "?";
}

Error write_trace(const std::string& path, const Method& method, std::string_view name, const Recorder& recorder) {
  // What does not change from run to run.
  std::vector<std::string> heads, arguments;
  for (size_t k = 0; k < method.instruction_count(); ++k) {
    const Method::InstructionInfo i = method.instruction(k);
    heads.push_back(fmt::format("{{\"name\": {}, \"cat\": \"{}\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, ", json_text(i.op), name_of(i.by)));
    arguments.push_back(fmt::format("\"args\": {{\"instruction\": {}, \"types\": {}, \"source\": {}, \"run\": ", k, json_text(types_text(i)),
                                    json_text(source_text(i))));
  }
  NewFile out(path.c_str());
  auto write = [&](const std::string& text) { return out.write(text.data(), text.size()); };
  PF_TRY(write(fmt::format("{{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n"
                           "{{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, \"args\": {{\"name\": {}}}}},\n"
                           "{{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": 1, \"args\": {{\"name\": \"calling thread\"}}}}",
                           json_text(name))));
  std::string block;
  for (const Recorder::Event& e : recorder.events()) {
    block += fmt::format(",\n{}\"ts\": {:.3f}, \"dur\": {:.3f}, {}{}}}}}", heads[e.instruction], static_cast<double>(e.start) / 1e3,
                         static_cast<double>(e.duration) / 1e3, arguments[e.instruction], e.run);
    if (block.size() < (1 << 16)) continue;
    PF_TRY(write(block));
    block.clear();
  }
  PF_TRY(write(block + "\n]}\n"));
  return out.finish();
}

}  // namespace portfire::cli
