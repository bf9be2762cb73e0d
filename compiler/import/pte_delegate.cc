// Calls of delegates: what they hold becomes part of the graph.
#include <cstring>

#include "compiler/import/pte_graph.h"
#include "compiler/import/xnnpack.h"
#include "format/reading.h"
#include "format/xnnpack_view.h"

namespace portfire::import {

using ir::Refusal;
using ir::Tensor;

namespace {

// As ExecuTorch's runtime takes it: by the order of dimensions alone, whatever their sizes are.
bool is_channels_last(const pte::Tensor& t) {
  constexpr uint8_t kOrder[] = {0, 2, 3, 1};
  return count(t.dim_order()) == 4 && std::memcmp(t.dim_order()->data(), kOrder, 4) == 0;
}

}  // namespace

std::span<const std::byte> PlanImporter::bytes_of(const pte::BackendDelegate& d) const {
  const pte::BackendDelegateDataReference* where = d.processed();
  const pte::Program& program = file_->view().root();
  if (where && where->location() == 1 && where->index() < count(program.segments())) return file_->view().segment(where->index());
  if (where && where->location() == 0 && where->index() < count(program.backend_delegate_data())) {
    const auto* data = program.backend_delegate_data()->Get(where->index())->data();
    return {reinterpret_cast<const std::byte*>(data ? data->data() : nullptr), count(data)};
  }
  throw Refusal{Code::bad_file, "a delegate without data"};
}

void PlanImporter::delegate(Scope& s, const pte::DelegateCall& call) {
  const pte::BackendDelegate* d = plan_.delegates()->Get(static_cast<uint32_t>(call.delegate_index()));
  const std::string id = d->id() ? d->id()->str() : "?";
  if (id != "XnnpackBackend")
    throw Refusal{Code::unsupported, "delegate \"" + id + "\" holds a program for another backend (expected XnnpackBackend or none: export without its partitioner)"};
  std::span<const std::byte> blob = bytes_of(*d);
  std::shared_ptr<const void> owner = file_;
  if (reinterpret_cast<uintptr_t>(blob.data()) % 16 != 0) {
    auto copy = std::make_shared<std::pair<std::shared_ptr<const void>, std::vector<uint64_t>>>(file_, std::vector<uint64_t>((blob.size() + 7) / 8));
    if (!blob.empty()) std::memcpy(copy->second.data(), blob.data(), blob.size());
    blob = std::as_bytes(std::span(copy->second)).first(blob.size());
    owner = copy;
  }
  const Result<XnnpackView> view = XnnpackView::open(blob);
  if (!view.ok()) throw Refusal{Code::bad_file, std::string("XNNPACK delegate: ") + view.error().text()};
  const uint32_t args = count(call.args()), results = count(view->root().output_ids());
  if (results > args) throw Refusal{Code::bad_file, "XNNPACK delegate: " + std::to_string(args) + " arguments (expected " + std::to_string(results) + " results among them)"};
  std::vector<Tensor> inputs;
  for (uint32_t i = 0; i < args - results; ++i) {
    const auto v = static_cast<uint32_t>(call.args()->Get(i));
    Tensor t = tensor(v) ? read(s, v) : Tensor();
    if (t && is_channels_last(*tensor(v))) t = s.build.permute(t, {0, 2, 3, 1});
    inputs.push_back(t);
  }
  const auto named = [&](std::string_view key) { return file_->named_data(key).value_or(std::span<const std::byte>()); };
  const std::vector<Tensor> outputs = import_xnnpack(s.build, blob, named, inputs, owner);
  for (uint32_t i = 0; i < results; ++i) {
    const auto v = static_cast<uint32_t>(call.args()->Get(args - results + i));
    Tensor t = outputs[i];
    if (const pte::Tensor* to = tensor(v)) {
      if (is_channels_last(*to) && t.rank() == 4) t = s.build.permute(t, {0, 3, 1, 2});
      if (count(to->sizes()) == 0 && t.rank() == 1) t = s.build.reshape(t, {});  // XNNPACK has no tensors without dimensions
    }
    write(s, v, t);
  }
}

}  // namespace portfire::import
