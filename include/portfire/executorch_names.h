// Module under the names that apps of ExecuTorch know: their `executorch::` becomes `portfire::` (docs/porting_from_executorch.md).
// The implementation is portfire::Module's.
//
//   portfire::extension::Module module("model.pte");
//   auto result = module.forward(portfire::extension::from_blob(pixels.data(), {1, 3, 224, 224}));
//   if (!result.ok()) return puts(result.error().text());
//   const float* scores = result->at(0).toTensor().const_data_ptr<float>();
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "portfire/executorch_tensor.h"
#include "portfire/module.h"

namespace portfire::runtime {

// A code, and the text that says what was wrong.
class [[nodiscard]] Error {
 public:
  enum Kind : uint32_t {
    Ok = 0x00, Internal = 0x01, InvalidState = 0x02, NotSupported = 0x10, InvalidArgument = 0x12, InvalidType = 0x13, NotFound = 0x20,
    MemoryAllocationFailed = 0x21, AccessFailed = 0x22, InvalidProgram = 0x23,
  };
  Error(Kind kind = Ok) : kind_(kind) {}           // NOLINT: implicit, as everywhere there
  Error(const portfire::Error& e);                 // NOLINT
  operator Kind() const { return kind_; }          // NOLINT: for comparisons and switches
  const char* text() const { return error_.ok() ? (kind_ == Ok ? "" : "error") : error_.text(); }

 private:
  Kind kind_;
  portfire::Error error_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}            // NOLINT
  Result(const Error& error) : error_(error) {}            // NOLINT
  Result(Error::Kind error) : error_(error) {}             // NOLINT
  Result(const portfire::Error& error) : error_(error) {}  // NOLINT

  bool ok() const { return value_.has_value(); }
  Error error() const { return ok() ? Error() : error_; }
  // Where there is no value, the error is printed and the process ends.
  T& get() { return checked(), *value_; }
  const T& get() const { return checked(), *value_; }
  T& operator*() & { return get(); }
  const T& operator*() const& { return get(); }
  T&& operator*() && { return checked(), std::move(*value_); }
  T* operator->() { return &get(); }
  const T* operator->() const { return &get(); }

 private:
  void checked() const {
    if (ok()) return;
    fprintf(stderr, "portfire: a result was used without asking whether it is one: %s\n", error_.text());
    __builtin_trap();
  }
  std::optional<T> value_;
  Error error_;
};

enum class Tag : uint32_t { None, Tensor, String, Double, Int, Bool };

// An input or an output. One that was made from a TensorPtr keeps it.
class EValue {
 public:
  EValue() = default;
  EValue(const aten::Tensor& t) : value_(t) {}                                         // NOLINT
  EValue(std::shared_ptr<aten::Tensor> t) : value_(*t), owner_(std::move(t)) {}        // NOLINT
  EValue(int64_t i) : value_(i) {}                                                     // NOLINT
  EValue(int i) : value_(int64_t{i}) {}                                                // NOLINT
  EValue(double d) : value_(d) {}                                                      // NOLINT
  EValue(bool b) : value_(b) {}                                                        // NOLINT
  explicit EValue(std::string s) : value_(std::move(s)) {}

  bool isNone() const { return std::holds_alternative<std::monostate>(value_); }
  bool isTensor() const { return std::holds_alternative<aten::Tensor>(value_); }
  bool isInt() const { return std::holds_alternative<int64_t>(value_); }
  bool isDouble() const { return std::holds_alternative<double>(value_); }
  bool isBool() const { return std::holds_alternative<bool>(value_); }
  bool isString() const { return std::holds_alternative<std::string>(value_); }
  bool isScalar() const { return isInt() || isDouble() || isBool(); }
  // Of another kind: the process ends.
  const aten::Tensor& toTensor() const { return as<aten::Tensor>("a tensor"); }
  int64_t toInt() const { return as<int64_t>("an int"); }
  double toDouble() const { return as<double>("a double"); }
  bool toBool() const { return as<bool>("a bool"); }
  std::string_view toString() const { return as<std::string>("a string"); }

 private:
  template <class T>
  const T& as(const char* kind) const {
    if (const T* value = std::get_if<T>(&value_)) return *value;
    fprintf(stderr, "portfire: a value was taken for %s, which it is not\n", kind);
    __builtin_trap();
  }
  std::variant<std::monostate, aten::Tensor, int64_t, double, bool, std::string> value_;
  std::shared_ptr<aten::Tensor> owner_;
};

// An input or output as the program declares it: upper bounds where sizes are dynamic. `sizes` are good while the method is loaded.
class TensorInfo {
 public:
  explicit TensorInfo(const portfire::TensorInfo& info)
      : name_(info.name), tensor_(std::make_shared<aten::Tensor>(TensorView::of(nullptr, info.dtype, info.shape.dims()))) {}
  aten::ArrayRef<aten::SizesType> sizes() const { return tensor_->sizes(); }
  aten::ScalarType scalar_type() const { return tensor_->scalar_type(); }
  size_t nbytes() const { return tensor_->nbytes(); }
  std::string_view name() const { return name_; }

 private:
  std::string name_;
  std::shared_ptr<const aten::Tensor> tensor_;
};

class MethodMeta {
 public:
  MethodMeta(std::string name, std::span<const portfire::TensorInfo> inputs, std::span<const portfire::TensorInfo> outputs)
      : name_(std::move(name)), inputs_(list_of(inputs)), outputs_(list_of(outputs)) {}
  const char* name() const { return name_.c_str(); }
  size_t num_inputs() const { return inputs_.size(); }
  size_t num_outputs() const { return outputs_.size(); }
  Result<Tag> input_tag(size_t i) const { return tag(inputs_, i); }
  Result<Tag> output_tag(size_t i) const { return tag(outputs_, i); }
  Result<TensorInfo> input_tensor_meta(size_t i) const { return meta(inputs_, i); }
  Result<TensorInfo> output_tensor_meta(size_t i) const { return meta(outputs_, i); }

 private:
  struct Value {
    Tag tag;
    TensorInfo info;
  };
  using List = std::vector<Value>;
  static List list_of(std::span<const portfire::TensorInfo> infos);
  static Result<Tag> tag(const List& list, size_t i);
  static Result<TensorInfo> meta(const List& list, size_t i);
  std::string name_;
  List inputs_, outputs_;
};

}  // namespace portfire::runtime

namespace portfire::extension {

using runtime::EValue;

// Of the same size or smaller, and the same rank.
[[nodiscard]] runtime::Error resize_tensor_ptr(TensorPtr& tensor, const std::vector<SizesType>& sizes);

// Loads when first asked for something. Not thread-safe. Outputs show the module's memory: they are good until the next call.
class Module {
 public:
  // For apps that name one: the file is mapped in each of them, and no page is locked.
  enum class LoadMode { File, Mmap, MmapUseMlock, MmapUseMlockIgnoreErrors };
  explicit Module(std::string file_path, LoadMode = LoadMode::File) : Module(std::move(file_path), std::vector<std::string>()) {}
  Module(std::string file_path, std::string data_path, LoadMode = LoadMode::File)
      : Module(std::move(file_path), std::vector<std::string>{std::move(data_path)}) {}
  Module(std::string file_path, std::vector<std::string> data_files, LoadMode = LoadMode::File)
      : file_(std::move(file_path)), options_{.threads = 0, .data = std::move(data_files)} {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Ours: as Module::Options::threads; before the first load.
  void set_threads(int threads) { options_.threads = threads; }

  [[nodiscard]] runtime::Error load();
  bool is_loaded() const { return module_.has_value(); }
  runtime::Result<size_t> num_methods();
  runtime::Result<std::unordered_set<std::string>> method_names();
  [[nodiscard]] runtime::Error load_method(const std::string& method);
  [[nodiscard]] runtime::Error load_forward() { return load_method("forward"); }
  // False where it was not loaded. Outputs that it gave are gone.
  bool unload_method(const std::string& method);
  bool unload_forward() { return unload_method("forward"); }
  bool is_method_loaded(const std::string& method) const { return methods_.contains(method); }
  runtime::Result<runtime::MethodMeta> method_meta(const std::string& method);

  // Values take the place of those that set_input gave, from the first on; one that is None leaves its place as it was.
  runtime::Result<std::vector<EValue>> execute(const std::string& method, const std::vector<EValue>& inputs);
  runtime::Result<std::vector<EValue>> execute(const std::string& method, std::initializer_list<EValue> inputs) {
    return execute(method, std::vector<EValue>(inputs));
  }
  runtime::Result<std::vector<EValue>> execute(const std::string& method, const EValue& input) {
    return execute(method, std::vector<EValue>{input});
  }
  runtime::Result<std::vector<EValue>> execute(const std::string& method) { return execute(method, std::vector<EValue>()); }
  runtime::Result<std::vector<EValue>> forward(const std::vector<EValue>& inputs) { return execute("forward", inputs); }
  runtime::Result<std::vector<EValue>> forward(std::initializer_list<EValue> inputs) { return execute("forward", inputs); }
  runtime::Result<std::vector<EValue>> forward(const EValue& input) { return execute("forward", input); }
  runtime::Result<std::vector<EValue>> forward() { return execute("forward"); }
  // The first output.
  runtime::Result<EValue> get(const std::string& method, const std::vector<EValue>& inputs);
  runtime::Result<EValue> get(const std::string& method, std::initializer_list<EValue> inputs) {
    return get(method, std::vector<EValue>(inputs));
  }
  runtime::Result<EValue> get(const std::string& method, const EValue& input) { return get(method, std::vector<EValue>{input}); }
  runtime::Result<EValue> get(const std::string& method) { return get(method, std::vector<EValue>()); }

  [[nodiscard]] runtime::Error set_input(const std::string& method, const EValue& value, size_t index);
  [[nodiscard]] runtime::Error set_input(const EValue& value, size_t index) { return set_input("forward", value, index); }
  [[nodiscard]] runtime::Error set_inputs(const std::string& method, const std::vector<EValue>& values);
  [[nodiscard]] runtime::Error set_inputs(const std::vector<EValue>& values) { return set_inputs("forward", values); }
  // From now on that output is copied to this tensor's data, and shown there. Its dtype must be the output's, and its room suffice.
  [[nodiscard]] runtime::Error set_output(const std::string& method, const EValue& value, size_t index = 0);
  [[nodiscard]] runtime::Error set_output(const EValue& value, size_t index = 0) { return set_output("forward", value, index); }
  // Of the last call.
  runtime::Result<std::vector<EValue>> get_outputs(const std::string& method);
  runtime::Result<std::vector<EValue>> get_outputs() { return get_outputs("forward"); }
  runtime::Result<EValue> get_output(const std::string& method, size_t index = 0);
  runtime::Result<EValue> get_output(size_t index = 0) { return get_output("forward", index); }

 private:
  struct Loaded {
    runtime::MethodMeta meta;
    std::vector<EValue> inputs, outputs, places;  // places: where outputs are wanted; None: in the module's memory
  };
  runtime::Result<Loaded*> find(const std::string& method);

  std::string file_;
  portfire::Module::Options options_;
  std::optional<portfire::Module> module_;
  std::unordered_map<std::string, Loaded> methods_;
};

}  // namespace portfire::extension
