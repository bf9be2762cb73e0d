// Embeds sentences with MiniLM and prints, for each, the one nearest in meaning.
// Usage: sentences MODEL.pte TOKENS.txt [EXPECTED.f32]
// prepare.py makes the files: TOKENS.txt has a line for each sentence, its token ids, a tab, and its text;
// EXPECTED.f32 holds what PyTorch answered. Exits with 1 where an embedding differs from that by more
// than 1e-4 of its largest value.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <portfire/portfire.h>

namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

struct Sentence {
  std::string text;
  std::vector<int64_t> ids;
  std::vector<float> embedding;
};

std::vector<Sentence> read_sentences(const char* path) {
  std::vector<Sentence> all;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const size_t tab = line.find('\t');
    if (tab == line.npos) continue;
    Sentence s{line.substr(tab + 1), {}, {}};
    std::istringstream ids(line.substr(0, tab));
    for (int64_t id; ids >> id;) s.ids.push_back(id);
    all.push_back(std::move(s));
  }
  return all;
}

// The largest difference as a share of the largest value.
double relative_error(const std::vector<Sentence>& sentences, const char* path) {
  std::ifstream in(path, std::ios::binary);
  double worst = 0;
  for (const Sentence& s : sentences) {
    std::vector<float> want(s.embedding.size());
    if (!in.read(reinterpret_cast<char*>(want.data()), static_cast<std::streamsize>(want.size() * sizeof(float)))) return HUGE_VAL;
    double difference = 0, scale = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      const double d = std::fabs(double{s.embedding[i]} - want[i]);
      if (std::isnan(d)) return HUGE_VAL;
      difference = std::max(difference, d);
      scale = std::max(scale, std::fabs(double{want[i]}));
    }
    worst = std::max(worst, difference / scale);
  }
  return worst;
}

// Of unit vectors: the cosine of the angle between them.
double similarity(const Sentence& a, const Sentence& b) {
  double sum = 0;
  for (size_t i = 0; i < a.embedding.size(); ++i) sum += double{a.embedding[i]} * b.embedding[i];
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return fprintf(stderr, "usage: sentences MODEL.pte TOKENS.txt [EXPECTED.f32]\n"), 2;
  const auto start = Clock::now();
  auto model = portfire::Module::open(argv[1]);
  if (!model.ok()) return fprintf(stderr, "sentences: %s\n", model.error().text()), 3;
  const double load_ms = ms_since(start);

  std::vector<Sentence> sentences = read_sentences(argv[2]);
  if (sentences.size() < 2) return fprintf(stderr, "sentences: %s: fewer than two sentences\n", argv[2]), 3;
  double first_ms = 0;
  std::vector<double> times;
  for (int round = 0; round < 20; ++round)
    for (Sentence& s : sentences) {
      const auto length = static_cast<int64_t>(s.ids.size());
      const std::vector<int64_t> mask(s.ids.size(), 1);
      const auto begin = Clock::now();
      auto out = model->forward({portfire::TensorView::of(s.ids.data(), {1, length}), portfire::TensorView::of(mask.data(), {1, length})});
      if (!out.ok()) return fprintf(stderr, "sentences: %s\n", out.error().text()), 1;
      times.push_back(ms_since(begin));
      if (times.size() == 1) first_ms = times[0];
      const portfire::TensorView& answer = (*out)[0];
      s.embedding.assign(answer.as<float>(), answer.as<float>() + answer.numel());
    }
  std::sort(times.begin(), times.end());

  for (const Sentence& s : sentences) {
    const Sentence* nearest = nullptr;
    for (const Sentence& other : sentences)
      if (&other != &s && (!nearest || similarity(s, other) > similarity(s, *nearest))) nearest = &other;
    printf("%s\n    %.2f  %s\n", s.text.c_str(), similarity(s, *nearest), nearest->text.c_str());
  }
  const double mib = 1 << 20;
  printf("\n| | |\n|---|---|\n");
  printf("| load time | %.2f ms |\n| first answer after | %.2f ms |\n", load_ms, first_ms);
  printf("| latency of a sentence, median | %.2f ms |\n", times[times.size() / 2]);
  const double error = argc > 3 ? relative_error(sentences, argv[3]) : 0;
  if (argc > 3) printf("| largest error against PyTorch | %.1e of the largest value |\n", error);
  printf("| file | %.1f MiB |\n| tensor memory | %.2f MiB |\n", static_cast<double>(std::filesystem::file_size(argv[1])) / mib,
         static_cast<double>(model->arena_bytes()) / mib);
  if (error <= 1e-4) return 0;
  fprintf(stderr, "sentences: an embedding differs from PyTorch's (expected at most 1e-4, got %.1e)\n", error);
  return 1;
}
