// Text of untrusted origin in JSON.
#pragma once

#include <string>
#include <string_view>

namespace portfire::cli {

// As a JSON string, quoted. It is valid UTF-8 whatever the text is, and holds no <, > or &: it may stand in a page's script.
std::string json_text(std::string_view text);

}  // namespace portfire::cli
