// What a method computes, value by value: of each a summary, and on demand the value itself while the method runs.
#pragma once

#include <functional>

#include "cli/align_values.h"
#include "cli/npy.h"
#include "cli/owners.h"
#include "runtime/method.h"

namespace portfire::cli {

// Of the elements in row-major order, whatever their layout.
Summary summarize(const TensorView& t);

class Tracer {
 public:
  // Is shown value `index` of a call, right after it was computed. Views and numbers are not told of: they are no values of a trace.
  using Sink = std::function<void(size_t index, const TensorView& value)>;

  explicit Tracer(Method& method) : method_(method) {}
  // Runs one call. Values beyond the first kMostValues are left out: `complete` says whether there were none.
  Result<Trace> trace(const std::vector<Array>& inputs);
  Error replay(const std::vector<Array>& inputs, const Sink& sink);
  bool complete() const { return next_ <= kMostValues; }

  static constexpr size_t kMostValues = 20000;

 private:
  Error run(const std::vector<Array>& inputs);
  static void note(void* self, size_t instruction, bool done);
  void before(const Method::InstructionInfo& in);
  void after(size_t instruction, const Method::InstructionInfo& in);
  int32_t owner(const TensorView& t) const;

  Method& method_;
  const Sink* sink_ = nullptr;
  Trace* trace_ = nullptr;
  size_t next_ = 0;
  Owners owners_;               // of addresses: a value, or -1 - k for input k
  std::vector<int32_t> from_;   // of the instruction that runs
};

}  // namespace portfire::cli
