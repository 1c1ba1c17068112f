#pragma once
// ApiRequest: one call to the API server as a plain value. Actions are rendered to these by pure
// functions, so that their bytes can be tested; to_http says what goes over the wire.

#include <string>
#include <string_view>

#include "apiclient/transport.h"
#include "apiclient/types/meta.h"

namespace sluice {

enum class Verb { kGet, kCreate, kApply, kReplace, kReplaceStatus, kMergePatch, kDelete };

[[nodiscard]] std::string_view to_string(Verb verb);

[[nodiscard]] inline bool is_write(Verb verb) {
  return verb != Verb::kGet;
}

// The one server-side-apply manager, for ever: another name would leave fields behind that nobody
// owns any more.
inline constexpr std::string_view kFieldManagerName = "sluice";

// What must hold on the server for a write to happen; empty members are not checked. A write whose
// precondition fails gives kConflict.
struct Precondition {
  std::string uid = {};
  std::string resource_version = {};
  bool operator==(const Precondition&) const = default;
};

struct ApiRequest {
  Verb verb = Verb::kGet;
  kube::ResourceKind kind = {};
  kube::ObjectKey key = {};
  std::string body = {};  // JSON of an object; a merge patch; empty for get and delete.
  Precondition precondition = {};
  bool force = false;  // Apply only: take fields over from other managers.
  Duration deadline = std::chrono::seconds{30};
  bool is_urgent = false;  // The lease: never waits for a slot, never fenced.

  // "apply Deployment default/packages-r1-worker", for logs and errors.
  [[nodiscard]] std::string describe() const;
};

[[nodiscard]] ApiRequest get_object(const kube::ResourceKind& kind, kube::ObjectKey key);
// Creates; kConflict when the name is taken.
[[nodiscard]] ApiRequest create_object(const kube::ResourceKind& kind,
                                       kube::ObjectKey key,
                                       std::string body);
// Server-side apply: creates or changes what `body` says and nothing else. With a uid it never
// creates. `body` must carry apiVersion, kind and metadata.name.
[[nodiscard]] ApiRequest apply_object(const kube::ResourceKind& kind,
                                      kube::ObjectKey key,
                                      std::string body,
                                      Precondition precondition = {});
// PUT of the whole object: only for objects whose every field is ours (the lease).
[[nodiscard]] ApiRequest replace_object(const kube::ResourceKind& kind,
                                        kube::ObjectKey key,
                                        std::string body);
// PUT on /status under the resource version (and uid) of the object that the decision was made on.
[[nodiscard]] ApiRequest replace_status(const kube::ResourceKind& kind,
                                        const kube::ObjectMeta& basis,
                                        std::string_view status_json);
// RFC 7396: null removes. For annotations and labels of objects that others own too.
[[nodiscard]] ApiRequest merge_patch(const kube::ResourceKind& kind,
                                     kube::ObjectKey key,
                                     std::string patch,
                                     Precondition precondition = {});
// Background propagation. Give the uid: another object may bear the name by now.
[[nodiscard]] ApiRequest delete_object(const kube::ResourceKind& kind,
                                       kube::ObjectKey key,
                                       Precondition precondition);

// "/apis/apps/v1/namespaces/default/deployments"; a kind without a namespace has an empty one.
[[nodiscard]] std::string collection_path(const kube::ResourceKind& kind,
                                          std::string_view namespace_name);
[[nodiscard]] std::string object_path(const kube::ResourceKind& kind, const kube::ObjectKey& key);
// Percent-encodes all but unreserved characters.
[[nodiscard]] std::string url_encode(std::string_view text);

[[nodiscard]] HttpRequest to_http(const ApiRequest& request);

}  // namespace sluice
