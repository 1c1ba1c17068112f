#include "base/http/bearer.h"

#include <filesystem>
#include <utility>

#include "base/file.h"

namespace sluice::http {
namespace {

constexpr std::size_t kWordBytesMax = 4096;
constexpr std::string_view kScheme = "Bearer ";

// In a time that tells nothing of where they differ.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) {
    return false;
  }
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto bits = static_cast<unsigned>(a[i] ^ b[i]);
    difference |= bits;
  }
  return difference == 0;
}

}  // namespace

Bearer::Bearer(std::string path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    path_ = std::move(path);
  }
}

std::string Bearer::word() const {
  if (path_.empty()) {
    return {};
  }
  std::string word = read_file(path_, kWordBytesMax).value_or(std::string());
  while (word.ends_with('\n')) {
    word.pop_back();
  }
  return word;
}

bool Bearer::admits(const Request& request) const {
  if (path_.empty()) {
    return true;
  }
  const std::string expected = word();
  const std::string_view authorization = request.header("Authorization");
  const std::string_view given = authorization.starts_with(kScheme)
                                     ? authorization.substr(kScheme.size())
                                     : request.header(kTokenHeader);
  return !expected.empty() && is_same(given, expected);
}

Response unauthorized() {
  Response response =
      error_response(401, "unauthorized", "This endpoint needs the token of its index.");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace sluice::http
