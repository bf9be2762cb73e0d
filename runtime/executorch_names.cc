// Module under ExecuTorch's names.
#include "portfire/executorch_names.h"

#include <cstring>

#include "core/error.h"
#include "ops/element.h"

namespace portfire::runtime {
namespace {

Error::Kind kind_of(Code code) {
  switch (code) {
    case Code::ok: return Error::Ok;
    case Code::bad_argument: return Error::InvalidArgument;
    case Code::bad_file: return Error::InvalidProgram;
    case Code::unsupported: return Error::NotSupported;
    case Code::out_of_memory: return Error::MemoryAllocationFailed;
    case Code::io: return Error::AccessFailed;
    case Code::failed: return Error::Internal;
  }
  return Error::Internal;
}

Tag tag_of(const portfire::TensorInfo& info) {
  switch (info.kind) {
    case portfire::TensorInfo::Kind::tensor: return Tag::Tensor;
    case portfire::TensorInfo::Kind::string: return Tag::String;
    case portfire::TensorInfo::Kind::number: break;
  }
  return info.dtype == DType::f64 ? Tag::Double : info.dtype == DType::boolean ? Tag::Bool : Tag::Int;
}

portfire::Error no_such(const char* what, size_t i, size_t n) {
  return portfire::Error::make(Code::bad_argument, "no %s %zu (expected less than %zu)", what, i, n);
}

}  // namespace

Error::Error(const portfire::Error& e) : kind_(kind_of(e.code())), error_(e) {}

MethodMeta::List MethodMeta::list_of(std::span<const portfire::TensorInfo> infos) {
  List list;
  for (const portfire::TensorInfo& info : infos) list.push_back({tag_of(info), TensorInfo(info)});
  return list;
}

Result<Tag> MethodMeta::tag(const List& list, size_t i) {
  if (i >= list.size()) return no_such("input or output", i, list.size());
  return list[i].tag;
}

Result<TensorInfo> MethodMeta::meta(const List& list, size_t i) {
  if (i >= list.size()) return no_such("input or output", i, list.size());
  if (list[i].tag != Tag::Tensor) return portfire::Error::make(Code::bad_argument, "input or output %zu is no tensor", i);
  return list[i].info;
}

}  // namespace portfire::runtime

namespace portfire::extension {
namespace {

using runtime::Tag;

// A number's memory, for as long as a call takes.
struct Number {
  int64_t integer;
  double real;
  bool boolean;
};

TensorView view_of(const EValue& v, Number* number) {
  if (v.isTensor()) return v.toTensor().view();
  if (v.isDouble()) return TensorView::of(&(number->real = v.toDouble()), {});
  if (v.isBool()) return TensorView::of(&(number->boolean = v.toBool()), {});
  return TensorView::of(&(number->integer = v.toInt()), {});
}

EValue value_of(const TensorView& t, const portfire::TensorInfo& info) {
  if (info.kind == portfire::TensorInfo::Kind::string) return EValue(std::string(t.as<const char>(), t.bytes()));
  if (info.kind == portfire::TensorInfo::Kind::tensor) return aten::Tensor(t);
  if (t.dtype == DType::f64) return *t.as<const double>();
  if (t.dtype == DType::boolean) return *t.as<const bool>();
  return *t.as<const int64_t>();
}

// To where the caller wants it.
portfire::Error copy_out(const TensorView& from, size_t i, EValue* place) {
  aten::Tensor to = place->toTensor();
  std::vector<SizesType> sizes;
  for (const int64_t s : from.shape.dims()) sizes.push_back(static_cast<SizesType>(s));
  if (to.view().dtype != from.dtype || !to.resize(sizes))
    return portfire::Error::make(Code::bad_argument, "output %zu has no room (expected %s, got %s)", i, TypeText(from).c_str(),
                                 TypeText(to.view()).c_str());
  for (ops::Index at(from.shape); at.valid(); at.next()) ops::copy_element(to.view(), at.offset(to.view()), from, at.offset(from));
  *place = to;
  return {};
}

}  // namespace

runtime::Error resize_tensor_ptr(TensorPtr& tensor, const std::vector<SizesType>& sizes) {
  const TypeText before(tensor->view());
  if (tensor->resize(sizes)) return runtime::Error::Ok;
  return portfire::Error::make(Code::bad_argument, "a tensor of %s cannot have the %zu sizes asked for", before.c_str(), sizes.size());
}

runtime::Error Module::load() {
  if (module_) return runtime::Error::Ok;
  auto opened = portfire::Module::open(file_.c_str(), options_);
  if (!opened.ok()) return opened.error();
  module_ = *std::move(opened);
  return runtime::Error::Ok;
}

runtime::Result<size_t> Module::num_methods() {
  if (runtime::Error e = load(); e != runtime::Error::Ok) return e;
  return module_->method_count();
}

runtime::Result<std::unordered_set<std::string>> Module::method_names() {
  if (runtime::Error e = load(); e != runtime::Error::Ok) return e;
  std::unordered_set<std::string> names;
  for (size_t i = 0; i < module_->method_count(); ++i) names.emplace(module_->method_name(i));
  return names;
}

runtime::Result<Module::Loaded*> Module::find(const std::string& method) {
  if (runtime::Error e = load(); e != runtime::Error::Ok) return e;
  const auto found = methods_.find(method);
  if (found != methods_.end()) return &found->second;
  const auto inputs = module_->inputs(method), outputs = module_->outputs(method);
  if (!inputs.ok()) return inputs.error();
  if (!outputs.ok()) return outputs.error();
  Loaded l{runtime::MethodMeta(method, *inputs, *outputs), {}, {}, {}};
  l.inputs.resize(inputs->size());
  l.places.resize(outputs->size());
  return &methods_.emplace(method, std::move(l)).first->second;
}

runtime::Error Module::load_method(const std::string& method) { return find(method).error(); }

bool Module::unload_method(const std::string& method) {
  if (module_) module_->unload(method);
  return methods_.erase(method) > 0;
}

runtime::Result<runtime::MethodMeta> Module::method_meta(const std::string& method) {
  const auto l = find(method);
  if (!l.ok()) return l.error();
  return (*l)->meta;
}

runtime::Error Module::set_input(const std::string& method, const EValue& value, size_t index) {
  const auto l = find(method);
  if (!l.ok()) return l.error();
  if (index >= l.get()->inputs.size())
    return portfire::Error::make(Code::bad_argument, "%s: no input %zu (it takes %zu)", method.c_str(), index, l.get()->inputs.size());
  if (value.isString()) return portfire::Error::make(Code::bad_argument, "%s: input %zu is a string (expected a tensor or number)",
                                                     method.c_str(), index);
  l.get()->inputs[index] = value;
  return runtime::Error::Ok;
}

runtime::Error Module::set_inputs(const std::string& method, const std::vector<EValue>& values) {
  const auto l = find(method);
  if (!l.ok()) return l.error();
  if (values.size() != l.get()->inputs.size())
    return portfire::Error::make(Code::bad_argument, "%s: wrong number of inputs (expected %zu, got %zu)", method.c_str(),
                                 l.get()->inputs.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i)
    if (runtime::Error e = set_input(method, values[i], i); e != runtime::Error::Ok) return e;
  return runtime::Error::Ok;
}

runtime::Error Module::set_output(const std::string& method, const EValue& value, size_t index) {
  const auto l = find(method);
  if (!l.ok()) return l.error();
  if (index >= l.get()->places.size())
    return portfire::Error::make(Code::bad_argument, "%s: no output %zu (it gives %zu)", method.c_str(), index, l.get()->places.size());
  const auto outputs = module_->outputs(method);
  if (!value.isTensor() || (*outputs)[index].kind != portfire::TensorInfo::Kind::tensor)
    return portfire::Error::make(Code::bad_argument, "%s: output %zu (expected a tensor for a tensor)", method.c_str(), index);
  l.get()->places[index] = value;
  return runtime::Error::Ok;
}

runtime::Result<std::vector<EValue>> Module::execute(const std::string& method, const std::vector<EValue>& inputs) {
  const auto found = find(method);
  if (!found.ok()) return found.error();
  Loaded& l = *found.get();
  if (inputs.size() > l.inputs.size())
    return portfire::Error::make(Code::bad_argument, "%s: wrong number of inputs (expected %zu, got %zu)", method.c_str(), l.inputs.size(),
                                 inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].isNone())
      if (runtime::Error e = set_input(method, inputs[i], i); e != runtime::Error::Ok) return e;
  std::vector<TensorView> views;
  std::vector<Number> numbers(l.inputs.size());
  for (size_t i = 0; i < l.inputs.size(); ++i) {
    if (l.inputs[i].isNone()) return portfire::Error::make(Code::bad_argument, "%s: input %zu is not set", method.c_str(), i);
    views.push_back(view_of(l.inputs[i], &numbers[i]));
  }
  const auto answers = module_->call(method, views);
  if (!answers.ok()) return answers.error();
  const auto infos = module_->outputs(method);
  l.outputs.clear();
  for (size_t i = 0; i < answers->size(); ++i) {
    if (!l.places[i].isNone()) {
      EValue shown = l.places[i];
      if (const portfire::Error e = copy_out((*answers)[i], i, &shown)) return e.at(method.c_str());
      l.outputs.push_back(shown);
    } else {
      l.outputs.push_back(value_of((*answers)[i], (*infos)[i]));
    }
  }
  return l.outputs;
}

runtime::Result<EValue> Module::get(const std::string& method, const std::vector<EValue>& inputs) {
  const auto outputs = execute(method, inputs);
  if (!outputs.ok()) return outputs.error();
  if (outputs->empty()) return portfire::Error::make(Code::bad_argument, "%s: no output", method.c_str());
  return outputs->front();
}

runtime::Result<std::vector<EValue>> Module::get_outputs(const std::string& method) {
  const auto l = find(method);
  if (!l.ok()) return l.error();
  return l.get()->outputs;
}

runtime::Result<EValue> Module::get_output(const std::string& method, size_t index) {
  const auto outputs = get_outputs(method);
  if (!outputs.ok()) return outputs.error();
  if (index >= outputs->size())
    return portfire::Error::make(Code::bad_argument, "%s: no output %zu (the last call gave %zu)", method.c_str(), index, outputs->size());
  return (*outputs)[index];
}

}  // namespace portfire::extension
