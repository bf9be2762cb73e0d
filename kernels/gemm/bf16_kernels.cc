// Matrix products of bf16 tensors by instructions for bf16 pairs, where the CPU has them: the left side is read where it
// lies, the right side is packed, sums are of f32. wide_kernels.cc takes vectors, and other machines.
#include <algorithm>

#include "kernels/gemm/elements.h"
#include "kernels/gemm/matrix_plan.h"
#include "kernels/gemm/pairs.h"
#include "kernels/thread_pool.h"

namespace portfire::gemm {
namespace {

constexpr int64_t kRowsAtOnce = 16 * kPairRows, kColumnsAtOnce = 1024;
constexpr int64_t kWidth32 = static_cast<int64_t>(kPanel);
constexpr int64_t kPackGrain = 8;  // panels of kPanel columns

// How a product is cut, and what of scratch it takes, in bytes.
struct Cut {
  int64_t k, columns;            // even; of sums at a time
  bool copies;                   // rows of A do not lie as pairs
  bool by_item;                  // each thread packs for itself
  int64_t rows;                  // at a time
  size_t packed, copied, thread;  // right side of an item; rows of A; all of a thread
};

Cut cut(const MatrixPlan& p, int64_t threads) {
  Cut c{};
  c.k = round_up(p.k, 2);
  c.columns = std::min(kColumnsAtOnce, round_up(p.n, kWidth32));
  c.copies = p.k % 2 != 0 || p.a.column != 1 || p.a.row <= 0;
  c.by_item = p.batch >= threads;
  c.rows = std::min(kRowsAtOnce, c.by_item ? p.m : round_up((p.m + threads - 1) / threads, static_cast<int64_t>(kPairRows)));
  c.packed = static_cast<size_t>(round_up(p.n, kPairPanel) * c.k) * sizeof(uint16_t);
  c.copied = c.copies ? static_cast<size_t>(round_up(c.rows * c.k, 32)) * sizeof(uint16_t) : 0;
  c.thread = c.copied + static_cast<size_t>(c.rows * c.columns) * sizeof(float) + (c.by_item ? c.packed : 0);
  return c;
}

const uint16_t* numbers(const Matrix& m, int64_t item, int64_t row, int64_t column) { return reinterpret_cast<const uint16_t*>(m.at(item, row, column)); }

// Rows of A as pairs, a zero behind an odd one.
void copy_rows(const MatrixPlan& p, int64_t item, int64_t first, int64_t rows, int64_t k, uint16_t* to) {
  for (int64_t i = 0; i < rows; ++i, to += k) {
    const uint16_t* from = numbers(p.a, item, first + i, 0);
    for (int64_t j = 0; j < p.k; ++j) to[j] = from[j * p.a.column];
    if (k > p.k) to[p.k] = 0;
  }
}

struct Rows {
  const MatrixPlan& p;
  const Cut& c;
  const PairUnit& unit;
  bool plain;  // sums only become bf16
};

void run_rows(const Rows& r, int64_t item, int64_t first, int64_t rows, const uint16_t* packed, std::byte* memory, Writer<float>& writer) {
  const MatrixPlan& p = r.p;
  const uint16_t* a = numbers(p.a, item, first, 0);
  auto* const sums = reinterpret_cast<float*>(memory + r.c.copied);
  int64_t step = p.a.row;
  if (r.c.copies) {
    auto* copy = reinterpret_cast<uint16_t*>(memory);
    copy_rows(p, item, first, rows, r.c.k, copy);
    a = copy;
    step = r.c.k;
  }
  for (int64_t j = 0; j < p.n; j += r.c.columns) {
    const int64_t columns = std::min(r.c.columns, p.n - j);
    const Product product{static_cast<size_t>(rows), static_cast<size_t>(columns), static_cast<size_t>(r.c.k), 1, nullptr, nullptr, sums, static_cast<size_t>(r.c.columns), {}, static_cast<size_t>(step)};
    run_pairs(r.unit, product, {packed + j * r.c.k, nullptr, 0, &a}, 0, static_cast<size_t>((columns + kWidth32 - 1) / kWidth32));
    const bool whole = r.plain && columns == p.c.row && columns == r.c.columns;  // rows without gaps, as those of sums
    if (whole) r.unit.round(sums, static_cast<size_t>(rows * columns), const_cast<uint16_t*>(numbers(p.c, item, first, j)));
    for (int64_t i = 0; !whole && i < rows; ++i) {
      const float* from = sums + i * r.c.columns;
      if (r.plain)
        r.unit.round(from, static_cast<size_t>(columns), const_cast<uint16_t*>(numbers(p.c, item, first + i, j)));
      else
        writer.put(item, first + i, j, from, columns);
    }
  }
}

// Panels of kPanel columns [first, last) of an item's right side.
void pack_item(const Rows& r, int64_t item, int64_t first, int64_t last, uint16_t* packed) {
  const int64_t j = first * kWidth32, end = std::min(r.p.n, last * kWidth32);
  pack_pairs(r.unit, numbers(r.p.b, item, 0, j), r.p.b.row, r.p.b.column, static_cast<size_t>(r.p.k), static_cast<size_t>(end - j), packed + j * r.c.k);
}

void run_product(const MatrixPlan& p, const Operands& o, const KernelContext& context) {
  const size_t threads = o.threads;
  const Cut c = cut(p, static_cast<int64_t>(threads));
  const Rows r{p, c, *pair_unit(), p.alpha.as_double() == 1 && !p.self.tensor && p.c.column == 1};
  const int64_t blocks = (p.m + c.rows - 1) / c.rows, panels = (p.n + kWidth32 - 1) / kWidth32;
  auto* const shared = reinterpret_cast<uint16_t*>(context.scratch.data());
  const auto rows = [&](int64_t item, int64_t block, const uint16_t* packed, std::byte* memory, Writer<float>& writer) {
    run_rows(r, item, block * c.rows, std::min(c.rows, p.m - block * c.rows), packed, memory, writer);
  };
  if (c.by_item) {
    const int64_t tasks = std::min(p.batch, threads == 1 ? 1 : static_cast<int64_t>(threads) * 4);
    return parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t worker) {
      std::byte* const memory = context.scratch.data() + worker * c.thread;
      auto* const packed = reinterpret_cast<uint16_t*>(memory + c.thread - c.packed);
      Writer<float> writer(p);
      for (int64_t item = p.batch * static_cast<int64_t>(task) / tasks; item < p.batch * static_cast<int64_t>(task + 1) / tasks; ++item) {
        pack_item(r, item, 0, panels, packed);
        for (int64_t b = 0; b < blocks; ++b) rows(item, b, packed, memory, writer);
      }
    });
  }
  for (int64_t item = 0; item < p.batch; ++item) {
    parallel(context.pool, static_cast<size_t>((panels + kPackGrain - 1) / kPackGrain), [&](size_t t, size_t) {
      const int64_t first = static_cast<int64_t>(t) * kPackGrain;
      pack_item(r, item, first, std::min(panels, first + kPackGrain), shared);
    });
    parallel(context.pool, static_cast<size_t>(blocks), [&](size_t b, size_t worker) {
      Writer<float> writer(p);
      rows(item, static_cast<int64_t>(b), shared, context.scratch.data() + c.packed + worker * c.thread, writer);
    });
  }
}

template <MatrixPlanFn plan>
bool prepare(const Operands& o, void*, size_t* scratch) {
  MatrixPlan p;
  if (!pair_unit() || o.out(0).dtype != DType::bf16 || !plan(o, &p) || is_vector(p) || (p.b.row != 1 && p.b.column != 1)) return false;
  const Cut c = cut(p, static_cast<int64_t>(o.threads));
  *scratch = c.thread * o.threads + (c.by_item ? 0 : c.packed);
  return true;
}

}  // namespace

extern const Kernel kBf16Mm, kBf16Bmm, kBf16Addmm, kBf16Linear;
const Kernel kBf16Mm = {"aten::mm", 0, prepare<plan_mm>, run_planned<plan_mm, run_product>};
const Kernel kBf16Bmm = {"aten::bmm", 0, prepare<plan_mm>, run_planned<plan_mm, run_product>};
const Kernel kBf16Addmm = {"aten::addmm", 0, prepare<plan_addmm>, run_planned<plan_addmm, run_product>};
const Kernel kBf16Linear = {"aten::linear", 0, prepare<plan_linear>, run_planned<plan_linear, run_product>};

}  // namespace portfire::gemm
