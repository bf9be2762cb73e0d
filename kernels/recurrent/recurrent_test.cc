#include "kernels/kernel_case.h"

namespace portfire {
namespace {

// Weights as matrices and as panels (both random: kernel and reference read the same), any hidden sizes.
TEST(Recurrent, LayersMatchTheirReference) {
  for (const int64_t hidden : {1, 5, 16, 33})
    for (const int64_t batch : {1, 3})
      for (const bool panels : {false, true})
        for (const bool reverse : {false, true}) {
          auto matrix = [&](KernelCase& k, int64_t rows, int64_t columns) {
            panels ? k.tensor({(rows + 31) / 32, columns, 32}) : k.tensor({rows, columns});
          };
          KernelCase lstm("portfire::lstm_layer"), gru("portfire::gru_layer"), rnn("portfire::rnn_layer");
          lstm.tensor({4, batch, 4 * hidden}).tensor({batch, hidden}).tensor({batch, hidden});
          matrix(lstm, 4 * hidden, hidden);
          lstm.none().none().flag(reverse).expect_kernel_matches();
          gru.tensor({4, batch, 3 * hidden}).tensor({batch, hidden});
          matrix(gru, 3 * hidden, hidden);
          gru.tensor({3 * hidden}).none().flag(reverse).expect_kernel_matches();
          rnn.tensor({4, batch, hidden}).tensor({batch, hidden});
          matrix(rnn, hidden, hidden);
          rnn.none().flag(reverse).flag(!reverse).expect_kernel_matches();
        }
}

TEST(Recurrent, ProjectionAndPackedSequences) {
  for (const bool reverse : {false, true}) {
    KernelCase k("portfire::lstm_layer");
    k.tensor({6, 40}).tensor({3, 4}).tensor({3, 10}).tensor({40, 4}).tensor({4, 10});
    static int64_t sizes[] = {3, 2, 1};
    k.tensor({3});
    k.last() = TensorView::of(sizes, {3});
    k.flag(reverse).expect_kernel_matches();
  }
}

}  // namespace
}  // namespace portfire
