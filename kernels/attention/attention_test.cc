#include "kernels/attention/attention.h"

#include "kernels/gemm/emulated_pairs.h"
#include "kernels/kernel_case.h"

namespace portfire {
namespace {

struct Shape4 {
  int64_t batch, heads, key_heads, queries, keys, depth, value_depth;
};
constexpr Shape4 kShapes[] = {{1, 1, 1, 1, 1, 1, 1},   {2, 3, 3, 7, 9, 8, 8},      {1, 4, 2, 65, 65, 16, 33},
                              {1, 2, 1, 50, 129, 64, 64}, {2, 2, 2, 13, 5, 20, 12}};

// Calls f(case) for all kinds of masks and shapes. Rounded: tensors have what bf16 has.
template <class F>
void sweep(std::string_view op, bool rounded, F f) {
  for (const Shape4& s : kShapes)
    for (const int mask : {0, 1, 2, 3}) {  // none, float, causal, bool
      KernelCase k(op);
      auto tensor = [&](const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides = {}) {
        k.tensor(sizes, strides);
        if (rounded) k.rounded();
      };
      tensor({s.batch, s.heads, s.queries, s.depth});
      // Keys as a view of [batch, keys, heads, depth].
      tensor({s.batch, s.key_heads, s.keys, s.depth}, {s.keys * s.key_heads * s.depth, s.depth, s.key_heads * s.depth, 1});
      tensor({s.batch, s.key_heads, s.keys, s.value_depth});
      std::vector<uint8_t> allowed(static_cast<size_t>(s.queries * s.keys));
      if (mask == 1) {
        k.tensor({s.batch, 1, s.queries, s.keys});
      } else if (mask == 3) {
        for (size_t i = 0; i < allowed.size(); ++i) allowed[i] = i % 3 != 1 || s.keys == 1;
        k.tensor({s.queries, s.keys});
        k.last() = TensorView::of(allowed.data(), DType::boolean, k.last().shape.dims());
      } else {
        k.none();
      }
      k.real(0).flag(mask == 2).none().flag(s.heads != s.key_heads);
      f(k);
    }
}

TEST(Attention, MasksCausalAndGroups) {
  sweep("aten::scaled_dot_product_attention", false, [](KernelCase& k) { k.expect_kernel_matches(); });
}

TEST(Attention, Gradient) {
  for (const Shape4& s : kShapes)
    for (const int mask : {0, 1, 2, 3})  // none, float, causal, bool
      for (Layout layout : {Layout::contiguous, Layout::transposed}) {
        KernelCase k("portfire::attention_backward");
        k.tensor(DType::f32, {s.batch, s.heads, s.queries, s.value_depth}, layout);
        k.tensor({s.batch, s.heads, s.queries, s.depth}, {s.queries * s.heads * s.depth, s.depth, s.heads * s.depth, 1});
        k.tensor({s.batch, s.key_heads, s.keys, s.depth}, {s.keys * s.key_heads * s.depth, s.depth, s.key_heads * s.depth, 1});
        k.tensor({s.batch, s.key_heads, s.keys, s.value_depth});
        std::vector<uint8_t> allowed(static_cast<size_t>(s.queries * s.keys));
        if (mask == 1) {
          k.tensor({s.batch, 1, s.queries, s.keys});
        } else if (mask == 3) {
          for (size_t i = 0; i < allowed.size(); ++i) allowed[i] = i % 3 != 1 && i >= static_cast<size_t>(s.keys);  // the first query sees nothing
          k.tensor({s.queries, s.keys});
          k.last() = TensorView::of(allowed.data(), DType::boolean, k.last().shape.dims());
        } else {
          k.none();
        }
        k.flag(mask == 2).none().flag(s.heads != s.key_heads).expect_kernel_matches();
      }
}

// The weights of the values are rounded as well, to 9 bits: some of it cancels.
constexpr double kRounded = 3e-3;

TEST(Attention, InBf16) {
  sweep("portfire::attention_bf16", true, [](KernelCase& k) { k.expect_kernel_matches(kRounded); });
}
TEST(Attention, InBf16Emulated) {
  const Kernel emulated[] = {{"portfire::attention_bf16", attention::kStateBytes,
                              [](const Operands& o, void* state, size_t* scratch) { return attention::prepare(o, state, scratch, gemm::emulated_unit()); }, attention::run}};
  sweep("portfire::attention_bf16", true, [&](KernelCase& k) { k.expect_kernel_matches(kRounded, emulated); });
}

}  // namespace
}  // namespace portfire
