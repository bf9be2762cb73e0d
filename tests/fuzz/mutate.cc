#include "tests/fuzz/mutate.h"

#include <zlib.h>

#include "compiler/import/archive.h"

namespace portfire::fuzz {
namespace {

// A value, or the name of a member, in a JSON text.
struct Span {
  size_t begin, end;
  bool name = false, item = false;  // a member's name; an item of an array
};

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// The spans of `text`, inner ones too. What "metadata" holds is left out: it is for people.
std::vector<Span> spans_of(const std::string& text) {
  std::vector<Span> spans;
  std::vector<size_t> open;  // indices into `spans` of the containers around
  int quiet = 0;             // containers inside metadata
  bool metadata_next = false;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const bool in_array = !open.empty() && text[spans[open.back()].begin] == '[';
    if (c == '{' || c == '[') {
      spans.push_back({at, at, false, in_array});
      open.push_back(spans.size() - 1);
      if (metadata_next || quiet) ++quiet;
      metadata_next = false;
      ++at;
    } else if (c == '}' || c == ']') {
      if (open.empty()) return {};
      spans[open.back()].end = ++at;
      open.pop_back();
      if (quiet) --quiet;
    } else if (c == '"') {
      size_t end = at + 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      if (end >= text.size()) return {};
      size_t next = ++end;
      while (next < text.size() && is_space(text[next])) ++next;
      const bool name = next < text.size() && text[next] == ':';
      if (name && text.compare(at, end - at, "\"metadata\"") == 0) metadata_next = true;
      if (!quiet) spans.push_back({at, end, name, in_array});
      at = end;
    } else if (c == ',' || c == ':' || is_space(c)) {
      ++at;
    } else {
      size_t end = at;
      while (end < text.size() && !is_space(text[end]) && text[end] != ',' && text[end] != '}' && text[end] != ']') ++end;
      if (!quiet) spans.push_back({at, end, false, in_array});
      at = end;
    }
  }
  return open.empty() ? spans : std::vector<Span>();
}

std::string number(Random& random) {
  static const char* const kReals[] = {"1e308", "-1e308", "0.5", "1e-320", "-0.0", "\"NaN\"", "\"Infinity\"", "\"-Infinity\""};
  return random.one_in(6) ? kReals[random.below(std::size(kReals))] : std::to_string(random.hostile());
}

void put16(std::string& out, size_t v) { out += {static_cast<char>(v), static_cast<char>(v >> 8)}; }
void put32(std::string& out, size_t v) {
  put16(out, v & 0xffff);
  put16(out, v >> 16);
}

// A zip of stored entries under the root folder "model".
std::string zip(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out, directory;
  for (const auto& [entry, data] : entries) {
    const std::string name = "model/" + entry;
    std::string common;  // what the local and the central header share
    put16(common, 20);
    for (int zero = 0; zero < 4; ++zero) put16(common, 0);  // flags, method, time, date
    put32(common, crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
    put32(common, data.size());
    put32(common, data.size());
    put16(common, name.size());
    put16(common, 0);
    directory += std::string("PK\1\2", 4);
    put16(directory, 20);
    directory += common;
    for (int zero = 0; zero < 3; ++zero) put16(directory, 0);  // comment, disk, attributes
    put32(directory, 0);
    put32(directory, out.size());
    directory += name;
    out += std::string("PK\3\4", 4) + common + name + data;
  }
  const size_t start = out.size();
  out += directory + std::string("PK\5\6", 4);
  put32(out, 0);
  put16(out, entries.size());
  put16(out, entries.size());
  put32(out, directory.size());
  put32(out, start);
  put16(out, 0);
  return out;
}

}  // namespace

std::string mutate_json(const std::string& text, Random& random) {
  const std::vector<Span> spans = spans_of(text);
  if (spans.empty()) return text;
  auto any = [&](auto wanted) {
    for (int tries = 0; tries < 64; ++tries)
      if (const Span& s = spans[random.below(spans.size())]; wanted(s)) return s;
    return spans[0];
  };
  auto taken = [&](const Span& s) { return text.substr(s.begin, s.end - s.begin); };
  auto replaced = [&](const Span& s, const std::string& by) { return text.substr(0, s.begin) + by + text.substr(s.end); };
  const auto is_string = [&](const Span& s) { return !s.name && text[s.begin] == '"'; };
  switch (random.below(7)) {
    case 0:
    case 1: {
      const Span s = any([&](const Span& v) { return !v.name && (text[v.begin] == '-' || std::isdigit(text[v.begin])); });
      return s.name ? text : replaced(s, number(random));
    }
    case 2: return replaced(any(is_string), taken(any(is_string)));
    case 3: {
      const auto is_name = [](const Span& s) { return s.name; };
      const Span s = any(is_name);
      return s.name ? replaced(s, taken(any(is_name))) : text;
    }
    case 4: {  // a value by another of its kind
      const Span s = any([](const Span& v) { return !v.name; });
      const Span by = any([&](const Span& v) { return !v.name && text[v.begin] == text[s.begin]; });
      return replaced(s, taken(by));
    }
    case 5: {  // an item goes, with the comma after or before it
      Span s = any([](const Span& v) { return v.item; });
      if (!s.item) return text;
      while (s.end < text.size() && is_space(text[s.end])) ++s.end;
      if (text[s.end] == ',') {
        ++s.end;
      } else {
        while (s.begin > 0 && is_space(text[s.begin - 1])) --s.begin;
        if (text[s.begin - 1] == ',') --s.begin;
      }
      return replaced(s, "");
    }
    default: {  // an item twice, or another beside it
      const Span s = any([](const Span& v) { return v.item; });
      const Span by = random.one_in(2) ? s : any([](const Span& v) { return v.item; });
      return s.item && by.item ? replaced(s, taken(s) + "," + taken(by)) : text;
    }
  }
}

std::vector<std::byte> mutate_archive(std::span<const std::byte> bytes, Random& random) {
  auto archive = import::Archive::from_bytes(bytes, "");
  if (!archive.ok()) return {};
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<size_t> texts;
  for (const std::string& name : (*archive)->names()) {
    auto data = (*archive)->read(name);
    if (!data.ok()) return {};
    if (name.ends_with(".json")) texts.push_back(entries.size());
    if (name == "models/model.json") texts.insert(texts.end(), 4, entries.size());
    entries.emplace_back(name, std::string(reinterpret_cast<const char*>(data->data()), data->size()));
  }
  for (size_t rounds = 1 + random.below(3); rounds > 0; --rounds) {
    if (random.one_in(24)) {
      std::string& data = entries[random.below(entries.size())].second;
      data.resize(random.below(data.size() + 8));
    } else if (!texts.empty()) {
      std::string& data = entries[texts[random.below(texts.size())]].second;
      data = mutate_json(data, random);
    }
  }
  const std::string out = zip(entries);
  const auto* first = reinterpret_cast<const std::byte*>(out.data());
  return {first, first + out.size()};
}

void mutate_in_place(std::span<uint8_t> bytes, Random& random) {
  if (bytes.size() < 8) return;
  for (size_t rounds = 1 + random.below(3); rounds > 0; --rounds) {
    const size_t word = random.below(bytes.size() / 4) * 4;
    int32_t v;
    switch (random.below(5)) {
      case 0: bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.below(256)); continue;
      case 1: bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1 << random.below(8)); continue;
      case 2: v = static_cast<int32_t>(random.below(64)); break;  // an index, a size, a kind
      case 3: v = static_cast<int32_t>(random.hostile()); break;
      default: std::memcpy(&v, bytes.data() + random.below(bytes.size() / 4) * 4, 4);
    }
    std::memcpy(bytes.data() + word, &v, 4);
  }
}

size_t mutate_flatbuffer(std::span<uint8_t> bytes, size_t part, Random& random) {
  mutate_in_place(bytes.first(part), random);
  return random.one_in(64) ? random.below(bytes.size() + 1) : bytes.size();
}

size_t mutate_program(std::span<uint8_t> bytes, size_t anywhere, Random& random) {
  uint64_t program = bytes.size();
  if (bytes.size() >= 24) std::memcpy(&program, bytes.data() + 16, 8);
  if (program > bytes.size() || random.one_in(anywhere)) program = bytes.size();
  return mutate_flatbuffer(bytes, program, random);
}

}  // namespace portfire::fuzz
