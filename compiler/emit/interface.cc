#include "compiler/emit/interface.h"

#include "compiler/ir/text.h"
#include "format/program_view.h"

namespace portfire::emit {
namespace {

namespace fb = flatbuffers;

std::string size_text(const ir::Dim& dim, const std::vector<ir::Symbol>& symbols) {
  const std::string text = to_string(dim, symbols);
  return text.starts_with('{') ? "?" : text;
}

fb::Offset<pte::Port> port(fb::FlatBufferBuilder& out, const Lowered& p, ValueId v, const std::string& name) {
  std::vector<fb::Offset<fb::String>> sizes;
  if (v != ir::kNoValue)
    for (const ir::Dim& d : p.values[v].type.sizes) sizes.push_back(out.CreateString(size_text(d, p.symbols)));
  return pte::CreatePort(out, out.CreateString(name), out.CreateVector(sizes));
}

fb::Offset<pte::MethodInterface> method(fb::FlatBufferBuilder& out, const Lowered& p) {
  std::vector<fb::Offset<pte::Port>> inputs, outputs;
  for (const ir::Input& i : p.inputs) inputs.push_back(port(out, p, i.value, i.name));
  for (const ir::Output& o : p.outputs) outputs.push_back(port(out, p, o.value, o.name));
  std::vector<fb::Offset<pte::Symbol>> symbols;
  for (const ir::Symbol& s : p.symbols) symbols.push_back(pte::CreateSymbol(out, out.CreateString(s.name), s.lower, s.upper));
  return pte::CreateMethodInterface(out, out.CreateString(p.name), out.CreateVector(inputs), out.CreateVector(outputs),
                                    out.CreateVector(symbols));
}

fb::Offset<pte::SharedState> shared_state(fb::FlatBufferBuilder& out, const SharedState& state, const std::vector<uint32_t>& initial) {
  std::vector<fb::Offset<pte::StateTensor>> tensors;
  for (size_t i = 0; i < state.tensors.size(); ++i) {
    const SharedState::Tensor& t = state.tensors[i];
    std::vector<int64_t> sizes;
    for (const ir::Dim& d : t.type.sizes) sizes.push_back(d.at[0]);
    tensors.push_back(pte::CreateStateTensor(out, out.CreateString(t.name), out.CreateString(name_of(t.role)), static_cast<int8_t>(t.type.dtype),
                                             out.CreateVector(sizes), t.offset, initial[i]));
  }
  return pte::CreateSharedState(out, kSharedBuffer, state.bytes, out.CreateVector(tensors));
}

}  // namespace

std::vector<uint8_t> write_interface(const EmitProgram& program, const std::vector<uint32_t>& initial) {
  fb::FlatBufferBuilder out;
  std::vector<fb::Offset<pte::MethodInterface>> list;
  for (const EmitMethod& m : program.methods) list.push_back(method(out, m.program));
  fb::Offset<pte::SharedState> state;
  if (!program.state.empty()) state = shared_state(out, program.state, initial);
  out.Finish(pte::CreateInterface(out, out.CreateVector(list), state));
  return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
}

}  // namespace portfire::emit
