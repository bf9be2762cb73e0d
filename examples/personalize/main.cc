// Trains a classifier of small images, and says how well it does on images that it has not seen.
// Usage: personalize PROGRAM.train.pte TRAIN TEST EPOCHS RATE OUT.ptd
// TRAIN and TEST are names of data as prepare.py writes it: NAME.x.f32 holds images, NAME.y.i64 their labels. run.sh shows the whole way.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <portfire/portfire.h>

namespace {

constexpr int64_t kPixels = 8 * 8, kBatch = 32;

template <class T>
std::vector<T> read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<T> data(in ? static_cast<size_t>(in.tellg()) / sizeof(T) : 0);
  in.seekg(0);
  in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size() * sizeof(T)));
  return data;
}

struct Data {
  std::vector<float> images;
  std::vector<int64_t> labels;
  explicit Data(const std::string& name) : images(read_all<float>(name + ".x.f32")), labels(read_all<int64_t>(name + ".y.i64")) {}
  int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

// Some rows, next to each other in memory.
struct Batch {
  std::vector<float> images;
  std::vector<int64_t> labels;

  void take(const Data& data, const int64_t* rows, int64_t count) {
    images.clear();
    labels.clear();
    for (int64_t i = 0; i < count; ++i) {
      images.insert(images.end(), data.images.begin() + rows[i] * kPixels, data.images.begin() + (rows[i] + 1) * kPixels);
      labels.push_back(data.labels[static_cast<size_t>(rows[i])]);
    }
  }
  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  portfire::TensorView image_tensor() const { return portfire::TensorView::of(images.data(), {size(), 1, 8, 8}); }
  portfire::TensorView label_tensor() const { return portfire::TensorView::of(labels.data(), {size()}); }
};

[[noreturn]] void stop(const portfire::Error& e) {
  fprintf(stderr, "personalize: %s\n", e.text());
  exit(1);
}

// The share of rows whose largest score is that of their label.
double accuracy(portfire::Trainer& trainer, const Data& data) {
  std::vector<int64_t> rows(data.labels.size());
  std::iota(rows.begin(), rows.end(), int64_t{0});
  Batch batch;
  int64_t right = 0;
  for (int64_t at = 0; at < data.size(); at += kBatch) {
    batch.take(data, rows.data() + at, std::min(kBatch, data.size() - at));
    auto out = trainer.forward({batch.image_tensor()});
    if (!out.ok()) stop(out.error());
    const float* scores = (*out)[0].as<float>();
    for (int64_t i = 0; i < batch.size(); ++i, scores += 10) right += std::max_element(scores, scores + 10) - scores == batch.labels[static_cast<size_t>(i)];
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(data.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return fprintf(stderr, "usage: personalize PROGRAM.train.pte TRAIN TEST EPOCHS RATE OUT.ptd\n"), 2;
  auto trainer = portfire::Trainer::open(argv[1]);
  if (!trainer.ok()) stop(trainer.error());
  const Data train(argv[2]), test(argv[3]);
  if (train.size() < kBatch || test.size() < 2) return fprintf(stderr, "personalize: %s or %s holds no data\n", argv[2], argv[3]), 3;
  const int epochs = std::atoi(argv[4]);
  const double rate = std::atof(argv[5]);

  printf("accuracy before: %.2f %%\n", accuracy(*trainer, test));
  std::vector<int64_t> order(train.labels.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::mt19937_64 random(0);
  Batch batch;
  const int64_t steps = epochs * (train.size() / kBatch);
  int64_t step = 0;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    std::shuffle(order.begin(), order.end(), random);
    double loss = 0;
    for (int64_t at = 0; at + kBatch <= train.size(); at += kBatch, ++step) {
      batch.take(train, order.data() + at, kBatch);
      const double falling = rate * 0.5 * (1 + std::cos(3.14159265 * static_cast<double>(step) / static_cast<double>(steps)));
      auto answer = trainer->step({batch.image_tensor(), batch.label_tensor()}, static_cast<float>(falling));
      if (!answer.ok()) stop(answer.error());
      loss += answer->loss;
    }
    if ((epoch + 1) % 5 == 0 || epoch + 1 == epochs) printf("epoch %d: loss %.4f, accuracy %.2f %%\n", epoch + 1, loss / static_cast<double>(train.size() / kBatch), accuracy(*trainer, test));
  }
  printf("accuracy after: %.2f %%\n", accuracy(*trainer, test));
  if (const portfire::Error e = trainer->save(argv[6])) stop(e);
}
