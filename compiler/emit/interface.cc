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

}  // namespace

std::vector<uint8_t> write_interface(const std::vector<EmitMethod>& methods) {
  fb::FlatBufferBuilder out;
  std::vector<fb::Offset<pte::MethodInterface>> list;
  for (const EmitMethod& m : methods) list.push_back(method(out, m.program));
  out.Finish(pte::CreateInterface(out, out.CreateVector(list)));
  return {out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize()};
}

}  // namespace portfire::emit
