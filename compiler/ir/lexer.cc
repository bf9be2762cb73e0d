#include "compiler/ir/lexer.h"

#include <charconv>

#include "compiler/ir/builder.h"

namespace portfire::ir {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '.'; }

}  // namespace

Token Lexer::next() {
  Token t = std::move(token_);
  advance();
  return t;
}

bool Lexer::at(std::string_view what) const {
  return (token_.kind == Token::Kind::mark || token_.kind == Token::Kind::word) && token_.text == what;
}

bool Lexer::take(std::string_view what) {
  if (!at(what)) return false;
  advance();
  return true;
}

void Lexer::expect(std::string_view what) {
  if (!take(what)) fail("\"" + std::string(what) + "\"");
}

Token Lexer::expect(Token::Kind kind, const char* what) {
  if (token_.kind != kind) fail(what);
  return next();
}

int64_t Lexer::integer(const char* what) {
  int64_t n = 0;
  const char* begin = token_.text.data() + (token_.text.starts_with('+') ? 1 : 0);
  const char* end = token_.text.data() + token_.text.size();
  if (token_.kind != Token::Kind::number) fail(what);
  if (const auto [stop, failed] = std::from_chars(begin, end, n); failed != std::errc() || stop != end) fail(what);
  advance();
  return n;
}

std::string Lexer::name(const char* what) {
  if (token_.kind != Token::Kind::word && token_.kind != Token::Kind::string) fail(what);
  return next().text;
}

std::string Lexer::rest_of_line() {
  // The present token is the keyword; the cursor stands right behind it.
  const size_t end = std::min(text_.find('\n', cursor_), text_.size());
  std::string_view rest = text_.substr(cursor_, end - cursor_);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  cursor_ = end;
  advance();
  return std::string(rest);
}

void Lexer::fail(const std::string& expected) const {
  const std::string got = token_.kind == Token::Kind::end     ? "the end of the text"
                          : token_.kind == Token::Kind::value ? "%" + std::to_string(token_.id)
                                                              : "\"" + token_.text.substr(0, 60) + "\"";
  error(token_.line, "expected " + expected + ", got " + got);
}

void Lexer::error(int line, const std::string& what) const {
  throw Refusal{Code::bad_file, "line " + std::to_string(line) + ": " + what};
}

void Lexer::skip_space() {
  while (cursor_ < text_.size()) {
    const char c = text_[cursor_];
    if (c == '#') {
      cursor_ = std::min(text_.find('\n', cursor_), text_.size());
      continue;
    }
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') return;
    line_ += c == '\n';
    ++cursor_;
  }
}

std::string Lexer::string_at_cursor() {
  std::string s;
  for (++cursor_; cursor_ < text_.size() && text_[cursor_] != '"' && text_[cursor_] != '\n'; ++cursor_) {
    if (text_[cursor_] != '\\') {
      s += text_[cursor_];
      continue;
    }
    const char c = ++cursor_ < text_.size() ? text_[cursor_] : ' ';
    if (c == 'n') {
      s += '\n';
    } else if (c == '"' || c == '\\') {
      s += c;
    } else if (unsigned char byte = 0; c == 'x' && cursor_ + 2 < text_.size() &&
               std::from_chars(&text_[cursor_ + 1], &text_[cursor_ + 3], byte, 16).ptr == &text_[cursor_ + 3]) {
      s += static_cast<char>(byte);
      cursor_ += 2;
    } else {
      error(line_, "expected \\n, \\\", \\\\ or \\xNN in a string, got \"\\" + std::string(1, c) + "\"");
    }
  }
  if (cursor_ >= text_.size() || text_[cursor_] != '"') error(line_, "a string does not end in its line (expected \")");
  ++cursor_;
  return s;
}

void Lexer::advance() {
  skip_space();
  token_ = Token();
  token_.line = line_;
  if (cursor_ >= text_.size()) return;
  const size_t start = cursor_;
  auto here = [&](size_t ahead = 0) { return cursor_ + ahead < text_.size() ? text_[cursor_ + ahead] : '\0'; };
  const char c = here();
  const bool sign = c == '-' || c == '+';
  if (c == '"') {
    token_.kind = Token::Kind::string;
    token_.text = string_at_cursor();
    return;
  }
  if (c == '%') {
    token_.kind = Token::Kind::value;
    while (is_digit(here(1))) ++cursor_;
    const auto digits = text_.substr(start + 1, cursor_ - start);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), token_.id).ec != std::errc())
      error(line_, "expected a value's number after %, got \"" + std::string(text_.substr(start, 20)) + "\"");
    ++cursor_;
    if (here() != ':' || !(is_word(here(1)) || here(1) == '"')) return;
    token_.named = true;
    ++cursor_;
    if (here() == '"') {
      token_.text = string_at_cursor();
      return;
    }
    const size_t name = cursor_;
    while (is_word(here())) ++cursor_;
    token_.text = std::string(text_.substr(name, cursor_ - name));
    return;
  }
  if (is_digit(c) || (sign && is_digit(here(1)))) {
    token_.kind = Token::Kind::number;
    for (++cursor_; cursor_ < text_.size(); ++cursor_) {
      const bool exponent = (here() == '+' || here() == '-') && (text_[cursor_ - 1] == 'e' || text_[cursor_ - 1] == 'E');
      const bool dot = here() == '.' && here(1) != '.' && text_[cursor_ - 1] != '.';
      if (!is_digit(here()) && here() != 'e' && here() != 'E' && !dot && !exponent) break;
    }
  } else if (is_letter(c) || (sign && is_letter(here(1)))) {
    token_.kind = Token::Kind::word;
    for (++cursor_; is_word(here()) || (here() == ':' && here(1) == ':'); ++cursor_)
      if (here() == ':') ++cursor_;
  } else {
    token_.kind = Token::Kind::mark;
    cursor_ += c == '.' ? std::min<size_t>(text_.size() - cursor_, here(1) == '.' ? (here(2) == '.' ? 3 : 2) : 1) : 1;
  }
  token_.text = std::string(text_.substr(start, cursor_ - start));
}

}  // namespace portfire::ir
