// The commands. Each returns the process's exit code: 0 done; 1 it ran and failed or differed; 2 the
// call was wrong; 3 a file was bad, or held something unsupported.
#pragma once

#include <string>
#include <vector>

#include "cli/switches.h"
#include "cli/train_options.h"
#include "compiler/driver/compile.h"

namespace portfire::cli {

// Prints "portfire: TEXT" to stderr; the exit code for it.
int report(const Error& e);

struct CompileCommand {
  std::string input, output, precision = "f32", target = "native", dump, weights;
  bool vjp = false, xnnpack = false;
  TrainFlags train;
  std::vector<std::string> methods;  // "NAME=IN.pt2"
  std::vector<std::string> data;     // `.ptd` files of what a `.pte` names only
};
int compile(const CompileCommand& command, const Switches& switches);

// Runs one pass on a dump (or on what the importer makes of a `.pt2`).
struct PassCommand {
  std::string pass, input;
  std::string output;  // empty: to stdout, without the bytes of larger constants
};
int pass(const PassCommand& command);

// Says what a `.pt2`, a `.pte`, a `.bpte`, a `.ptd` or a `.safetensors` holds.
struct InspectCommand {
  std::string input;
  std::vector<std::string> data;  // `.ptd` files of what a program names only
  // Of a `.pte`:
  bool full = false;     // prints everything
  std::string html;      // where to write a page instead; empty: nowhere
  bool profile = false;  // with times, measured on random inputs
  int threads = 0;
  double seconds = 1;    // of measuring each method
};
int inspect(const InspectCommand& command);

// Tensors from one format to another.
struct ConvertCommand {
  std::string input, output;
  bool all = false;  // what is no weight of a model too (names that begin with kOwnNames)
};
int convert(const ConvertCommand& command);

// Prints docs/operators.md; `core_file` names ATen's core operators, one a line.
int operators(const std::string& core_file);

struct RunOptions {
  std::string model, method = "forward";
  std::vector<std::string> data;  // `.ptd` files
  std::vector<std::string> inputs, outputs, expects;
  std::vector<std::string> calls;  // "x0.npy,x1.npy=y0.npy,..."
  double tolerance = 1e-4;
  int threads = 0;
};
int run(const RunOptions& options, const Switches& switches);

// Runs two programs on the same inputs; where outputs differ, says where that begins.
struct DiffCommand {
  std::string a, b, method = "forward";
  std::vector<std::string> inputs;
  std::vector<std::string> calls;  // "x0.npy,x1.npy"
  std::vector<std::string> data;   // `.ptd` files, of either
  double tolerance = 1e-4;
  bool all = false;                // lists all values that are the same in both
  int threads = 0;
  int64_t memory_mib = 1024;       // for values that are held while they are compared
};
int diff(const DiffCommand& command);

// Runs the test sets of a bundle.
struct VerifyCommand {
  std::string model;              // a `.bpte`
  std::string method;             // empty: all that have test sets
  std::vector<std::string> data;
  double tolerance = 1e-4;
  int threads = 0;
};
int verify(const VerifyCommand& command);

struct TrainCommand {
  std::string model;
  std::vector<std::string> data;  // an array for each input of the model
  std::string target;
  std::string validate;           // "x.npy,y.npy"
  int64_t epochs = 1, batch = 0;  // batch 0: the program's
  std::string rate = "0.001";     // cli/schedule.h
  std::string save, resume, log, curve;
  int64_t save_every = 0;         // steps; 0: at the end
  std::vector<std::string> hyperparameters;
  uint64_t seed = 0;
  bool in_order = false;
  int threads = 0;
};
int train(const TrainCommand& command);

struct MergeCommand {
  std::string model;       // a `.pt2`, or a training program
  std::string checkpoint;
  std::string output, precision = "f32";
};
int merge(const MergeCommand& command, const Switches& switches);

struct BenchOptions {
  std::string model, method = "forward";
  std::vector<std::string> inputs, data;
  int threads = 0;
  double seconds = 1;
  bool json = false;
};
int bench(const BenchOptions& options);

struct ProfileOptions {
  std::string model, method = "forward";
  std::vector<std::string> inputs, data;
  std::string trace;  // where to write Chrome's trace events; empty: nowhere
  int threads = 0;
  double seconds = 1;
  bool json = false;
};
int profile(const ProfileOptions& options);

}  // namespace portfire::cli
