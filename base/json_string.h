#pragma once
// The one way in which text becomes a JSON string; JsonWriter and json_quote() write theirs by it.

#include <string>
#include <string_view>

namespace sluice {

// Appends `text` as a JSON string, quotes and all. Each byte that is not UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace sluice
