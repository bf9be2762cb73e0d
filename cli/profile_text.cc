// Tables and JSON of a profile.
#include <algorithm>

#include <fmt/format.h>

#include "cli/json.h"
#include "cli/profile.h"
#include "cli/recorder.h"
#include "kernels/isa.h"

namespace portfire::cli {
namespace {

double per_second(double amount, double us) { return us > 0 ? amount / us * 1e-3 : 0; }  // in units of 1e9

// "12.3", or "-" where there is none.
std::string figure(double x) { return x > 0 ? fmt::format("{:.1f}", x) : "-"; }
std::string percent(double x) { return x > 0 ? fmt::format("{:.0f}%", x * 100) : "-"; }

// What rows of instructions and of operators share.
std::string columns(const Profile& p, const Cost& cost, double us, double share, Method::RunBy by) {
  return fmt::format("{:10.2f} {:5.1f}% {:>8} {:>7} {:>6}  {:<10}", us, share * 100, figure(per_second(cost.flops, us)),
                     figure(per_second(cost.bytes, us)), percent(p.of_roof(cost, us)), name_of(by));
}
constexpr const char* kColumns = "        us  share  GFLOP/s    GB/s   roof  run by    ";

std::string json_figures(const Profile& p, const Cost& cost, double us, double share) {
  return fmt::format("\"us\": {:.4f}, \"share\": {:.6f}, \"flops\": {:.0f}, \"bytes\": {:.0f}, \"gflops\": {:.3f}, \"gbs\": {:.3f}, \"roof\": {:.4f}", us,
                     share, cost.flops, cost.bytes, per_second(cost.flops, us), per_second(cost.bytes, us), p.of_roof(cost, us));
}

}  // namespace

double Profile::of_roof(const Cost& cost, double us) const {
  return us > 0 ? std::max(cost.flops / flops_roof, cost.bytes / bytes_roof) * 1e6 / us : 0;
}

void Profile::sum_up() {
  double sum = 0;
  for (const Row& r : rows) sum += r.us;
  kinds.clear();
  for (Row& r : rows) {
    r.share = sum > 0 ? r.us / sum : 0;
    auto k = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.op == r.instruction.op && k.by == r.instruction.by; });
    if (k == kinds.end()) k = kinds.insert(kinds.end(), {r.instruction.op, r.instruction.by});
    ++k->count;
    k->us += r.us;
    k->share += r.share;
    k->cost.flops += r.cost.flops;
    k->cost.bytes += r.cost.bytes;
  }
  std::stable_sort(kinds.begin(), kinds.end(), [](const Kind& a, const Kind& b) { return a.us > b.us; });
}

void print_table(const Profile& p) {
  fmt::print("{} {}: median {:.2f} us of {} runs, {} thread{}, {}\n", p.model, p.method, p.run_us, p.runs, p.threads, p.threads > 1 ? "s" : "", isa_name());
  fmt::print("roof, measured just now: {:.1f} GFLOP/s of f32, {:.1f} GB/s read from memory\n\n", p.flops_roof / 1e9, p.bytes_roof / 1e9);
  size_t widest = 8;
  for (const Profile::Row& r : p.rows) widest = std::max(widest, r.instruction.op.size());
  fmt::print("   # {} {:<{}}  types (source)\n", kColumns, "operator", widest);
  double sum = 0;
  for (size_t i = 0; i < p.rows.size(); ++i) {
    const Profile::Row& r = p.rows[i];
    const std::string source = source_text(r.instruction);
    sum += r.us;
    fmt::print("{:4} {} {:<{}}  {}{}\n", i, columns(p, r.cost, r.us, r.share, r.instruction.by), r.instruction.op, widest, types_text(r.instruction),
               source.empty() ? "" : fmt::format(" ({})", source));
  }
  fmt::print("\n   n {} operator\n", kColumns);
  for (const Profile::Kind& k : p.kinds) fmt::print("{:4} {} {}\n", k.count, columns(p, k.cost, k.us, k.share, k.by), k.op);
  fmt::print("\nall instructions {:.2f} us. roof: the time that the operator's arithmetic, or reading its operands from memory and writing its\n"
             "results, takes at the measured rates, by its time; operands that lie in caches are faster, so it may pass 100%.\n", sum);
}

void print_json(const Profile& p) {
  fmt::print("{{\"model\": {}, \"method\": {}, \"threads\": {}, \"isa\": \"{}\", \"runs\": {}, \"run_us\": {:.4f}, \"roof_gflops\": {:.3f}, "
             "\"roof_gbs\": {:.3f},\n \"instructions\": [",
             json_text(p.model), json_text(p.method), p.threads, isa_name(), p.runs, p.run_us, p.flops_roof / 1e9, p.bytes_roof / 1e9);
  for (size_t i = 0; i < p.rows.size(); ++i) {
    const Profile::Row& r = p.rows[i];
    fmt::print("{}\n  {{\"index\": {}, \"op\": {}, \"by\": \"{}\", {}, \"types\": {}, \"source\": {}}}", i ? "," : "", i, json_text(r.instruction.op),
               name_of(r.instruction.by), json_figures(p, r.cost, r.us, r.share), json_text(types_text(r.instruction)), json_text(source_text(r.instruction)));
  }
  fmt::print("],\n \"operators\": [");
  for (size_t i = 0; i < p.kinds.size(); ++i) {
    const Profile::Kind& k = p.kinds[i];
    fmt::print("{}\n  {{\"op\": {}, \"by\": \"{}\", \"count\": {}, {}}}", i ? "," : "", json_text(k.op), name_of(k.by), k.count,
               json_figures(p, k.cost, k.us, k.share));
  }
  fmt::print("]}}\n");
}

}  // namespace portfire::cli
