// `portfire train`: a training program on arrays.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "cli/batches.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/schedule.h"
#include "cli/text.h"
#include "ops/element.h"
#include "portfire/trainer.h"

namespace portfire::cli {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

// How many of the first `rows` rows of scores [n, classes] are largest at the target's class; -1 where these are no such tensors.
int64_t hits(const TensorView& scores, const TensorView& target, int64_t rows) {
  if (scores.rank() != 2 || target.rank() != 1 || target.dtype != DType::i64 || !is_floating(scores.dtype) || scores.size(0) != target.size(0)) return -1;
  int64_t count = 0;
  for (int64_t r = 0; r < rows; ++r) {
    int64_t best = 0;
    for (int64_t c = 1; c < scores.size(1); ++c)
      if (ops::load_real(scores, r * scores.strides[0] + c * scores.strides[1]) > ops::load_real(scores, r * scores.strides[0] + best * scores.strides[1])) best = c;
    count += best == ops::load_int(target, r * target.strides[0]);
  }
  return count;
}

class Run {
 public:
  Run(const TrainCommand& c, Trainer trainer) : c_(c), trainer_(std::move(trainer)) {}

  Error run() {
    PF_TRY(prepare());
    Progress progress(steps_);
    Error failed;
    const auto first = static_cast<int64_t>(trainer_.cursor.epoch) * batches_->count() + static_cast<int64_t>(trainer_.cursor.position);
    for (int64_t step = first; step < steps_ && !stop_asked && !failed; ++step) failed = one_step(step, progress);
    if (!failed && !stop_asked && steps_ > first) progress.say(fmt::format("{} steps in {:.1f} s, {:.3g} a second", steps_ - first, progress.seconds(), static_cast<double>(steps_ - first) / progress.seconds()));
    if (stop_asked) progress.say("stopped; what was learned is kept");
    // What led to an error is not part of the state: it is as after the step before.
    if (!c_.save.empty()) PF_TRY(trainer_.save(c_.save.c_str()));
    if (!c_.curve.empty()) PF_TRY(write_curve(c_.curve, curve_));
    if (log_.is_open() && !log_.flush()) return Error::make(Code::io, "%s: cannot write", c_.log.c_str());
    return failed;
  }

 private:
  Error prepare() {
    std::vector<std::string> paths = c_.data;
    if (!c_.target.empty()) paths.push_back(c_.target);
    PF_ASSIGN(Batches training, Batches::open(paths, trainer_.inputs(), c_.batch));
    batches_ = std::make_unique<Batches>(std::move(training));
    if (batches_->count() < 1)
      return Error::make(Code::bad_argument, "train: %lld rows are less than a batch of %lld", static_cast<long long>(batches_->rows()), static_cast<long long>(batches_->batch()));
    if (!c_.validate.empty()) {
      PF_ASSIGN(Batches held_out, Batches::open(split(c_.validate), trainer_.inputs(), c_.batch));
      validation_ = std::make_unique<Batches>(std::move(held_out));
    }
    steps_ = c_.epochs * batches_->count();
    PF_ASSIGN(schedule_, Schedule::parse(c_.rate, steps_, batches_->count()));
    for (const std::string& h : c_.hyperparameters) {
      std::string_view name;
      double value;
      if (!assignment(h, &name, &value)) return Error::make(Code::bad_argument, "train: --hyper %s (expected NAME=NUMBER)", h.c_str());
      PF_TRY(trainer_.set_hyperparameter(name, value));
    }
    trainer_.cursor.seed = c_.seed;
    if (!c_.resume.empty()) PF_TRY(trainer_.resume(c_.resume.c_str()));
    if (!c_.log.empty()) {
      log_.open(c_.log, c_.resume.empty() ? std::ios::trunc : std::ios::app);
      if (!log_) return Error::make(Code::io, "%s: cannot write", c_.log.c_str());
    }
    return {};
  }

  Error one_step(int64_t step, Progress& progress) {
    const int64_t count = batches_->count(), epoch = step / count, position = step % count;
    if (epoch != shuffled_) {
      if (!c_.in_order) batches_->shuffle(trainer_.cursor.seed, static_cast<uint64_t>(epoch));
      shuffled_ = epoch;
    }
    const double rate = schedule_.rate(step);
    int64_t used;
    const auto begin = std::chrono::steady_clock::now();
    PF_ASSIGN(const Trainer::Answer a, trainer_.step(batches_->get(position, &used), static_cast<float>(rate)));
    const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - begin;
    trainer_.cursor.epoch = static_cast<uint64_t>((step + 1) / count);
    trainer_.cursor.position = static_cast<uint64_t>((step + 1) % count);
    curve_.losses.emplace_back(step + 1, a.loss);
    epoch_loss_ += a.loss;
    ++epoch_steps_;
    if (log_.is_open()) log_ << fmt::format("{{\"step\": {}, \"epoch\": {}, \"loss\": {:.9g}, \"lr\": {:.9g}, \"ms\": {:.3f}}}\n", step + 1, epoch, a.loss, rate, ms.count());
    progress.show(step, a.loss, rate);
    if (c_.save_every > 0 && (step + 1) % c_.save_every == 0 && !c_.save.empty()) PF_TRY(trainer_.save(c_.save.c_str()));
    return position + 1 == count ? end_of_epoch(step, epoch, progress) : Error();
  }

  Error end_of_epoch(int64_t step, int64_t epoch, Progress& progress) {
    std::string line = fmt::format("epoch {}/{}  loss {:.4f}", epoch + 1, c_.epochs, epoch_loss_ / static_cast<double>(epoch_steps_));
    epoch_loss_ = 0;
    epoch_steps_ = 0;
    if (validation_) {
      PF_ASSIGN(const Score s, validate());
      curve_.validations.emplace_back(step + 1, s.loss);
      line += fmt::format("  validation loss {:.4f}", s.loss);
      if (s.accuracy >= 0) line += fmt::format(", accuracy {:.2f}%", 100 * s.accuracy);
      if (log_.is_open()) {
        log_ << fmt::format("{{\"step\": {}, \"validation_loss\": {:.9g}", step + 1, s.loss);
        if (s.accuracy >= 0) log_ << fmt::format(", \"accuracy\": {:.6f}", s.accuracy);
        log_ << "}\n";
      }
    }
    progress.say(line);
    return {};
  }

  struct Score {
    double loss, accuracy;  // accuracy -1: the model gives no scores of classes
  };
  // Over all rows. A batch that had to be filled up counts for the accuracy with its own rows, for the loss only where there is no other.
  Result<Score> validate() {
    double loss = 0, filled_up = 0;
    int64_t rows = 0, right = 0;
    for (int64_t k = 0; k < validation_->padded_count(); ++k) {
      int64_t used;
      const std::span<const TensorView> batch = validation_->get(k, &used);
      PF_ASSIGN(const Trainer::Answer a, trainer_.evaluate(batch));
      const bool whole = used == batch[0].size(0);
      if (whole) {
        loss += a.loss * static_cast<double>(used);
        rows += used;
      } else {
        filled_up = a.loss;
      }
      const int64_t h = a.outputs.empty() ? -1 : hits(a.outputs[0], batch.back(), used);
      right = h < 0 || right < 0 ? -1 : right + h;
    }
    return Score{rows ? loss / static_cast<double>(rows) : filled_up, right < 0 ? -1 : static_cast<double>(right) / static_cast<double>(validation_->rows())};
  }

  const TrainCommand& c_;
  Trainer trainer_;
  std::unique_ptr<Batches> batches_, validation_;
  Schedule schedule_;
  int64_t steps_ = 0, shuffled_ = -1;
  Curve curve_;
  std::ofstream log_;
  double epoch_loss_ = 0;
  int64_t epoch_steps_ = 0;
};

}  // namespace

int train(const TrainCommand& c) {
  std::signal(SIGINT, [](int) { stop_asked = 1; });
  Result<Trainer> trainer = Trainer::open(c.model.c_str(), {.threads = c.threads, .seed = c.seed});
  if (!trainer.ok()) return report(trainer.error());
  return report(Run(c, *std::move(trainer)).run());
}

}  // namespace portfire::cli
