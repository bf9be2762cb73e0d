#include "cli/arena_text.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "cli/listing_text.h"
#include "cli/text.h"

namespace portfire::cli {
namespace {

constexpr size_t kColumns = 96, kRows = 16;
constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

double shared(double a0, double a1, double b0, double b1) { return std::max(0.0, std::min(a1, b1) - std::max(a0, b0)); }

// Cells show what takes most of them, and that is at least a quarter.
class Picture {
 public:
  Picture(size_t steps, uint64_t bytes)
      : columns_(std::min(steps, kColumns)), step_(static_cast<double>(steps) / static_cast<double>(columns_)),
          row_(static_cast<double>(bytes) / kRows),
        cells_(columns_ * kRows, {'.', 0.25 * step_ * row_}) {}

  void paint(const Listing::Value& v, char letter) {
    const double begin = static_cast<double>(v.offset), end = std::min(begin + static_cast<double>(v.bytes), row_ * kRows);
    const double from = static_cast<double>(v.from), to = static_cast<double>(v.to) + 1;
    const auto last_row = std::min<size_t>(kRows - 1, static_cast<size_t>(end / row_)),
        last_column = std::min<size_t>(columns_ - 1, static_cast<size_t>(to / step_));
    for (size_t r = static_cast<size_t>(begin / row_); r <= last_row; ++r)
      for (size_t c = static_cast<size_t>(from / step_); c <= last_column; ++c) {
        Cell& cell = cells_[r * columns_ + c];
        const double y = static_cast<double>(r) * row_, x = static_cast<double>(c) * step_;
        const double area = shared(begin, end, y, y + row_) * shared(from, to, x, x + step_);
        if (area > cell.area) cell = {letter, area};
      }
  }

  std::string text() const {
    std::string s;
    for (size_t r = 0; r < kRows; ++r) {
      s += fmt::format("  {:>10} ", bytes_text(static_cast<uint64_t>(static_cast<double>(r) * row_)));
      for (size_t c = 0; c < columns_; ++c) s += cells_[r * columns_ + c].letter;
      s += '\n';
    }
    return s;
  }
  size_t column(size_t step) const { return std::min(columns_ - 1, static_cast<size_t>(static_cast<double>(step) / step_)); }
  double step() const { return step_; }

 private:
  struct Cell {
    char letter;
    double area;
  };
  size_t columns_;
  double step_, row_;
  std::vector<Cell> cells_;
};

}  // namespace

std::string arena_text(const Listing& l, uint32_t id) {
  const Listing::Memory& m = l.memory[id];
  const double used = m.size ? 100 * static_cast<double>(m.peak) / static_cast<double>(m.size) : 0;
  std::string text = fmt::format("  memory {}: {}; most in use {} ({:.0f}%), at instruction {}\n", id, bytes_text(m.size),
                                 bytes_text(m.peak), used, m.peak_at);
  if (m.size == 0 || m.peak == 0) return text;
  std::vector<size_t> order;
  for (size_t i = 0; i < l.values.size(); ++i)
    if (l.values[i].memory == id && l.values[i].from >= 0 && l.values[i].bytes > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return l.values[a].bytes > l.values[b].bytes; });
  Picture picture(l.code.size(), m.size);
  // A view that lies where its source does is told with it.
  auto is_view = [&](size_t i) { return !l.values[i].shows.empty(); };
  std::string legend;
  size_t letters = 0;
  for (const size_t i : order) {
    if (is_view(i)) continue;
    const Listing::Value& v = l.values[i];
    const char letter = letters < kLetters.size() ? kLetters[letters] : '+';
    picture.paint(v, letter);
    if (letters++ < kLetters.size())
      legend += fmt::format("  {} {:>10}  instructions {} to {}  {}\n", letter, bytes_text(v.bytes), v.from, v.to,
                            value_text(l, static_cast<int32_t>(i), true));
  }
  if (letters > kLetters.size()) legend += fmt::format("  + {} smaller tensors\n", letters - kLetters.size());
  text += picture.text();
  text += fmt::format("  {:>10} {}^ most in use; a column is {}\n", "", std::string(picture.column(m.peak_at), ' '),
                      picture.step() > 1 ? fmt::format("{:.1f} instructions", picture.step()) : "an instruction");
  return text + legend;
}

}  // namespace portfire::cli
