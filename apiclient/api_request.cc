#include "apiclient/api_request.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/json_writer.h"

namespace sluice {
namespace {

constexpr std::string_view kApplyType = "application/apply-patch+yaml";  // JSON is YAML too.
constexpr std::string_view kMergeType = "application/merge-patch+json";
constexpr std::string_view kJsonType = "application/json";

std::string_view method_of(Verb verb) {
  switch (verb) {
    case Verb::kGet:
      return "GET";
    case Verb::kCreate:
      return "POST";
    case Verb::kApply:
    case Verb::kMergePatch:
      return "PATCH";
    case Verb::kReplace:
    case Verb::kReplaceStatus:
      return "PUT";
    case Verb::kDelete:
      return "DELETE";
  }
  return "GET";
}

std::string_view content_type_of(Verb verb) {
  switch (verb) {
    case Verb::kApply:
      return kApplyType;
    case Verb::kMergePatch:
      return kMergeType;
    case Verb::kGet:
    case Verb::kCreate:
    case Verb::kReplace:
    case Verb::kReplaceStatus:
    case Verb::kDelete:
      return kJsonType;
  }
  return kJsonType;
}

// The server takes preconditions of an apply or a patch from the body's metadata.
std::string with_precondition(const std::string& body, const Precondition& precondition) {
  if (precondition == Precondition{}) {
    return body;
  }
  auto json = nlohmann::ordered_json::parse(body, nullptr, false);
  CHECK(json.is_object());  // Bodies are made by us.
  if (!precondition.uid.empty()) {
    json["metadata"]["uid"] = precondition.uid;
  }
  if (!precondition.resource_version.empty()) {
    json["metadata"]["resourceVersion"] = precondition.resource_version;
  }
  return json.dump();
}

std::string delete_options(const Precondition& precondition) {
  JsonWriter json;
  json.begin_object()
      .member("kind", "DeleteOptions")
      .member("apiVersion", "v1")
      .member("propagationPolicy", "Background");
  if (!(precondition == Precondition{})) {
    json.key("preconditions").begin_object();
    if (!precondition.uid.empty()) {
      json.member("uid", std::string_view(precondition.uid));
    }
    if (!precondition.resource_version.empty()) {
      json.member("resourceVersion", std::string_view(precondition.resource_version));
    }
    json.end_object();
  }
  return json.end_object().take();
}

}  // namespace

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::kGet:
      return "get";
    case Verb::kCreate:
      return "create";
    case Verb::kApply:
      return "apply";
    case Verb::kReplace:
      return "replace";
    case Verb::kReplaceStatus:
      return "replace status of";
    case Verb::kMergePatch:
      return "patch";
    case Verb::kDelete:
      return "delete";
  }
  return "get";
}

std::string ApiRequest::describe() const {
  return fmt::format("{} {} {}", to_string(verb), kind.kind, key.text());
}

ApiRequest get_object(const kube::ResourceKind& kind, kube::ObjectKey key) {
  return {.verb = Verb::kGet, .kind = kind, .key = std::move(key)};
}

ApiRequest create_object(const kube::ResourceKind& kind, kube::ObjectKey key, std::string body) {
  return {.verb = Verb::kCreate, .kind = kind, .key = std::move(key), .body = std::move(body)};
}

ApiRequest apply_object(const kube::ResourceKind& kind,
                        kube::ObjectKey key,
                        std::string body,
                        Precondition precondition) {
  return {.verb = Verb::kApply,
          .kind = kind,
          .key = std::move(key),
          .body = std::move(body),
          .precondition = std::move(precondition)};
}

ApiRequest replace_object(const kube::ResourceKind& kind, kube::ObjectKey key, std::string body) {
  return {.verb = Verb::kReplace, .kind = kind, .key = std::move(key), .body = std::move(body)};
}

ApiRequest replace_status(const kube::ResourceKind& kind,
                          const kube::ObjectMeta& basis,
                          std::string_view status_json) {
  CHECK(!basis.resource_version.empty());
  JsonWriter json;
  json.begin_object()
      .member("apiVersion", std::string_view(kind.api_version()))
      .member("kind", kind.kind)
      .key("metadata")
      .begin_object()
      .member("name", std::string_view(basis.name));
  if (!basis.namespace_name.empty()) {
    json.member("namespace", std::string_view(basis.namespace_name));
  }
  json.member("uid", std::string_view(basis.uid))
      .member("resourceVersion", std::string_view(basis.resource_version))
      .end_object()
      .key("status")
      .raw(status_json)
      .end_object();
  return {.verb = Verb::kReplaceStatus,
          .kind = kind,
          .key = basis.key(),
          .body = json.take(),
          .precondition = {.uid = basis.uid, .resource_version = basis.resource_version}};
}

ApiRequest merge_patch(const kube::ResourceKind& kind,
                       kube::ObjectKey key,
                       std::string patch,
                       Precondition precondition) {
  return {.verb = Verb::kMergePatch,
          .kind = kind,
          .key = std::move(key),
          .body = std::move(patch),
          .precondition = std::move(precondition)};
}

ApiRequest delete_object(const kube::ResourceKind& kind,
                         kube::ObjectKey key,
                         Precondition precondition) {
  return {.verb = Verb::kDelete,
          .kind = kind,
          .key = std::move(key),
          .precondition = std::move(precondition)};
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string collection_path(const kube::ResourceKind& kind, std::string_view namespace_name) {
  std::string path = kind.group.empty() ? "/api/" : fmt::format("/apis/{}/", kind.group);
  path += kind.version;
  if (!namespace_name.empty()) {
    path += "/namespaces/" + url_encode(namespace_name);
  }
  return fmt::format("{}/{}", path, kind.plural);
}

std::string object_path(const kube::ResourceKind& kind, const kube::ObjectKey& key) {
  return collection_path(kind, key.namespace_name) + "/" + url_encode(key.name);
}

HttpRequest to_http(const ApiRequest& request) {
  HttpRequest http;
  http.method = method_of(request.verb);
  http.deadline = request.deadline;
  http.is_urgent = request.is_urgent;
  http.headers = {{"Accept", "application/json"}};
  http.url = request.verb == Verb::kCreate
                 ? collection_path(request.kind, request.key.namespace_name)
                 : object_path(request.kind, request.key);
  if (request.verb == Verb::kGet) {
    return http;
  }
  http.headers.emplace_back("Content-Type", std::string(content_type_of(request.verb)));
  if (request.verb == Verb::kDelete) {
    http.body = delete_options(request.precondition);
    return http;
  }
  if (request.verb == Verb::kReplaceStatus) {
    http.url += "/status";
  }
  http.url += fmt::format("?fieldManager={}", kFieldManagerName);
  if (request.force) {
    CHECK(request.verb == Verb::kApply);
    http.url += "&force=true";
  }
  const bool has_body_precondition =
      request.verb == Verb::kApply || request.verb == Verb::kMergePatch;
  http.body =
      has_body_precondition ? with_precondition(request.body, request.precondition) : request.body;
  return http;
}

}  // namespace sluice
