// Rows of arrays in batches, in an order that a seed and the number of the epoch give.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/npy.h"
#include "portfire/trainer.h"

namespace portfire::cli {

class Batches {
 public:
  // `paths`: an array for each of `inputs`, with rows along dimension 0, all of them as many. `batch`: rows at a time; 0: as many as the
  // program takes. Values are converted where the program wants another floating dtype. Code::bad_argument names the file.
  static Result<Batches> open(const std::vector<std::string>& paths, std::span<const TensorInfo> inputs, int64_t batch);

  int64_t rows() const { return rows_; }
  int64_t batch() const { return batch_; }
  // Of an epoch. The last may be smaller; where the program takes whole batches only, what is left over is not used.
  int64_t count() const { return dynamic_ ? (rows_ + batch_ - 1) / batch_ : rows_ / batch_; }
  // The same with what is left over, filled up with the last row.
  int64_t padded_count() const { return (rows_ + batch_ - 1) / batch_; }

  void shuffle(uint64_t seed, uint64_t epoch);
  // Batch k; `*used`: how many of its rows are not filled up. Good until the next call.
  std::span<const TensorView> get(int64_t k, int64_t* used);

 private:
  std::vector<Array> arrays_, taken_;
  std::vector<TensorView> views_;
  std::vector<int64_t> order_;
  int64_t rows_ = 0, batch_ = 0;
  bool dynamic_ = false;
};

}  // namespace portfire::cli
