#include "compiler/import/pt2.h"

#include <algorithm>
#include <exception>
#include <new>
#include <set>

#include "compiler/import/archive.h"
#include "compiler/import/pt2_graph.h"
#include "compiler/import/pt2_types.h"
#include "compiler/import/pt2_weights.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/pytree.h"

namespace portfire::import {
namespace {

using ir::Refusal;

std::string member_name(Json spec, const char* key) { return to_text(spec[key]); }

std::string version_of(Json program) {
  int64_t major = -1, minor = -1;
  if (program["schema_version"]["major"].get(major) || program["schema_version"]["minor"].get(minor))
    throw Refusal{Code::bad_file, "models/model.json has no schema_version"};
  const std::string version = std::to_string(major) + "." + std::to_string(minor);
  if (major != 8) throw Refusal{Code::unsupported, "schema version " + version + " (expected 8.x, as torch 2.13 writes)"};
  return version;
}

class Program {
 public:
  Program(std::shared_ptr<const Archive> archive, Json root) : root_(root), version_(version_of(root)), weights_(archive, read(symbols_, root)) {}

  ir::Graph import() {
    ir::Graph graph;
    GraphImporter importer(&graph, symbols_);
    const Json module = root_["graph_module"], body = module["graph"], signature = module["signature"];
    importer.read_types(body);
    structure(graph, module);
    inputs(graph, importer, signature);
    importer.check_symbols();
    importer.nodes(body);
    outputs(graph, importer, signature);
    graph.symbols = symbols_.all();
    return graph;
  }

  ArchiveInfo info() const {
    ArchiveInfo info;
    info.schema = version_;
    info.torch = text_or_empty(root_, "torch_version");
    std::set<std::string> counted;  // tied weights share their bytes
    for (Json spec : simdjson::dom::array(root_["graph_module"]["signature"]["input_specs"])) {
      Json s;
      auto count = [&](const char* kind, const char* name, ArchiveInfo::Tensors* t) {
        if (spec[kind].get(s)) return;
        const Payload& p = weights_.payload(member_name(s, name));
        uint64_t bytes = byte_size(p.dtype);
        for (int64_t size : p.sizes) bytes *= static_cast<uint64_t>(size);
        ++t->count;
        if (counted.insert(p.entry).second) t->bytes += bytes;
      };
      count("parameter", "parameter_name", &info.parameters);
      count("buffer", "buffer_name", &info.buffers);
      count("tensor_constant", "tensor_constant_name", &info.constants);
    }
    return info;
  }

 private:
  static Symbols& read(Symbols& symbols, Json root) {
    symbols.read(root);
    return symbols;
  }

  void inputs(ir::Graph& graph, GraphImporter& importer, Json signature) {
    size_t leaf = 0;
    for (Json spec : simdjson::dom::array(signature["input_specs"])) {
      Json s;
      if (!spec["parameter"].get(s)) {
        state(graph, importer, to_text(s["arg"]["name"]), member_name(s, "parameter_name"), ir::Role::parameter);
      } else if (!spec["tensor_constant"].get(s)) {
        constant(graph, importer, to_text(s["arg"]["name"]), member_name(s, "tensor_constant_name"));
      } else if (!spec["buffer"].get(s)) {
        state(graph, importer, to_text(s["arg"]["name"]), member_name(s, "buffer_name"), ir::Role::buffer);
      } else if (!spec["user_input"].get(s)) {
        user_input(graph, importer, s["arg"], leaf++);
      } else if (!spec["constant_input"].get(s)) {
        ++leaf;  // its value is baked into the graph
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

  // Every parameter and buffer is imported as state; those that nothing writes to become constants later.
  void state(ir::Graph& graph, GraphImporter& importer, const std::string& value, const std::string& name, ir::Role role) {
    constant(graph, importer, value, name);
    graph.buffers.push_back({importer.value(value), name, ir::kNoValue, role});
  }

  void user_input(ir::Graph& graph, GraphImporter& importer, Json arg, size_t leaf) {
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
    graph.inputs.push_back({id, leaf < input_paths_.size() ? input_paths_[leaf] : name});
    importer.note_input(name, id);
  }

  void outputs(ir::Graph& graph, GraphImporter& importer, Json signature) {
    for (Json spec : simdjson::dom::array(signature["output_specs"])) {
      Json s;
      if (!spec["user_output"].get(s) || !spec["loss_output"].get(s)) {
        const ir::Arg a = importer.argument(s["arg"], "");
        ir::Output out;
        const size_t leaf = graph.outputs.size();
        out.name = leaf < output_paths_.size() ? output_paths_[leaf] : "output" + std::to_string(leaf);
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
          if (graph.values[graph.inputs[i].value].name == name)
            graph.input_mutations.push_back({i, importer.value(to_text(s["arg"]["name"]))});
      } else if (!spec["token"].get(s)) {
        continue;
      } else {
        throw Refusal{Code::unsupported, "an output that is a gradient (export the forward program)"};
      }
    }
  }

  // The nesting of inputs and outputs, and the paths that it gives them.
  void structure(ir::Graph& graph, Json module) {
    simdjson::dom::array calls;
    if (module["module_call_graph"].get(calls)) return;
    for (Json entry : calls) {
      if (!text_or_empty(entry, "fqn").empty()) continue;
      Json signature;
      if (entry["signature"].get(signature)) continue;
      graph.input_structure = text_or_empty(signature, "in_spec");
      graph.output_structure = text_or_empty(signature, "out_spec");
      std::vector<std::string> names;
      if (simdjson::dom::array list; !signature["forward_arg_names"].get(list))
        for (Json name : list) names.push_back(to_text(name));
      if (const auto tree = ir::parse_pytree(graph.input_structure); tree.ok()) input_paths_ = input_paths(*tree, names);
      if (const auto tree = ir::parse_pytree(graph.output_structure); tree.ok()) output_paths_ = leaf_paths(*tree, "output");
    }
  }

  Json root_;
  std::string version_;
  Symbols symbols_;
  Weights weights_;
  std::vector<std::string> input_paths_, output_paths_;
};

// What `use` makes of the program of `archive`.
template <class T, class F>
Result<T> with_program(std::shared_ptr<const Archive> archive, F use) {
  PF_ASSIGN(const auto bytes, archive->read("models/model.json"));
  const char* path = archive->path().c_str();
  try {
    simdjson::dom::parser parser;
    Json root = parser.parse(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    Program program(archive, root);
    return use(program);
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s: %s", path, r.text.c_str());
  } catch (const simdjson::simdjson_error& e) {
    return Error::make(Code::bad_file, "%s: models/model.json: %s", path, e.what());
  } catch (const std::bad_alloc&) {
    return Error::make(Code::out_of_memory, "%s: no memory to read it", path);
  } catch (const std::exception& e) {  // what a standard container throws on nonsense
    return Error::make(Code::bad_file, "%s: inconsistent program (%s)", path, e.what());
  }
}

}  // namespace

Result<ir::Graph> import_pt2(std::shared_ptr<const Archive> archive) {
  return with_program<ir::Graph>(std::move(archive), [](Program& p) { return p.import(); });
}

Result<ArchiveInfo> read_archive_info(std::shared_ptr<const Archive> archive) {
  return with_program<ArchiveInfo>(std::move(archive), [](Program& p) { return p.info(); });
}

}  // namespace portfire::import
