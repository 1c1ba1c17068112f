#pragma once
// Internal to this folder: what a URL of the Kubernetes API means.

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::fake {

struct Route {
  std::string group;
  std::string version;
  std::string namespace_name;
  std::string plural;
  std::string name;         // Empty: the collection.
  std::string subresource;  // "status" or empty.
  std::map<std::string, std::string> query;

  [[nodiscard]] std::string parameter(const std::string& key) const {
    const auto found = query.find(key);
    return found == query.end() ? std::string{} : found->second;
  }
};

// Empty when the path is none of the API's.
[[nodiscard]] std::optional<Route> route_of(std::string_view url);

}  // namespace sluice::fake
