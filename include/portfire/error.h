// Error and Result: how every fallible call of Portfire answers, on the host and on the device.
// No heap, no exceptions: an Error carries its code and a short text inside itself. The successful path
// touches two bytes. Texts follow `WHERE: WHAT (expected X, got Y)`.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <new>
#include <utility>

namespace portfire {

enum class Code : uint8_t {
  ok,
  bad_argument,   // the caller's input is wrong: dtype, rank, shape, count
  bad_file,       // a file is damaged, hostile or of another format
  unsupported,    // valid, but not something this build can do
  out_of_memory,  // the memory given or available does not suffice
  io,             // the system refused to read or write
  failed,         // a run-time assertion of the program itself did not hold
};

class [[nodiscard]] Error {
 public:
  static constexpr size_t kTextBytes = 382;

  Error() noexcept { text_[0] = '\0'; }
  Error(const Error& other) noexcept { *this = other; }
  Error& operator=(const Error& other) noexcept {
    code_ = other.code_;
    char* to = text_;
    for (const char* from = other.text_; (*to = *from) != '\0'; ++from) ++to;
    return *this;
  }

  // printf-style; a text longer than kTextBytes is cut.
  [[gnu::format(printf, 2, 3)]] static Error make(Code code, const char* format, ...) {
    Error e;
    e.code_ = code;
    va_list args;
    va_start(args, format);
    vsnprintf(e.text_, sizeof e.text_, format, args);
    va_end(args);
    return e;
  }

  // The same error with "`prefix`: " put before its text: callers add where it happened.
  Error at(const char* prefix) const { return make(code_, "%s: %s", prefix, text_); }

  bool ok() const { return code_ == Code::ok; }
  explicit operator bool() const { return !ok(); }  // true where something went wrong
  Code code() const { return code_; }
  const char* text() const { return text_; }

 private:
  Code code_ = Code::ok;
  char text_[kTextBytes];
};

// A T or an Error. T must be movable.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : ok_(true) { new (&value_) T(std::move(value)); }  // NOLINT: implicit by design
  Result(const Error& error) : ok_(false) { new (&error_) Error(error); }  // NOLINT
  Result(Result&& other) noexcept : ok_(other.ok_) {
    if (ok_)
      new (&value_) T(std::move(other.value_));
    else
      new (&error_) Error(other.error_);
  }
  Result& operator=(Result&& other) noexcept {
    if (this == &other) return *this;
    this->~Result();
    return *new (this) Result(std::move(other));
  }
  ~Result() {
    if (ok_) value_.~T();
  }

  bool ok() const { return ok_; }
  const Error& error() const { return error_; }  // only where !ok()
  // Where there is no value, the error is printed and the process ends.
  T& operator*() & { return checked(), value_; }
  const T& operator*() const& { return checked(), value_; }
  T&& operator*() && { return checked(), std::move(value_); }
  T* operator->() { return checked(), &value_; }
  const T* operator->() const { return checked(), &value_; }

 private:
  void checked() const {
    if (ok_) [[likely]] return;
    fprintf(stderr, "portfire: a result was used without asking whether it is one: %s\n", error_.text());
    __builtin_trap();
  }

  bool ok_;
  union {
    T value_;
    Error error_;
  };
};

}  // namespace portfire
