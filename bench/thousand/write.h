#pragma once
// Write: one write to the API server as it was made, with what the server called the object then.
// As text: a line of JSON each. Plain values.

#include <string>
#include <string_view>
#include <vector>

#include "apiclient/transport.h"
#include "base/result.h"

namespace sluice::bench {

// What the server said of an object.
struct ServerNames {
  std::string uid = {};
  std::string resource_version = {};
};

struct Write {
  std::string method = {};
  std::string url = {};
  std::string content_type = {};
  std::string body = {};
  ServerNames names = {};  // Of the object after it.
};

[[nodiscard]] HttpRequest request_of(const Write& write);
[[nodiscard]] ServerNames names_in(std::string_view answer);

[[nodiscard]] std::string line_of(const Write& write);
// kInvalid names the first line that is none.
[[nodiscard]] Result<std::vector<Write>> read_writes(std::string_view text);

}  // namespace sluice::bench
