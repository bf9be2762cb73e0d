#include "kernels/isa.h"

#include <hwy/highway.h>

#include "kernels/gemm/pairs.h"

#include <cstring>
#include <strings.h>

namespace portfire {
namespace {

// Better targets have lower bits.
int64_t best(int64_t targets) { return targets & -targets; }

}  // namespace

Error limit_isa(std::string_view name) {
  if (name == "avx512") name = "avx3";
  const int64_t here = hwy::SupportedTargets() & HWY_TARGETS;
  char known[128] = "";
  for (int64_t rest = here; rest != 0; rest &= rest - 1) {
    const char* target = hwy::TargetName(best(rest));
    if (strlen(target) == name.size() && strncasecmp(target, name.data(), name.size()) == 0) {
      hwy::DisableTargets(best(rest) - 1);
      return {};
    }
    if (strlen(known) + strlen(target) + 3 < sizeof known) {
      if (*known) strcat(known, ", ");
      strcat(known, target);
    }
  }
  return Error::make(Code::bad_argument, "instruction set (expected one of %s, got %.*s)", known, static_cast<int>(name.size()), name.data());
}

bool multiplies_bf16() { return gemm::pair_unit() != nullptr; }

const char* isa_name() { return hwy::TargetName(best(hwy::SupportedTargets() & HWY_TARGETS)); }

}  // namespace portfire
