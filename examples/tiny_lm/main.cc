// Trains a small language model on bytes of text, then writes some.
// Usage: tiny_lm PROGRAM.train.pte TEXT STEPS OUT.ptd [LOSSES.txt]
// The program takes ids [batch, length] and gives scores [batch, length, 256]; LOSSES.txt has PyTorch's losses of the first steps, a line
// each, to compare with. prepare.py makes the files, run.sh shows the whole way.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <portfire/portfire.h>

namespace {

constexpr float kRate = 1e-3f;

[[noreturn]] void stop(const portfire::Error& e) {
  fprintf(stderr, "tiny_lm: %s\n", e.text());
  exit(1);
}

// The rows of a step: pieces of the text, spread evenly; prepare.py takes the same.
struct Batches {
  std::string text;
  int64_t batch, length;
  std::vector<int64_t> ids, next;

  void take(int64_t step) {
    const int64_t pieces = (static_cast<int64_t>(text.size()) - 1) / length;
    ids.clear();
    next.clear();
    for (int64_t r = 0; r < batch; ++r) {
      const int64_t at = (step * batch + r) * 7919 % pieces * length;
      for (int64_t i = 0; i < length; ++i) {
        ids.push_back(static_cast<unsigned char>(text[static_cast<size_t>(at + i)]));
        next.push_back(static_cast<unsigned char>(text[static_cast<size_t>(at + i + 1)]));
      }
    }
  }
  portfire::TensorView tensor(const std::vector<int64_t>& v) const { return portfire::TensorView::of(v.data(), {batch, length}); }
};

// A byte by its scores, the likelier the more often.
int draw(const float* scores, double temperature, std::mt19937_64& random) {
  const float most = *std::max_element(scores, scores + 256);
  std::vector<double> weights;
  for (int i = 0; i < 256; ++i) weights.push_back(std::exp((scores[i] - most) / temperature));
  return std::discrete_distribution<int>(weights.begin(), weights.end())(random);
}

// Continues `text` byte by byte; the model sees the last `length` of them, in the first row.
std::string continued(portfire::Trainer& trainer, const Batches& b, std::string text, int count) {
  std::mt19937_64 random(1);
  std::vector<int64_t> ids(static_cast<size_t>(b.batch * b.length));
  for (int n = 0; n < count; ++n) {
    const auto seen = std::min<int64_t>(b.length, static_cast<int64_t>(text.size()));
    std::fill(ids.begin(), ids.end(), int64_t{' '});
    for (int64_t i = 0; i < seen; ++i) ids[static_cast<size_t>(i)] = static_cast<unsigned char>(text[text.size() - static_cast<size_t>(seen - i)]);
    auto out = trainer.forward({b.tensor(ids)});
    if (!out.ok()) stop(out.error());
    text += static_cast<char>(draw((*out)[0].as<float>() + (seen - 1) * 256, 0.7, random));
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return fprintf(stderr, "usage: tiny_lm PROGRAM.train.pte TEXT STEPS OUT.ptd [LOSSES.txt]\n"), 2;
  auto trainer = portfire::Trainer::open(argv[1]);
  if (!trainer.ok()) stop(trainer.error());
  const portfire::Shape shape = trainer->inputs()[0].shape;
  std::ifstream in(argv[2], std::ios::binary);
  Batches b{{std::istreambuf_iterator<char>(in), {}}, shape.sizes[0], shape.sizes[1], {}, {}};
  if (static_cast<int64_t>(b.text.size()) < 2 * b.length) return fprintf(stderr, "tiny_lm: %s: too little text\n", argv[2]), 3;
  std::vector<double> theirs;
  if (argc > 5) {
    std::ifstream losses(argv[5]);
    theirs.assign(std::istream_iterator<double>(losses), {});
  }

  const int64_t steps = std::atoll(argv[3]);
  double worst = 0, recent = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t step = 0; step < steps; ++step) {
    b.take(step);
    auto answer = trainer->step({b.tensor(b.ids), b.tensor(b.next)}, kRate);
    if (!answer.ok()) stop(answer.error());
    if (step < static_cast<int64_t>(theirs.size())) worst = std::max(worst, std::fabs(answer->loss - theirs[static_cast<size_t>(step)]) / theirs[static_cast<size_t>(step)]);
    recent = step ? 0.95 * recent + 0.05 * answer->loss : answer->loss;
    if ((step + 1) % 50 == 0 || step + 1 == steps) printf("step %lld: loss %.4f\n", static_cast<long long>(step + 1), recent);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  printf("%.1f ms a step\n", 1e3 * seconds / static_cast<double>(steps));
  if (!theirs.empty()) printf("losses of the first %zu steps differ from PyTorch's by at most %.2g of theirs\n", std::min(theirs.size(), static_cast<size_t>(steps)), worst);
  if (const portfire::Error e = trainer->save(argv[4])) stop(e);
  printf("---\n%s\n---\n", continued(*trainer, b, "The license ", 240).c_str());
  return worst < 0.01 ? 0 : 1;
}
