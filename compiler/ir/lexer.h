// Words, numbers and marks of a graph's text, with the line they stand in. Errors are Refusals that
// say the line, what was expected and what stands there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace portfire::ir {

struct Token {
  enum class Kind : uint8_t {
    end,
    word,    // forward, aten::add.Tensor, -inf
    number,  // 12, -3, 1e-05
    string,  // "quoted": text is what it says
    value,   // %12:name: `id` and `text`
    mark     // one of ( ) [ ] { } , = : * @ - or the two dots of a range
  };
  Kind kind = Kind::end;
  std::string text;
  int64_t id = -1;
  bool named = false;  // a value with its name
  int line = 1;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) { advance(); }

  const Token& peek() const { return token_; }
  Token next();
  bool at(std::string_view mark_or_word) const;
  // Takes it where it comes next.
  bool take(std::string_view mark_or_word);
  void expect(std::string_view mark_or_word);
  Token expect(Token::Kind kind, const char* what);
  int64_t integer(const char* what);
  std::string name(const char* what);  // a word or a string
  // What follows the present token up to the end of its line, as it stands; the line is taken.
  std::string rest_of_line();

  [[noreturn]] void fail(const std::string& expected) const;          // ... got the present token
  [[noreturn]] void error(int line, const std::string& what) const;

 private:
  void advance();
  void skip_space();
  std::string string_at_cursor();

  std::string_view text_;
  size_t cursor_ = 0;
  int line_ = 1;
  Token token_;
};

}  // namespace portfire::ir
