#include "tests/sim/normal_form.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <vector>

#include "apiclient/types/apps.h"
#include "apiclient/types/core.h"
#include "apiclient/types/discovery.h"
#include "crds/names.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

// Of any object, wherever they stand.
const std::set<std::string, std::less<>>& left_out() {
  static const std::set<std::string, std::less<>> names{
      "uid",
      "resourceVersion",
      "managedFields",
      "podIP",
      "addresses",
      // How many samples a verdict took depends on how long the operator was away.
      "message",
      "inputs",
      "block",
      "objectives",
      "sluice.dev/rejection",
      "sluice.dev/applied"};  // A hash of all the rest.
  return names;
}

// 2027-01-15T08:00:00Z and the like.
bool is_time(std::string_view text) {
  constexpr std::string_view kPattern = "0000-00-00T00:00:00";
  if (text.size() <= kPattern.size() || text.back() != 'Z') {
    return false;
  }
  return std::ranges::equal(kPattern, text.substr(0, kPattern.size()), [](char wanted, char c) {
    return wanted == '0' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : wanted == c;
  });
}

void strip(Json& node) {
  if (node.is_string() && is_time(node.get_ref<const std::string&>())) {
    node = "<time>";
  }
  if (node.is_object()) {
    for (auto at = node.begin(); at != node.end();) {
      at = left_out().contains(at.key()) ? node.erase(at) : std::next(at);
    }
  }
  if (node.is_structured()) {
    for (Json& child : node) {
      strip(child);
    }
  }
}

// How often routers were told something is no part of where they ended.
void strip_route_table(Json& object) {
  const std::string name(api::kRouteTableKey);
  if (object["kind"] == "ConfigMap" && object["data"].contains(name)) {
    Json table = Json::parse(object["data"][name].get_ref<const std::string&>());
    for (const char* member : {"uid", "epoch", "generation"}) {
      table.erase(member);
    }
    object["data"][name] = table.dump();
  }
}

}  // namespace

std::string normal_form(FakeApiServer& server, Statuses statuses) {
  const std::vector<kube::ResourceKind> kinds{api::kRagIndexKind,
                                              api::kCanaryRolloutKind,
                                              api::kModelVersionKind,
                                              kube::kControllerRevisionKind,
                                              kube::kDeploymentKind,
                                              kube::kPodKind,
                                              kube::kServiceKind,
                                              kube::kEndpointSliceKind,
                                              kube::kConfigMapKind,
                                              kube::kServiceAccountKind,
                                              kube::kRoleKind,
                                              kube::kRoleBindingKind,
                                              kube::kPodDisruptionBudgetKind,
                                              kube::kNetworkPolicyKind};
  std::string text;
  for (const kube::ResourceKind& kind : kinds) {
    for (const std::string& body : server.list_text(kind)) {
      Json object = Json::parse(body);
      strip(object);
      if (statuses == Statuses::kLeftOut) {
        object.erase("status");
        strip_route_table(object);
      } else if (object["status"].contains("phase") && object["status"].contains("verdict")) {
        object["status"].erase("verdict");  // One line with the figures in it.
      }
      text += object.dump() + "\n";
    }
  }
  return text;
}

}  // namespace sluice
