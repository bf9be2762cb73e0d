#include "cli/train_options.h"

#include "cli/text.h"

namespace portfire::cli {
namespace {

Error expected(const char* option, const std::string& got, const std::string& what) {
  return Error::make(Code::bad_argument, "compile: %s %s (expected %s)", option, got.empty() ? "is missing" : got.c_str(), what.c_str());
}

// "name=value,name=value"
bool assignments(std::string_view text, std::map<std::string, double>* out) {
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view name;
    double value;
    if (!assignment(text.substr(0, comma), &name, &value)) return false;
    (*out)[std::string(name)] = value;
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
  }
  return true;
}

Error loss(const TrainFlags& f, training::Options* o) {
  std::string names;
#define X(name)                                        \
  if (f.loss == #name) o->loss = training::Loss::name; \
  names += names.empty() ? #name : ", " #name;
  PF_LOSSES(X)
#undef X
  o->output = static_cast<size_t>(f.prediction);
  const std::string output = "output:";
  double k = 0;
  if (f.loss.starts_with(output) && number(f.loss.substr(output.size()), &k) && k >= 0 && k == static_cast<double>(static_cast<int64_t>(k))) {
    o->loss = training::Loss::output;
    o->output = static_cast<size_t>(k);
    return {};
  }
  if (f.loss.empty() || f.loss == "output" || (", " + names + ", ").find(", " + f.loss + ", ") == std::string::npos)
    return expected("--loss", f.loss, names + ":K");
  return {};
}

Error optimizer(const TrainFlags& f, training::Options* o) {
  std::string names;
  bool found = false;
#define X(name)                                \
  if (f.optimizer == #name) {                  \
    o->optimizer = training::Optimizer::name;  \
    found = true;                              \
  }                                            \
  names += names.empty() ? #name : ", " #name;
  PF_OPTIMIZERS(X)
#undef X
  return found ? Error() : expected("--optimizer", f.optimizer, names);
}

}  // namespace

Result<training::Options> training_options(const TrainFlags& f) {
  training::Options o;
  PF_TRY(loss(f, &o));
  PF_TRY(optimizer(f, &o));
  for (const std::string& h : f.hyperparameters)
    if (!assignments(h, &o.hyperparameters)) return expected("--hyper", h, "NAME=NUMBER");
  for (const std::string& g : f.groups) {
    const size_t colon = g.rfind(':');
    training::Group group{g.substr(0, colon), {}};
    if (colon == g.npos || colon == 0 || !assignments(g.substr(colon + 1), &group.hyperparameters) || group.hyperparameters.empty())
      return expected("--group", g, "GLOB:NAME=NUMBER,...");
    o.groups.push_back(std::move(group));
  }
  o.class_dim = f.class_dim;
  o.trainable = f.trainable;
  o.lora = {f.lora, f.rank, f.alpha, f.seed};
  if (f.clip_norm < 0) return expected("--clip-norm", std::to_string(f.clip_norm), "a positive number");
  o.clip = f.clip_norm > 0;
  o.clip_norm = f.clip_norm;
  if (f.memory_limit < 0) return expected("--memory-limit", std::to_string(f.memory_limit), "MiB");
  o.memory_limit = static_cast<uint64_t>(f.memory_limit * (1 << 20));
  if (f.accumulate < 1) return expected("--accumulate", std::to_string(f.accumulate), "1 or more");
  o.accumulate = f.accumulate;
  return o;
}

}  // namespace portfire::cli
