#include "compiler/import/pt2_weights.h"

#include <algorithm>

#include "compiler/import/row_major.h"
#include "compiler/ir/builder.h"

namespace portfire::import {

using ir::Refusal;

namespace {

// A strided weight is copied; a small file may not become a huge program by strides of 0.
constexpr size_t kMaxCopy = 16 << 20;

std::string key(const Payload& p) {
  std::string k = p.entry + "@" + std::to_string(p.offset);
  for (size_t d = 0; d < p.sizes.size(); ++d) k += "," + std::to_string(p.sizes[d]) + ":" + std::to_string(p.strides[d]);
  return k;
}

TensorView view(const Payload& p, const std::byte* data) {
  TensorView t;
  t.dtype = p.dtype;
  for (int64_t s : p.sizes) t.shape.push(s);
  for (size_t d = 0; d < p.strides.size(); ++d) t.strides[d] = p.strides[d];
  t.data = const_cast<std::byte*>(data) + static_cast<size_t>(p.offset) * byte_size(p.dtype);
  return t;
}

void check(const std::string& name, const Payload& p) {
  if (p.sizes.size() != p.strides.size() || p.sizes.size() > kMaxRank)
    throw Refusal{Code::bad_file, "\"" + name + "\" has impossible sizes or strides"};
  int64_t bytes;
  if (!checked_bytes(p.dtype, view(p, nullptr).shape, &bytes) || bytes > (int64_t{1} << 44))
    throw Refusal{Code::bad_file, "\"" + name + "\" has impossible sizes"};
}

// Every element must lie inside the entry.
void check_extent(const std::string& name, const TensorView& t, const Payload& p, size_t bytes) {
  if (t.numel() == 0) return;
  int64_t last = p.offset;
  bool ok = p.offset >= 0;
  for (int d = 0; d < t.rank(); ++d) {
    int64_t reach;
    ok = ok && t.strides[d] >= 0 && checked_multiply(t.size(d) - 1, t.strides[d], &reach) && !__builtin_add_overflow(last, reach, &last);
  }
  if (!ok || last >= static_cast<int64_t>(bytes / byte_size(p.dtype)))
    throw Refusal{Code::bad_file, "\"" + name + "\" reaches past its data (entry of " + std::to_string(bytes) + " bytes)"};
}

std::span<const std::byte> bytes_of(const Archive& archive, const std::string& entry) {
  const auto bytes = archive.read(entry);
  if (!bytes.ok()) throw Refusal{bytes.error().code(), bytes.error().text()};
  return *bytes;
}

}  // namespace

Weights::Weights(std::shared_ptr<const Archive> archive, Symbols& symbols) : archive_(std::move(archive)) {
  simdjson::dom::parser parser;
  read(parser, "weights", symbols);
  read(parser, "constants", symbols);
}

// `folder` is "weights" or "constants", and their config's name has it too.
void Weights::read(simdjson::dom::parser& parser, const std::string& folder, Symbols& symbols) {
  const std::string config = "data/" + folder + "/model_" + folder + "_config.json";
  if (!archive_->has(config)) return;
  const auto bytes = bytes_of(*archive_, config);
  Json root = parser.parse(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (auto [name, item] : simdjson::dom::object(root["config"])) {
    simdjson::dom::object meta;
    if (item["tensor_meta"].get(meta)) continue;  // a custom object
    if (bool pickled; !item["use_pickle"].get(pickled) && pickled) continue;
    Payload p;
    p.entry = "data/" + folder + "/" + std::string(std::string_view(item["path_name"]));
    p.dtype = dtype_of(int64_t(meta["dtype"]));
    for (Json s : simdjson::dom::array(meta["sizes"])) p.sizes.push_back(symbols.dim(s).at[0]);
    for (Json s : simdjson::dom::array(meta["strides"])) p.strides.push_back(symbols.dim(s).at[0]);
    p.offset = symbols.dim(meta["storage_offset"]).at[0];
    payloads_[std::string(name)] = std::move(p);
  }
}

const Payload& Weights::payload(const std::string& name) const {
  const auto it = payloads_.find(name);
  if (it == payloads_.end()) throw Refusal{Code::bad_file, "no data for \"" + name + "\" in the archive"};
  check(name, it->second);
  return it->second;
}

std::pair<ir::Type, std::shared_ptr<const ir::Constant>> Weights::get(const std::string& name) {
  const Payload& p = payload(name);
  const ir::Type type = ir::Type::tensor(p.dtype, std::vector<ir::Dim>(p.sizes.begin(), p.sizes.end()));
  if (auto done = constants_.find(key(p)); done != constants_.end()) return {type, done->second};
  const auto bytes = bytes_of(*archive_, p.entry);
  const TensorView source = view(p, bytes.data());
  check_extent(name, source, p, bytes.size());
  auto c = std::make_shared<ir::Constant>();
  const bool aligned = reinterpret_cast<uintptr_t>(source.data) % std::min<size_t>(byte_size(p.dtype), 8) == 0;
  if (source.is_contiguous() && aligned) {
    c->data = bytes.data() + static_cast<size_t>(p.offset) * byte_size(p.dtype);
    c->bytes = source.bytes();
    c->owner = archive_;
  } else {
    if (source.bytes() > kMaxCopy && source.bytes() / 16 > bytes.size())
      throw Refusal{Code::unsupported, "\"" + name + "\" repeats " + std::to_string(bytes.size()) + " bytes to " +
                                           std::to_string(source.bytes()) + " (expected at most 16 times as many)"};
    auto copy = std::make_shared<std::vector<std::byte>>(source.bytes());
    copy_row_major(source, copy->data());
    c->data = copy->data();
    c->bytes = copy->size();
    c->owner = copy;
  }
  constants_[key(p)] = c;
  return {type, c};
}

}  // namespace portfire::import
