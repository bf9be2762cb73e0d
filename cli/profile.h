// What `portfire profile` measured, and how it is printed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/cost.h"
#include "kernels/thread_pool.h"
#include "runtime/method.h"

namespace portfire::cli {

struct Profile {
  struct Row {
    Method::InstructionInfo instruction;
    Cost cost;          // of one run
    double us = 0;      // the median over runs of what it took in one
    double share = 0;   // of the sum of all rows, 0 to 1
  };
  struct Kind {         // all instructions of one operator that were run by the same
    std::string_view op;
    Method::RunBy by;
    size_t count = 0;
    Cost cost;
    double us = 0, share = 0;
  };

  std::string model, method;
  size_t threads = 1, runs = 0;
  std::unique_ptr<ThreadPool> pool;       // these two hold what the rows show
  std::unique_ptr<Method> loaded;
  double run_us = 0;                      // the median of whole runs
  double flops_roof = 0, bytes_roof = 0;  // a second
  std::vector<Row> rows;                  // in the order of the program
  std::vector<Kind> kinds;                // the slowest first

  // Fills shares and kinds from the rows.
  void sum_up();
  // The least time for a cost under the two roofs, by the time taken: 0 where nothing was to be done.
  double of_roof(const Cost& cost, double us) const;
};

// Runs a method again and again and measures each instruction; writes the trace that `options` name.
Result<Profile> measure_profile(const ProfileOptions& options);

void print_table(const Profile& profile);
void print_json(const Profile& profile);

}  // namespace portfire::cli
