// The operators of ExecuTorch's programs: variants that write to tensors they are given.
//
//   aten::add.out(self, other, alpha, out)          is   out = aten::add.Tensor(self, other, alpha)
//   aten::arange.start_out(start, end, step, out)   is   out = aten::arange.start_step(start, end, step, dtype of out)
//
// Most are named by rule, `X.out` for `X` and `X.Y_out` for `X.Y`, and take what the functional operator takes, outs last.
// The others have a line in a table here. No memory is taken: the names are views of what is given or of the table.
#pragma once

#include <cstdint>
#include <string_view>

namespace portfire::ops {

struct OutVariant {
  // The functional operator, "aten::add.Tensor": `op` and, where it is not empty, a dot and `overload`.
  std::string_view op, overload;
  // How the functional operator's arguments are made, one item for each (what is left out is None); empty: they are the
  // variant's own.
  //   0, 1, ...     the variant's argument of that place; [1]: a list of it alone
  //   =0            the integer
  //   dtype         that of the first out
  //   none, true, false, []
  std::string_view pattern;
  uint8_t args = 0;       // of the variant, before the outs; 0 where there is no pattern: as many as the functional operator's
  bool in_place = false;  // there is no out: argument 0 is written, and is the result

  // "aten::add.Tensor" into `buffer`; empty where it does not fit.
  std::string_view functional(char* buffer, size_t size) const;
};

// Whether an operator of that name ("aten::add.out") writes to tensors it is given, and what it stands for.
bool find_out_variant(std::string_view name, OutVariant* out);

// Calls f(item) for each item of a pattern.
template <class F>
void for_each_item(std::string_view pattern, F f) {
  while (!pattern.empty()) {
    const size_t end = pattern.find(' ');
    f(pattern.substr(0, end));
    pattern.remove_prefix(end == pattern.npos ? pattern.size() : end + 1);
  }
}

}  // namespace portfire::ops
