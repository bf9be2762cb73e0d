#include "compiler/import/pt2.h"

#include <algorithm>
#include <cstring>

#include "compiler/import/archive.h"
#include "compiler/import/pt2_graph.h"
#include "compiler/import/pt2_types.h"
#include "compiler/ir/builder.h"

namespace portfire::import {
namespace {

using ir::Refusal;

template <class T>
T need(Result<T> r) {
  if (!r.ok()) throw Refusal{r.error().code(), r.error().text()};
  return *std::move(r);
}

// One entry of a weights or constants config: where the bytes are and how they are laid out.
struct Payload {
  std::string entry;
  DType dtype;
  std::vector<int64_t> sizes, strides;
  int64_t offset = 0;
};

class Weights {
 public:
  explicit Weights(std::shared_ptr<const Archive> archive) : archive_(std::move(archive)) {}

  // `folder` is "weights" or "constants", `kind` their config's name part.
  void read(simdjson::dom::parser& parser, const std::string& folder, Symbols& symbols) {
    const std::string config = "data/" + folder + "/model_" + folder + "_config.json";
    if (!archive_->has(config)) return;
    const auto bytes = need(archive_->read(config));
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

  bool has(const std::string& name) const { return payloads_.count(name) != 0; }

  // Contiguous storage is used where it lies; other layouts are copied into row-major order.
  std::pair<ir::Type, std::shared_ptr<const ir::Constant>> get(const std::string& name) {
    auto it = payloads_.find(name);
    if (it == payloads_.end()) throw Refusal{Code::bad_file, "no data for \"" + name + "\" in the archive"};
    const Payload& p = it->second;
    const ir::Type type = ir::Type::tensor(p.dtype, std::vector<ir::Dim>(p.sizes.begin(), p.sizes.end()));
    if (auto done = constants_.find(key(p)); done != constants_.end()) return {type, done->second};
    check(name, p);
    const auto bytes = need(archive_->read(p.entry));
    const TensorView source = view(p, bytes.data());
    check_extent(name, source, p, bytes.size());
    auto c = std::make_shared<ir::Constant>();
    if (source.is_contiguous()) {
      c->data = bytes.data() + static_cast<size_t>(p.offset) * byte_size(p.dtype);
      c->bytes = source.bytes();
      c->owner = archive_;
    } else {
      auto copy = std::make_shared<std::vector<std::byte>>(source.bytes());
      gather(source, copy->data());
      c->data = copy->data();
      c->bytes = copy->size();
      c->owner = copy;
    }
    constants_[key(p)] = c;
    return {type, c};
  }

 private:
  static std::string key(const Payload& p) {
    std::string k = p.entry + "@" + std::to_string(p.offset);
    for (size_t d = 0; d < p.sizes.size(); ++d) k += "," + std::to_string(p.sizes[d]) + ":" + std::to_string(p.strides[d]);
    return k;
  }
  static TensorView view(const Payload& p, const std::byte* data) {
    TensorView t;
    t.dtype = p.dtype;
    for (int64_t s : p.sizes) t.shape.push(s);
    for (size_t d = 0; d < p.strides.size(); ++d) t.strides[d] = p.strides[d];
    t.data = const_cast<std::byte*>(data) + static_cast<size_t>(p.offset) * byte_size(p.dtype);
    return t;
  }
  static void check(const std::string& name, const Payload& p) {
    if (p.sizes.size() != p.strides.size() || p.sizes.size() > kMaxRank)
      throw Refusal{Code::bad_file, "\"" + name + "\" has impossible sizes or strides"};
    int64_t numel = 1;
    for (int64_t s : p.sizes)
      if (s < 0 || !checked_multiply(numel, s, &numel) || numel > (int64_t{1} << 40))
        throw Refusal{Code::bad_file, "\"" + name + "\" has impossible sizes"};
  }
  // Every element must lie inside the entry.
  static void check_extent(const std::string& name, const TensorView& t, const Payload& p, size_t bytes) {
    if (t.numel() == 0) return;
    int64_t last = p.offset;
    bool ok = p.offset >= 0;
    for (int d = 0; d < t.rank(); ++d) {
      int64_t reach;
      ok = ok && t.strides[d] >= 0 && checked_multiply(t.size(d) - 1, t.strides[d], &reach) &&
           !__builtin_add_overflow(last, reach, &last);
    }
    if (!ok || last >= static_cast<int64_t>(bytes / byte_size(p.dtype)))
      throw Refusal{Code::bad_file, "\"" + name + "\" reaches past its data (entry of " + std::to_string(bytes) + " bytes)"};
  }
  static void gather(const TensorView& from, std::byte* to) {
    const size_t size = byte_size(from.dtype);
    int64_t at[kMaxRank] = {};
    for (int64_t n = from.numel(); n > 0; --n) {
      int64_t offset = 0;
      for (int d = 0; d < from.rank(); ++d) offset += at[d] * from.strides[d];
      std::memcpy(to, from.as<std::byte>() + offset * static_cast<int64_t>(size), size);
      to += size;
      for (int d = from.rank() - 1; d >= 0 && ++at[d] == from.size(d); --d) at[d] = 0;
    }
  }

  std::shared_ptr<const Archive> archive_;
  std::map<std::string, Payload> payloads_;
  std::map<std::string, std::shared_ptr<const ir::Constant>> constants_;
};

std::string member_name(Json spec, const char* key) { return to_text(spec[key]); }

void check_version(Json program) {
  int64_t major = -1, minor = -1;
  if (program["schema_version"]["major"].get(major) || program["schema_version"]["minor"].get(minor))
    throw Refusal{Code::bad_file, "models/model.json has no schema_version"};
  if (major != 8)
    throw Refusal{Code::unsupported, "schema version " + std::to_string(major) + "." + std::to_string(minor) +
                                         " (expected 8.x, as torch 2.13 writes)"};
}

class Program {
 public:
  Program(std::shared_ptr<const Archive> archive, Json root) : root_(root), weights_(archive) {}

  ir::Graph import(simdjson::dom::parser& config_parser) {
    check_version(root_);
    symbols_.read(root_);
    weights_.read(config_parser, "weights", symbols_);
    weights_.read(config_parser, "constants", symbols_);
    ir::Graph graph;
    GraphImporter importer(&graph, symbols_);
    const Json module = root_["graph_module"], body = module["graph"], signature = module["signature"];
    importer.read_types(body);
    inputs(graph, importer, signature);
    importer.check_symbols();
    importer.nodes(body);
    outputs(graph, importer, signature);
    structure(graph, module);
    graph.symbols = symbols_.all();
    return graph;
  }

 private:
  void inputs(ir::Graph& graph, GraphImporter& importer, Json signature) {
    for (Json spec : simdjson::dom::array(signature["input_specs"])) {
      Json s;
      if (!spec["parameter"].get(s)) {
        constant(graph, importer, to_text(s["arg"]["name"]), member_name(s, "parameter_name"));
      } else if (!spec["tensor_constant"].get(s)) {
        constant(graph, importer, to_text(s["arg"]["name"]), member_name(s, "tensor_constant_name"));
      } else if (!spec["buffer"].get(s)) {
        buffer(graph, importer, to_text(s["arg"]["name"]), member_name(s, "buffer_name"));
      } else if (!spec["user_input"].get(s)) {
        user_input(graph, importer, s["arg"]);
      } else if (!spec["constant_input"].get(s)) {
        continue;  // its value is baked into the graph
      } else if (!spec["token"].get(s)) {
        continue;  // orders side effects, of which there are none here
      } else {
        throw Refusal{Code::unsupported, "an input that is neither tensor nor number (custom objects are not supported)"};
      }
    }
  }

  void constant(ir::Graph& graph, GraphImporter& importer, const std::string& value, const std::string& name) {
    auto [type, data] = weights_.get(name);
    const ir::ValueId id = graph.add_value(type, name);
    graph.values[id].constant = data;
    importer.define(value, id);
  }

  // Every buffer is imported as state; those that nothing writes to become constants later.
  void buffer(ir::Graph& graph, GraphImporter& importer, const std::string& value, const std::string& name) {
    constant(graph, importer, value, name);
    graph.buffers.push_back({importer.value(value), name, ir::kNoValue});
  }

  void user_input(ir::Graph& graph, GraphImporter& importer, Json arg) {
    Json a;
    std::string name;
    if (!arg["as_tensor"].get(a)) {
      name = to_text(a["name"]);
    } else if (!arg["as_sym_int"].get(a) || !arg["as_sym_bool"].get(a) || !arg["as_sym_float"].get(a)) {
      name = text_or_empty(a, "as_name");
      if (name.empty()) return;
    } else {
      return;  // a plain number, None or string: baked into the graph
    }
    const ir::ValueId id = graph.add_value(importer.type_of(name), name);
    importer.define(name, id);
    graph.inputs.push_back({id, name});
    importer.note_input(name, id);
  }

  void outputs(ir::Graph& graph, GraphImporter& importer, Json signature) {
    for (Json spec : simdjson::dom::array(signature["output_specs"])) {
      Json s;
      if (!spec["user_output"].get(s) || !spec["loss_output"].get(s)) {
        const ir::Arg a = importer.argument(s["arg"], "");
        ir::Output out;
        out.name = "output" + std::to_string(graph.outputs.size());
        if (a.ref())
          out.value = a.ref()->id;
        else
          out.literal = a;
        graph.outputs.push_back(std::move(out));
      } else if (!spec["buffer_mutation"].get(s) || !spec["parameter_mutation"].get(s)) {
        const std::string name =
            text_or_empty(s, "buffer_name").empty() ? text_or_empty(s, "parameter_name") : text_or_empty(s, "buffer_name");
        auto it = std::find_if(graph.buffers.begin(), graph.buffers.end(), [&](const ir::Buffer& b) { return b.name == name; });
        if (it == graph.buffers.end()) throw Refusal{Code::bad_file, "no buffer \"" + name + "\" to update"};
        it->update = importer.value(to_text(s["arg"]["name"]));
      } else if (!spec["user_input_mutation"].get(s)) {
        const std::string name = member_name(s, "user_input_name");
        for (size_t i = 0; i < graph.inputs.size(); ++i)
          if (graph.inputs[i].name == name)
            graph.input_mutations.push_back({i, importer.value(to_text(s["arg"]["name"]))});
      } else if (!spec["token"].get(s)) {
        continue;
      } else {
        throw Refusal{Code::unsupported, "an output that is a gradient (export the forward program)"};
      }
    }
  }

  void structure(ir::Graph& graph, Json module) {
    simdjson::dom::array calls;
    if (module["module_call_graph"].get(calls)) return;
    for (Json entry : calls) {
      if (!text_or_empty(entry, "fqn").empty()) continue;
      Json signature;
      if (entry["signature"].get(signature)) continue;
      graph.input_structure = text_or_empty(signature, "in_spec");
      graph.output_structure = text_or_empty(signature, "out_spec");
    }
  }

  Json root_;
  Weights weights_;
  Symbols symbols_;
};

}  // namespace

Result<ir::Graph> import_pt2(const std::string& path) {
  PF_ASSIGN(std::shared_ptr<const Archive> archive, Archive::open(path));
  PF_ASSIGN(const auto bytes, archive->read("models/model.json"));
  try {
    simdjson::dom::parser parser, config_parser;
    Json root = parser.parse(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Program(archive, root).import(config_parser);
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s: %s", path.c_str(), r.text.c_str());
  } catch (const simdjson::simdjson_error& e) {
    return Error::make(Code::bad_file, "%s: models/model.json: %s", path.c_str(), e.what());
  }
}

}  // namespace portfire::import
