// The unit tests' program. PORTFIRE_ISA holds kernels to an instruction set; where the machine has it not,
// the tests are skipped.
#include <gtest/gtest.h>

#include <cstdlib>

#include "kernels/isa.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const char* isa = std::getenv("PORTFIRE_ISA"))
    if (const portfire::Error e = portfire::limit_isa(isa)) return printf("skipped: %s\n", e.text()), 77;
  return RUN_ALL_TESTS();
}
