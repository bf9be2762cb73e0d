// Everything that a `.pte` holds, as text: `portfire inspect --full`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/listing.h"

namespace portfire::cli {

// A method's instructions in order, its delegates opened up, and its planned memory over time.
void print_method(const Listing& listing);
// What all methods share: constants by size, named data, segments.
void print_data(const ProgramView& program);

// The content of a delegate, wherever it lies; no bytes where the file refers to none.
std::span<const std::byte> delegate_bytes(const ProgramView& program, const pte::BackendDelegate& delegate);
// What it holds where this build knows its format, a line for each value and node; else nothing.
std::string delegate_text(const ProgramView& program, const pte::BackendDelegate& delegate);
// A compile spec's value: text where it is text, a number where it has the size of one, else its first bytes in hex.
std::string spec_text(const pte::CompileSpec& spec);

// Constants of all methods, each once, the largest first.
struct Constant {
  struct User {
    size_t method, instruction;
    std::string op;
  };
  uint32_t index = 0;  // data_buffer_idx; 0: outside of this file
  uint64_t bytes = 0;
  std::string type, name;  // name: fully qualified, or of the module that uses it first; may be empty
  std::vector<User> users;
};
std::vector<Constant> constants_of(const std::vector<Listing>& methods);
std::vector<Listing> list_methods(const ProgramView& program);

}  // namespace portfire::cli
