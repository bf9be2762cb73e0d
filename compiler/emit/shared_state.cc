#include "compiler/emit/shared_state.h"

#include "compiler/ir/text.h"

namespace portfire::emit {

const SharedState::Tensor* SharedState::find(const std::string& name) const {
  for (const Tensor& t : tensors)
    if (t.name == name) return &t;
  return nullptr;
}

Result<SharedState> lay_out_state(const std::vector<Lowered>& methods) {
  constexpr uint64_t kAlignment = 64;
  SharedState state;
  for (const Lowered& m : methods)
    for (const ir::Buffer& b : m.state) {
      if (!is_shared(m, b)) continue;
      const ir::ValueInfo& info = m.values[b.value];
      if (const auto* known = state.find(b.name)) {
        if (known->type == info.type) continue;
        return Error::make(Code::bad_argument, "%s: state \"%s\" is %s (expected %s, as in another method)", m.name.c_str(), b.name.c_str(),
                           to_string(info.type).c_str(), to_string(known->type).c_str());
      }
      if (!info.type.is_static() || !info.type.is_contiguous())
        return Error::make(Code::unsupported, "%s: state \"%s\" is %s (expected a dense tensor of known sizes)", m.name.c_str(), b.name.c_str(),
                           to_string(info.type).c_str());
      state.tensors.push_back({b.name, b.role, info.type, info.constant, state.bytes});
      state.bytes += (static_cast<uint64_t>(info.type.upper_bytes()) + kAlignment - 1) / kAlignment * kAlignment;
    }
  return state;
}

}  // namespace portfire::emit
