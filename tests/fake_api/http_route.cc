#include "tests/fake_api/http_route.h"

#include <vector>

namespace sluice::fake {
namespace {

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    if (end != 0) {
      parts.push_back(decoded(text.substr(0, end)));
    }
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return parts;
}

}  // namespace

std::optional<Route> route_of(std::string_view url) {
  Route route;
  const auto question = url.find('?');
  if (question != std::string_view::npos) {
    for (const std::string& pair : split(url.substr(question + 1), '&')) {
      // Values were decoded whole; only the first "=" separates.
      const auto equals = pair.find('=');
      route.query[pair.substr(0, equals)] =
          equals == std::string::npos ? "" : pair.substr(equals + 1);
    }
  }
  const auto parts = split(url.substr(0, question), '/');
  std::size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    route.version = parts[1];
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    route.group = parts[1];
    route.version = parts[2];
    at = 3;
  } else {
    return std::nullopt;
  }
  if (parts[at] == "namespaces" && parts.size() > at + 2) {
    route.namespace_name = parts[at + 1];
    at += 2;
  }
  route.plural = parts[at];
  route.name = parts.size() > at + 1 ? parts[at + 1] : "";
  route.subresource = parts.size() > at + 2 ? parts[at + 2] : "";
  if (parts.size() > at + 3) {
    return std::nullopt;
  }
  return route;
}

}  // namespace sluice::fake
