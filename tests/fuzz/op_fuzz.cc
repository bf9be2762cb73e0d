// One call of one operator with arguments made from the input: any kinds that the schema allows, small tensors of any
// dtype and strides, hostile numbers. Shape rule, view or reference, and every kernel that takes the call must
// stay inside the tensors, whose memory is exactly as large as they say.
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "kernels/kernel.h"
#include "ops/element.h"
#include "ops/schema_kinds.h"
#include "ops/sym.h"
#include "tests/fuzz/random.h"

namespace portfire::fuzz {
namespace {

constexpr int64_t kMaxElements = 1 << 14;
constexpr size_t kMaxScratch = 16 << 20;
constexpr const char* kWords[] = {"none", "floor", "trunc", "tanh", "sum", "mean", "reflect", "constant", "replicate", "circular",
                                  "linear", "lower", "higher", "midpoint", "nearest", "left", "prod", "amax", "x", ""};

const std::vector<const Op*>& all_ops() {
  static const std::vector<const Op*> list = [] {
    std::vector<const Op*> ops;
    for (const OpTable& table : op_tables())
      for (size_t i = 0; i < table.count; ++i) ops.push_back(&table.ops[i]);
    return ops;
  }();
  return list;
}

// Memory of exactly `bytes`, as aligned as an arena's, so that the sanitizer sees the first byte outside.
std::shared_ptr<void> memory(size_t bytes) {
  void* p = nullptr;
  PF_CHECK(posix_memalign(&p, 64, bytes) == 0);
  if (bytes) std::memset(p, 0, bytes);
  return {p, free};
}

class Maker {
 public:
  explicit Maker(Choices& choices) : c_(choices) {}

  Value value(std::string_view type) {
    const size_t bracket = type.find('['), question = type.rfind('?');
    const bool list = bracket != type.npos;
    if (question != type.npos && (!list || question > bracket) && c_.one_in(3)) return {};
    if (type.starts_with("Tensor")) return list ? tensors(type.find("?[") != type.npos) : Value::of(tensor());
    if (list && (type.starts_with("float") || type.starts_with("Scalar"))) return reals();
    if (list && type.starts_with("bool")) return booleans();
    if (list) return ints();
    if (type.starts_with("str")) return Value::of(std::string_view(c_.of(kWords)));
    if (type.starts_with("ScalarType")) return Value::of(static_cast<int64_t>(dtype()));
    if (type.starts_with("Layout") || type.starts_with("Device") || type.starts_with("MemoryFormat")) return Value::of(int64_t{c_.byte() % 4});
    if (type.starts_with("bool")) return Value::of(c_.one_in(2));
    if (type.starts_with("float")) return Value::of(real());
    if (!type.starts_with("Scalar")) return Value::of(integer());
    switch (c_.below(3)) {
      case 0: return Value::of(integer());
      case 1: return Value::of(real());
      default: return Value::of(c_.one_in(2));
    }
  }

  TensorView* with_memory(const TensorSpec& spec) {
    TensorView t;
    t.dtype = spec.dtype;
    t.shape = spec.shape;
    t.set_contiguous();
    held_.push_back(memory(t.bytes()));
    t.data = held_.back().get();
    return &tensors_.emplace_back(t);
  }

  // Weights of k x n for packed operators, which do not come by chance; mostly of f32 and bf16.
  Value panels(int64_t k, int64_t n) {
    TensorSpec spec;
    spec.dtype = c_.one_in(16) ? dtype() : c_.one_in(2) ? DType::bf16 : DType::f32;
    const bool pairs = spec.dtype == DType::bf16;
    for (const int64_t size : {pairs ? (n + 15) / 16 : (n + 31) / 32, pairs ? (k + 1) / 2 : k, pairs ? int64_t{16} : int64_t{32}}) spec.shape.push(size);
    if (pairs) spec.shape.push(2);
    int64_t bytes;
    return checked_bytes(spec.dtype, spec.shape, &bytes) && bytes <= kMaxElements * 16 ? Value::of(with_memory(spec)) : Value::of(tensor());
  }
  Value small_floats(size_t rank) {
    TensorSpec spec;
    spec.dtype = DType::f32;
    while (rank-- > 0) spec.shape.push(c_.byte() % 7);
    return Value::of(with_memory(spec));
  }
  Value small_ints(size_t count, int64_t least) {
    auto& list = ints_.emplace_back();
    while (list.size() < count) list.push_back(least + c_.byte() % 3);
    return Value::of(IntList{list.data(), static_cast<uint32_t>(list.size())});
  }

  std::span<std::byte> scratch(size_t bytes) {
    held_.push_back(memory(bytes));
    return {static_cast<std::byte*>(held_.back().get()), bytes};
  }

 private:
  DType dtype() {
    static constexpr DType kAll[] = {DType::f32, DType::f32, DType::f32, DType::i64, DType::i64,  DType::boolean, DType::f64, DType::i32,
                                     DType::u8,  DType::i8,  DType::i16, DType::f16, DType::bf16, DType::c64,     DType::c128, DType::u16};
    return c_.of(kAll);
  }
  int64_t integer() {
    const uint8_t b = c_.byte();
    return b < 224 ? b % 10 - 2 : kHostile[b % std::size(kHostile)];
  }
  double real() {
    static constexpr double kReals[] = {0, 1, 0.5, -1, 2, 1e-5, 1e30, -1e300, __builtin_inf(), -__builtin_inf(), __builtin_nan("")};
    return c_.of(kReals);
  }

  // Up to four dimensions, their strides dense in any order, or 0 where repeated.
  TensorView* tensor() {
    // Often the type of an earlier one: most operators want them to agree.
    TensorView t;
    const bool again = !tensors_.empty() && c_.one_in(2);
    t.dtype = again ? tensors_.front().dtype : dtype();
    if (again && c_.one_in(2)) {
      t.shape = tensors_.front().shape;
    } else {
      for (size_t rank = c_.below(5); rank > 0; --rank) t.shape.push(c_.one_in(12) ? c_.byte() % 40 : c_.byte() % 5);
    }
    int order[kMaxRank];
    for (int d = 0; d < t.rank(); ++d) order[d] = d;
    for (int d = t.rank() - 1; d > 0 && c_.one_in(3); --d) std::swap(order[d], order[c_.below(static_cast<size_t>(d) + 1)]);
    int64_t elements = 1;
    for (int d = t.rank() - 1; d >= 0; --d) {
      const int64_t size = t.size(order[d]);
      const bool repeated = c_.one_in(16);
      t.strides[order[d]] = repeated ? 0 : elements;
      if (!repeated) elements *= size > 0 ? size : 1;
    }
    if (t.numel() == 0) elements = 0;
    const size_t bytes = static_cast<size_t>(elements) * byte_size(t.dtype);
    held_.push_back(memory(bytes));
    t.data = held_.back().get();
    if (const uint8_t kind = c_.byte(); kind % 4 == 0 && t.dtype != DType::boolean) {
      for (size_t i = 0; i < bytes; ++i) t.as<uint8_t>()[i] = c_.done() ? static_cast<uint8_t>(i * kind) : c_.byte();
    } else {
      for (int64_t i = 0; i < elements; ++i) ops::store_int(t, i, kind % 4 == 1 ? integer() : (i * kind) % 5);
    }
    return &tensors_.emplace_back(t);
  }
  Value tensors(bool optional) {
    auto& list = tensor_lists_.emplace_back();
    for (size_t n = c_.below(4); n > 0; --n) list.push_back(optional && c_.one_in(3) ? nullptr : tensor());
    return Value::of(std::span<TensorView* const>(list));
  }
  Value ints() {
    auto& list = ints_.emplace_back();
    for (size_t n = c_.below(6); n > 0; --n) list.push_back(integer());
    return Value::of(IntList{list.data(), static_cast<uint32_t>(list.size())});
  }
  Value reals() {
    auto& list = reals_.emplace_back();
    for (size_t n = c_.below(4); n > 0; --n) list.push_back(real());
    return Value::of(std::span<const double>(list));
  }
  Value booleans() {
    static constexpr bool kPattern[] = {true, false, true, true};
    return Value::of(std::span<const bool>(kPattern, c_.below(5)));
  }

  Choices& c_;
  std::deque<TensorView> tensors_;
  std::deque<std::vector<TensorView*>> tensor_lists_;
  std::deque<std::vector<int64_t>> ints_;
  std::deque<std::vector<double>> reals_;
  std::vector<std::shared_ptr<void>> held_;
};

void touch(const TensorView& t) {
  if (t.numel() > kMaxElements) return;
  volatile uint8_t sum = 0;
  for (ops::Index at(t.shape); at.valid(); at.next())
    for (size_t byte = 0; byte < byte_size(t.dtype); ++byte)
      sum = sum + t.as<uint8_t>()[at.offset(t) * static_cast<int64_t>(byte_size(t.dtype)) + static_cast<int64_t>(byte)];
}

void run_kernels(const Op& op, const Operands& operands, Maker& maker, uint64_t* counter) {
  for (const Kernel& kernel : all_kernels()) {
    if (kernel.op != op.name()) continue;
    const auto state = maker.scratch(kernel.state_bytes);
    size_t bytes = 0;
    if (!kernel.prepare(operands, state.data(), &bytes) || bytes > kMaxScratch) continue;
    (void)kernel.run(state.data(), operands, {nullptr, maker.scratch(bytes), counter});
  }
}

// Makes arguments of packed products fit each other, apart from what they share with other operators.
void fit_packed(const Op& op, Maker& maker, Choices& choices, std::vector<Value>& values) {
  const bool linear = op.name() == "portfire::packed_linear";
  if (!linear && op.name() != "portfire::packed_conv2d") return;
  if (choices.one_in(8)) return;
  if (!choices.one_in(4)) values[0] = maker.small_floats(linear ? 1 + choices.below(3) : 4);
  const TensorView& x = *values[0].tensor;
  if (x.rank() == 0) return;
  static constexpr const char* kActivations[] = {"", "relu", "gelu", "silu", "clamp"};
  values[linear ? 5 : 9] = Value::of(std::string_view(choices.of(kActivations)));
  int64_t k = x.size(x.rank() - 1);
  values[2] = values[3] = Value();
  values[4] = Value::of(int64_t{choices.byte() % 40});
  if (!linear) {
    for (const auto& [at, count] : {std::pair<size_t, size_t>{5, 2}, {6, 2}, {7, 4}, {8, 2}}) values[at] = maker.small_ints(count, at == 7 ? 0 : 1);
    k *= values[5].ints.data[0] * values[5].ints.data[1];
  }
  values[1] = maker.panels(k, values[4].integer);
}

void call(const Op& op, Choices& choices) {
  Maker maker(choices);
  std::vector<Value> values;
  for_each_argument(op.schema, [&](size_t, std::string_view type) { values.push_back(maker.value(type)); });
  fit_packed(op, maker, choices, values);
  std::vector<const Value*> args;
  for (const Value& v : values) args.push_back(&v);
  PF_CHECK(!check_kinds(op.schema, args));
  uint64_t counter = 0;
  if (ops::sym::is_sym_op(op.name())) {
    Value out;
    (void)ops::sym::evaluate(op.name(), Args(args), &out);
    return;
  }
  if (op.view) {
    TensorView out;
    if (!op.view(Args(args), out)) touch(out);
    return;
  }
  TensorSpec specs[16];
  PF_CHECK(op.outs <= std::size(specs));
  if (op.infer(Args(args), {specs, op.outs})) return;
  std::vector<TensorView*> outs;
  for (size_t k = 0; k < op.outs; ++k) {
    int64_t bytes;
    if (!checked_bytes(specs[k].dtype, specs[k].shape, &bytes) || bytes > kMaxElements * 16) return;
    outs.push_back(maker.with_memory(specs[k]));
  }
  run_kernels(op, Operands{args, outs}, maker, &counter);
  const size_t scratch = op.scratch ? op.scratch(Args(args)) : 0;
  if (scratch > kMaxScratch) return;
  std::vector<TensorView> results;
  for (const TensorView* t : outs) results.push_back(*t);
  if (op.reference(Args(args, {maker.scratch(scratch), &counter}), results)) return;
  for (size_t k = 0; k < results.size(); ++k) PF_CHECK(results[k].bytes() <= outs[k]->bytes());
}

}  // namespace
}  // namespace portfire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace portfire::fuzz;
  if (size < 2) return 0;
  Choices choices(data, size);
  const auto& ops = all_ops();
  const portfire::Op& op = *ops[choices.below(ops.size())];
  if (std::getenv("PORTFIRE_DEBUG")) fprintf(stderr, "%.*s\n", static_cast<int>(op.name().size()), op.name().data());
  call(op, choices);
  return 0;
}
