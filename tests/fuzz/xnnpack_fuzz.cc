// The graph of an XNNPACK delegate through its view and the importer: what either accepts can be read to its last byte, and what is
// imported is a graph.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "compiler/import/xnnpack.h"
#include "compiler/ir/verify.h"
#include "format/xnnpack_view.h"
#include "tests/fuzz/mutate.h"

namespace portfire::fuzz {
namespace {

void import_all(const XnnpackView& view, std::span<const std::byte> blob) {
  ir::Graph graph;
  ir::Builder build(&graph);
  std::vector<ir::Tensor> inputs;
  const auto* ids = view.root().input_ids();
  for (uint32_t i = 0; ids && i < ids->size(); ++i) {
    const xnn::TensorValue& v = view.value(ids->Get(i));
    if (v.external_id() > 64) return;
    while (inputs.size() <= v.external_id()) inputs.emplace_back();
    std::vector<ir::Dim> sizes;
    for (uint32_t d = 0; d < v.num_dims(); ++d) sizes.push_back(static_cast<int64_t>(v.dims()->Get(d)));
    const DType dtype = v.datatype() == xnn::Datatype_qs8 ? DType::i8 : v.datatype() == xnn::Datatype_f16 ? DType::f16 : DType::f32;
    const ir::ValueId id = graph.add_value(ir::Type::tensor(dtype, std::move(sizes)), "x");
    graph.inputs.push_back({id, "x"});
    inputs[v.external_id()] = {&build, id};
  }
  static const std::vector<std::byte> numbers(1 << 16, std::byte{0x3c});
  const auto named = [](std::string_view) { return std::span<const std::byte>(numbers); };
  try {
    for (ir::Tensor t : import::import_xnnpack(build, blob, named, inputs, nullptr)) graph.outputs.push_back({t.id, "y", {}});
  } catch (const ir::Refusal&) {
    return;
  } catch (const std::exception&) {  // as the driver's guard: what containers throw on impossible sizes
    return;
  }
  PF_CHECK(ir::verify(graph, ir::Stage::imported).ok());
}

}  // namespace
}  // namespace portfire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace portfire;
  const fuzz::AlignedCopy copy(data, size);
  const std::span<const std::byte> bytes = copy.bytes();
  const auto view = XnnpackView::open(bytes);
  if (!view.ok()) return 0;
  volatile uint8_t sum = 0;
  uint64_t most = 0;
  for (uint32_t i = 1; i < view->constants(); ++i) {
    if (view->data(i).bytes.size() > 1 << 16) continue;  // constants may share their bytes
    for (std::byte b : view->data(i).bytes) sum = sum + static_cast<uint8_t>(b);
  }
  for (uint32_t id = 0; id < view->values(); ++id)
    if (const auto* dims = view->value(id).dims(); dims && view->value(id).constant_buffer_idx())
      most = std::max(most, xnnpack_bytes(view->value(id).datatype(), {dims->data(), dims->size()}).value_or(0));
  if (most <= 1 << 20) fuzz::import_all(*view, bytes);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t, unsigned seed) {
  portfire::fuzz::Random random(seed);
  return portfire::fuzz::mutate_flatbuffer({data, size}, size, random);
}
