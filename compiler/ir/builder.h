// Builder: appends typed nodes to a graph. Passes use it to rewrite, operators to decompose.
//
// Each call infers the types of its results at once, with the operator's own shape rule. A call of
// a composite operator is decomposed on the spot. What cannot be built throws Refusal; the pass
// driver turns it into the Error that the user sees, with the operator and the line of Python.
//
// In a decomposition (`template <class G> static void decompose(G& g)`), arguments are read by
// their schema names and the answer is given with `g.result(...)`:
//
//   auto x = g.tensor("self");
//   g.result(x * g("aten::sigmoid", x));
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::ir {

struct Refusal {
  Code code;
  std::string text;
};

class Builder;

// A tensor of the graph being built.
struct Tensor {
  Builder* g = nullptr;
  ValueId id = kNoValue;

  explicit operator bool() const { return id != kNoValue; }  // false: an absent optional tensor
  const Type& type() const;
  DType dtype() const { return type().dtype; }
  int rank() const { return type().rank(); }
  operator Arg() const { return id == kNoValue ? Arg() : Arg(Ref{id}); }  // NOLINT
};

// An integer: known now, or computed when the program runs (symbolic sizes).
struct Int {
  Builder* g = nullptr;
  ValueId id = kNoValue;  // kNoValue: `fixed` is the number
  int64_t fixed = 0;

  Int() = default;
  Int(int64_t n) : fixed(n) {}  // NOLINT
  Int(int n) : fixed(n) {}      // NOLINT
  Int(size_t n) : fixed(static_cast<int64_t>(n)) {}  // NOLINT
  Int(Builder* builder, ValueId value) : g(builder), id(value) {}
  bool known() const { return id == kNoValue; }
  Dim samples() const;
  operator Arg() const { return known() ? Arg(fixed) : Arg(Ref{id}); }  // NOLINT
};
Int operator+(Int a, Int b);
Int operator-(Int a, Int b);
Int operator*(Int a, Int b);
Int floor_div(Int a, Int b);
Int operator%(Int a, Int b);  // Python's: the sign of b
Int max(Int a, Int b);
Int min(Int a, Int b);
// Equal under every assignment of the symbols (see Dim).
bool same(Int a, Int b);

class Builder {
 public:
  using Tensor = ir::Tensor;  // for decompositions, as `typename G::Tensor`
  using Int = ir::Int;

  explicit Builder(Graph* out) : graph_(out) {}

  Graph& graph() { return *graph_; }
  const Graph& graph() const { return *graph_; }
  uint32_t origin = 0;  // given to the nodes that are appended
  // What the export recorded of the result being rebuilt: the assignments of numbers that depend on
  // data cannot be inferred. Null: nothing known.
  const Type* hint = nullptr;

  // --- the arguments of the operator being decomposed, by schema name ---
  const Arg& arg(std::string_view name) const;       // to pass on as it is
  bool none(std::string_view name) const { return arg(name).none(); }
  Tensor tensor(std::string_view name);              // absent optionals give a false Tensor
  std::vector<Tensor> tensors(std::string_view name);  // absent items are false
  Int integer(std::string_view name);
  Int integer_or(std::string_view name, Int if_none);
  int64_t known_integer(std::string_view name);      // refuses a symbolic one
  std::vector<Int> ints(std::string_view name);      // empty where None
  std::vector<int64_t> known_ints(std::string_view name);
  // A list for each of `n` spatial dimensions: one item stands for all, none gives `if_empty`.
  std::vector<int64_t> spatial(std::string_view name, size_t n, int64_t if_empty);
  double real(std::string_view name);                // ints convert; refuses a symbolic one
  std::vector<double> reals(std::string_view name);
  bool boolean(std::string_view name, bool if_none = false);
  std::string string(std::string_view name);         // empty where None
  std::optional<DType> dtype(std::string_view name);
  // A dimension number in [0, rank), from one in [-rank, rank).
  int64_t dim(std::string_view name, int rank);

  void result(Tensor t) { results_ = {Arg(t)}; }
  void results(std::vector<Tensor> list);
  void result_int(Int i) { results_ = {Arg(i)}; }
  // The result is that of another operator called with the same arguments (aliases).
  void forward(std::string_view op);
  // The same in new memory: where `op` is a view and the result must not be one.
  void forward_copy(std::string_view op);

  // --- building ---
  // The first result of `op` ("aten::add.Tensor"). Trailing arguments with defaults may be left out.
  template <class... A>
  Tensor operator()(std::string_view op, const A&... args) {
    return one(op, {to_arg(args)...});
  }
  // All results, for operators with several or with a list.
  template <class... A>
  std::vector<Tensor> all(std::string_view op, const A&... args) {
    return many(op, {to_arg(args)...});
  }
  // Whether `op` would take these arguments (all of them) as they are; nothing is built.
  bool accepts(std::string_view op, const std::vector<Arg>& args) const;
  Tensor one(std::string_view op, std::vector<Arg> args);
  std::vector<Tensor> many(std::string_view op, std::vector<Arg> args);
  // The general form: arguments complete and in order; results as Args (Ref, or a folded int).
  std::vector<Arg> call(const OpInfo& op, std::vector<Arg> args);
  // The same, decomposed even where it could stay.
  std::vector<Arg> decomposed(const OpInfo& op, std::vector<Arg> args);
  // A node with types given by the caller; nothing is inferred, decomposed or checked.
  std::vector<ValueId> append(const OpInfo& op, std::vector<Arg> args, std::vector<Type> types);

  // Sizes. Known where static; else a node that reads it when the program runs.
  Int size(Tensor t, int64_t d);  // negative d counts from the back
  std::vector<Int> sizes(Tensor t);
  Int numel(Tensor t);
  // The one element of `t` as a size. Nothing is known of it but that it is at least `lower`.
  Int item(Tensor t, int64_t lower = 0);
  Int item(Tensor t, const Dim& samples);  // it stays within these
  Int scaled(Int n, double factor);             // trunc(n * factor)

  // Frequent helpers.
  Tensor cast(Tensor t, DType to);                     // itself where it is that type already
  Tensor full(const std::vector<Int>& sizes, Arg value, DType dtype);
  Tensor scalar_tensor(Arg value, DType dtype);        // rank 0
  Tensor constant(DType dtype, const std::vector<int64_t>& sizes, const void* data);  // copies
  Tensor reshape(Tensor t, const std::vector<Int>& sizes);  // a view, or a copy where none exists
  Tensor permute(Tensor t, const std::vector<int64_t>& dims);
  Tensor contiguous(Tensor t);                         // itself where it is so already
  Tensor where(Tensor condition, Arg a, Arg b);        // a, b: tensors or numbers

  [[noreturn]] void refuse(std::string why) const;     // what cannot be compiled, and why
  [[noreturn]] void reject(std::string why) const;     // what is wrong in the program itself

  static Arg to_arg(const Arg& a) { return a; }
  static Arg to_arg(const Tensor& t) { return t; }
  static Arg to_arg(const Int& i) { return i; }
  template <class T>
  static Arg to_arg(const std::vector<T>& list) {
    Arg::List l;
    for (const T& item : list) l.push_back(to_arg(item));
    return Arg(std::move(l));
  }
  template <class T>
  static Arg to_arg(const T& plain) {
    return Arg(plain);
  }
  template <class... T>
  static Arg list(const T&... items) {
    return Arg(Arg::List{to_arg(items)...});
  }

 protected:
  struct Frame {
    const OpInfo* op = nullptr;
    const std::vector<Arg>* args = nullptr;
  };
  Frame frame_;  // the call whose arguments are read

 private:
  bool is_optional(std::string_view arg) const;
  const OpInfo* wrap_numbers(const OpInfo* op, std::vector<Arg>& args);
  std::vector<Arg> symbolic(const OpInfo& op, std::vector<Arg> args);
  Graph* graph_;
  int depth_ = 0;
  std::vector<Arg> results_;
  std::map<std::pair<ValueId, int64_t>, ValueId> known_sizes_;
};

Tensor operator+(Tensor a, Tensor b);
Tensor operator-(Tensor a, Tensor b);
Tensor operator*(Tensor a, Tensor b);
Tensor operator/(Tensor a, Tensor b);
Tensor operator-(Tensor a);
// With plain numbers, under PyTorch's promotion (an int does not make an int tensor floating).
Tensor operator+(Tensor a, Arg b);
Tensor operator-(Tensor a, Arg b);
Tensor operator*(Tensor a, Arg b);
Tensor operator/(Tensor a, Arg b);

}  // namespace portfire::ir
