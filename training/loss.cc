#include "training/loss.h"

namespace portfire::training {
namespace {

using ir::Builder;
using ir::Refusal;
using ir::Tensor;
using ir::Type;

constexpr int64_t kIgnored = -100;  // the class that does not count

bool of_classes(Loss loss) { return loss == Loss::cross_entropy || loss == Loss::nll; }

int64_t class_dim(const Options& o, const Type& prediction) {
  const int rank = prediction.rank();
  if (rank < 2) return 0;
  const int64_t dim = o.class_dim < 0 ? o.class_dim + rank : o.class_dim;
  if (dim < 0 || dim >= rank)
    throw Refusal{Code::bad_argument, "class dimension " + std::to_string(o.class_dim) + " of " + to_string(prediction)};
  return dim;
}

// Scores [n, classes] of a prediction whose classes lie along `dim`.
Tensor rows_of_scores(Builder& b, Tensor x, int64_t dim) {
  std::vector<int64_t> order;
  for (int64_t d = 0; d < x.rank(); ++d)
    if (d != dim) order.push_back(d);
  order.push_back(dim);
  const ir::Int classes = b.size(x, dim);
  if (dim + 1 != x.rank()) x = b.permute(x, order);
  return b.reshape(x, {ir::Int(-1), classes});
}

}  // namespace

Type target_type(const Options& o, const Type& prediction) {
  if (!prediction.is_tensor() || !is_floating(prediction.dtype))
    throw Refusal{Code::bad_argument, "output " + std::to_string(o.output) + " is " + to_string(prediction) + " (expected a floating tensor, for a loss)"};
  Type t = prediction;
  t.strides.clear();
  if (of_classes(o.loss)) {
    if (prediction.rank() == 0) throw Refusal{Code::bad_argument, "a loss of classes of one number (expected scores)"};
    t.dtype = DType::i64;
    t.sizes.erase(t.sizes.begin() + class_dim(o, prediction));
  }
  return t;
}

Tensor loss_of(Builder& b, const Options& o, Tensor x, Tensor target) {
  if (of_classes(o.loss)) {
    const int64_t dim = class_dim(o, x.type());
    b.call(*ir::find_op_info("portfire::check_classes"), {target, b.size(x, dim), kIgnored, "target"});
    if (x.rank() > 2) {
      x = rows_of_scores(b, x, dim);
      target = b.reshape(target, {ir::Int(-1)});
    }
  }
  switch (o.loss) {
    case Loss::cross_entropy: return b("aten::cross_entropy_loss", x, target);
    case Loss::nll: return b("aten::nll_loss_nd", x, target);
    case Loss::mse: return b("aten::mse_loss", x, target);
    case Loss::l1: return b("aten::l1_loss", x, target);
    case Loss::huber: return b("aten::huber_loss", x, target);
    case Loss::bce_with_logits: return b("aten::binary_cross_entropy_with_logits", x, target);
    case Loss::kl_div: return b("aten::kl_div", x, target);
    case Loss::output: break;
  }
  if (x.type().numel() == ir::Dim(1)) return x.rank() == 0 ? x : b.reshape(x, std::vector<ir::Int>{});
  throw Refusal{Code::bad_argument, "output " + std::to_string(o.output) + " is " + to_string(x.type()) + " (expected one number, the loss)"};
}

}  // namespace portfire::training
