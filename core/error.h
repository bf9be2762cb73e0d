// How code of ours passes errors on.
#pragma once

#include "portfire/error.h"

namespace portfire {

// Return the error of an expression that yields Error.
#define PF_TRY(expression)                                       \
  do {                                                           \
    if (::portfire::Error pf_error_ = (expression)) return pf_error_; \
  } while (0)

// Bind the value of an expression that yields Result, or return its error.
#define PF_CONCAT_(a, b) a##b
#define PF_CONCAT(a, b) PF_CONCAT_(a, b)
#define PF_ASSIGN(declaration, expression)                        \
  auto PF_CONCAT(pf_result_, __LINE__) = (expression);            \
  if (!PF_CONCAT(pf_result_, __LINE__).ok()) return PF_CONCAT(pf_result_, __LINE__).error(); \
  declaration = *std::move(PF_CONCAT(pf_result_, __LINE__))

// A broken invariant of ours (never of a file or a caller): say where and stop.
#define PF_CHECK(condition)                                                            \
  do {                                                                                 \
    if (!(condition)) [[unlikely]] {                                                   \
      fprintf(stderr, "portfire: %s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      __builtin_trap();                                                                \
    }                                                                                  \
  } while (0)

}  // namespace portfire
