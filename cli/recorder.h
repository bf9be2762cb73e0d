// Records when each instruction of a method ran, through its hook, and writes that as a trace.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runtime/method.h"

namespace portfire::cli {

class Recorder {
 public:
  struct Event {
    uint32_t instruction, run;
    int64_t start, duration;  // ns, since the recorder was made
  };

  // To be given to Method::load; the recorder must outlive the method, at the same place.
  Method::Hook hook() { return {&Recorder::note, this}; }
  void begin_run() { ++runs_; }
  // Memory for that many events more: growing would be timed.
  void reserve(size_t more) { events_.reserve(events_.size() + more); }

  size_t runs() const { return runs_; }
  const std::vector<Event>& events() const { return events_; }
  // Forgets what was recorded.
  void clear();

 private:
  static void note(void* self, size_t instruction, bool done);
  int64_t now() const { return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - zero_).count(); }

  std::chrono::steady_clock::time_point zero_ = std::chrono::steady_clock::now();
  int64_t started_ = 0;
  uint32_t runs_ = 0;
  std::vector<Event> events_;
};

// Chrome's trace-event JSON, which Perfetto and chrome://tracing open: a complete event for each instruction of each run,
// on the line of the thread that called. Code::io where the file cannot be written.
Error write_trace(const std::string& path, const Method& method, std::string_view name, const Recorder& recorder);

// "f32[128,384], f32[384]" of the tensors among the arguments, " -> f32[128]" of the results.
std::string types_text(const Method::InstructionInfo& instruction);
// "model.py:41"; empty where the program does not say.
std::string source_text(const Method::InstructionInfo& instruction);
// "kernel", "reference", "view", "number", "control".
const char* name_of(Method::RunBy by);

}  // namespace portfire::cli
