#pragma once
// Internal to this folder: the objects of the fake API server and its verbs, without network or
// time of its own. One revision counter for all kinds, a history for watches.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/types/meta.h"
#include "base/rng.h"
#include "base/time.h"
#include "tests/fake_api/api_error.h"
#include "tests/fake_api/crd_schema.h"
#include "tests/fake_api/managed_fields.h"
#include "tests/fake_api/selectors.h"

namespace sluice::fake {

struct KindTraits {
  std::string group;
  std::string version;
  std::string kind;
  std::string plural;
  bool is_namespaced = true;
  bool has_status = false;
  bool has_generation = false;
  bool may_update_unconditionally = true;
  std::shared_ptr<const CrdSchema> schema = nullptr;  // Custom resources.

  [[nodiscard]] std::string id() const { return group + "/" + plural; }

  [[nodiscard]] ListTypes list_types() const;
};

struct StoredObject {
  Json json;
  Ownership owners;
};

// One change, as watches see it.
struct HistoryEvent {
  std::int64_t revision = 0;
  std::string kind_id;
  Json before;  // Null when it was created.
  Json after;   // As it was last when it was deleted.
  bool is_delete = false;
};

// A write: where it goes and on whose behalf.
struct WriteContext {
  std::string manager = "unknown";
  bool is_status = false;
  bool force = false;
};

class ApiState {
 public:
  ApiState(Rng rng, std::function<WallTime()> now);

  void add_kind(KindTraits traits);
  // Null when the kind is not served.
  [[nodiscard]] const KindTraits* find_kind(const std::string& group,
                                            const std::string& plural) const;
  [[nodiscard]] std::vector<const KindTraits*> kinds() const;

  [[nodiscard]] Answer<Json> get(const KindTraits& kind, const kube::ObjectKey& key) const;
  // All of a namespace (or of all, when it is empty) that match, in order of key.
  [[nodiscard]] Answer<std::vector<Json>> list(const KindTraits& kind,
                                               const std::string& namespace_name,
                                               const Selectors& selectors) const;

  Answer<Json> create(const KindTraits& kind,
                      const std::string& namespace_name,
                      Json object,
                      const WriteContext& context);
  Answer<Json> replace(const KindTraits& kind,
                       const kube::ObjectKey& key,
                       Json object,
                       const WriteContext& context);
  Answer<Json> merge_patch(const KindTraits& kind,
                           const kube::ObjectKey& key,
                           const Json& patch,
                           const WriteContext& context);
  Answer<Json> apply(const KindTraits& kind,
                     const kube::ObjectKey& key,
                     Json config,
                     const WriteContext& context);
  // `preconditions` as in DeleteOptions.
  Answer<Json> remove(const KindTraits& kind,
                      const kube::ObjectKey& key,
                      const Json& preconditions);

  // Deletes every object whose owners are all gone (by UID). How many went.
  int collect_garbage();
  // Deletes a namespace's content and refuses creates in it from then on.
  void terminate_namespace(const std::string& namespace_name);
  void refuse_creates_in(const std::string& namespace_name);

  [[nodiscard]] std::int64_t revision() const { return revision_; }

  // Of the last change of any object of a kind; 0 before the first.
  [[nodiscard]] std::int64_t last_change(const std::string& kind_id) const {
    const auto found = last_changes_.find(kind_id);
    return found == last_changes_.end() ? 0 : found->second;
  }

  [[nodiscard]] const std::deque<HistoryEvent>& history() const { return history_; }

  // Changes up to this revision are forgotten: watches from before get 410.
  [[nodiscard]] std::int64_t compacted() const { return compacted_; }

  void compact(std::int64_t up_to);

  void set_history_max(std::size_t events) { history_max_ = events; }

 private:
  using Collection = std::map<kube::ObjectKey, StoredObject>;

  StoredObject* find(const KindTraits& kind, const kube::ObjectKey& key);
  Answer<Json> store_new(const KindTraits& kind, StoredObject object);

  // What an object is to become, and who owns it then; without owners the writer takes what
  // changed.
  struct NewContent {
    Json object;
    std::optional<Ownership> owners = {};
  };

  // Takes what of the content this endpoint may change, validates, stores; a change of nothing
  // keeps the resource version.
  Answer<Json> store_changed(const KindTraits& kind,
                             StoredObject& stored,
                             NewContent content,
                             const WriteContext& context);
  [[nodiscard]] Answer<void> admit(const KindTraits& kind, Json& object, const Json& old) const;
  [[nodiscard]] std::string new_uid();
  void record(HistoryEvent event);
  void erase(const KindTraits& kind, const kube::ObjectKey& key);

  Rng rng_;
  std::function<WallTime()> now_;
  std::int64_t revision_ = 1000;
  std::int64_t compacted_ = 0;
  std::size_t history_max_ = 100'000;
  std::map<std::string, std::unique_ptr<KindTraits>> kinds_;
  std::map<std::string, Collection> collections_;
  std::deque<HistoryEvent> history_;
  std::map<std::string, std::int64_t> last_changes_;  // By kind.
  std::set<std::string> terminating_namespaces_;
};

// Kinds that the server always has.
[[nodiscard]] std::vector<KindTraits> built_in_kinds();
// What the real server refuses of a built-in object, or of any object's metadata; empty: nothing.
[[nodiscard]] std::vector<std::string> validate_built_in(const KindTraits& kind,
                                                         const Json& object,
                                                         const Json& old);
void default_built_in(const KindTraits& kind, Json& object);

// `wanted` holds uid and resourceVersion, either absent: 409 when they are not the stored ones.
[[nodiscard]] Answer<void> check_preconditions(const Json& stored, const Json& wanted);
[[nodiscard]] ApiError not_found(const KindTraits& kind, const std::string& name);

}  // namespace sluice::fake
