#pragma once
// Informer<T>: a Store<T> that a Reflector keeps equal to the server, and the handlers that hear of
// each change. One for each kind, namespace and selector. Loop thread; outlived by loop and client.
//
// Handlers should only enqueue keys. A list that replaces the store is one step: handlers run after
// the swap. An object that vanished unseen is reported deleted (with what was last known); one that
// was deleted and made again under its name is reported deleted, then added. An object that does
// not decode is left out, counted and logged, and never stops the others.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apiclient/reflector.h"
#include "apiclient/store.h"
#include "base/describe.h"
#include "base/log.h"
#include "base/mutant.h"

namespace sluice {

enum class ChangeType { kAdded, kUpdated, kDeleted };

template <class T>
struct Change {
  ChangeType type;
  kube::ObjectKey key;
  std::shared_ptr<const T> before;  // Null when added.
  std::shared_ptr<const T> after;   // Null when deleted.
};

struct InformerOptions {
  Selection selection = {};
  std::vector<std::string> indexed_labels = {};
};

template <class T>
class Informer {
 public:
  using Pointer = std::shared_ptr<const T>;

  Informer(const ApiContext& context, Rng rng, InformerOptions options)
      : kind_(options.selection.kind),
        store_(std::move(options.indexed_labels)),
        undecodable_(context.metrics.counter("sluice_undecodable_objects_total",
                                             "Objects left out because they could not be read.",
                                             {{"kind", std::string(kind_.kind)}})),
        objects_(context.metrics.gauge(
            "sluice_cached_objects", "Objects in the cache.", {{"kind", std::string(kind_.kind)}})),
        reflector_(context.loop, context.client, rng, std::move(options.selection)) {}

  // Before start().
  void on_change(std::function<void(const Change<T>&)> handler) {
    handlers_.push_back(std::move(handler));
  }

  void start() {
    reflector_.start(
        {.on_list_begin = [this] { incoming_.clear(); },
         .on_list_item = [this](JsonView item) { take_item(item); },
         .on_list_item_gone = [this](JsonView item) { drop_item(item); },
         .on_list_end = [this] { replace(); },
         .on_event = [this](WatchEventType type, JsonView object) { take_event(type, object); }});
  }

  void stop() { reflector_.stop(); }

  [[nodiscard]] const kube::ResourceKind& kind() const { return kind_; }

  // The first whole list is in the store and handlers have heard of it.
  [[nodiscard]] bool has_synced() const { return has_synced_; }

  // Why the cache may be behind, while it lasts.
  [[nodiscard]] const std::optional<Error>& problem() const { return reflector_.problem(); }

  [[nodiscard]] Lister<T> lister() const { return Lister<T>(store_); }

 private:
  [[nodiscard]] Pointer decode(JsonView item) {
    Reader reader;
    auto object = std::make_shared<T>();
    reader.read(item, *object, Field{});
    if (reader.ok()) {
      return object;
    }
    undecodable_.add();
    const auto key = object->metadata.key();
    if (reported_.size() < 1000 && reported_.insert(key).second) {
      log_error(
          "an object cannot be read and is left out",
          {{"kind", std::string(kind_.kind)}, {"key", key.text()}, {"error", reader.summary()}});
    }
    return nullptr;
  }

  void take_item(JsonView item) {
    if (Pointer object = decode(item)) {
      incoming_[object->metadata.key()] = std::move(object);
    } else {
      drop_item(item);
    }
  }

  void drop_item(JsonView item) {
    if (const auto key = key_of(item)) {
      incoming_.erase(*key);
    }
  }

  void replace() {
    std::vector<Change<T>> changes;
    for (const auto& [key, object] : incoming_) {
      put(object, changes);
    }
    for (const Pointer& old : store_.list()) {
      if (!incoming_.contains(old->metadata.key()) && !is_planted(Mutant::kDeletedKept)) {
        erase(old->metadata.key(), changes);
      }
    }
    incoming_.clear();
    tell(changes);
    has_synced_ = true;
  }

  void take_event(WatchEventType type, JsonView json) {
    std::vector<Change<T>> changes;
    if (Pointer object = decode(json)) {
      if (type == WatchEventType::kDeleted) {
        erase(object->metadata.key(), changes);
      } else {
        put(std::move(object), changes);
      }
    } else if (const auto key = key_of(json)) {
      erase(*key, changes);  // What we knew of it is not true any more.
    }
    tell(changes);
  }

  // Of any object, be it readable otherwise or not.
  [[nodiscard]] static std::optional<kube::ObjectKey> key_of(JsonView json) {
    Reader reader;
    kube::ObjectMeta meta;
    const auto node = json.find("metadata");
    if (!node) {
      return std::nullopt;
    }
    reader.read(*node, meta, Field{});
    return meta.key();
  }

  void put(const Pointer& object, std::vector<Change<T>>& changes) {
    const kube::ObjectKey key = object->metadata.key();
    const Pointer before = store_.put(object);
    if (before == nullptr) {
      changes.push_back({ChangeType::kAdded, key, nullptr, object});
    } else if (before->metadata.uid != object->metadata.uid) {
      changes.push_back({ChangeType::kDeleted, key, before, nullptr});
      changes.push_back({ChangeType::kAdded, key, nullptr, object});
    } else if (before->metadata.resource_version != object->metadata.resource_version) {
      changes.push_back({ChangeType::kUpdated, key, before, object});
    }
  }

  void erase(const kube::ObjectKey& key, std::vector<Change<T>>& changes) {
    if (Pointer before = store_.erase(key)) {
      changes.push_back({ChangeType::kDeleted, key, std::move(before), nullptr});
    }
  }

  void tell(const std::vector<Change<T>>& changes) {
    objects_.set(static_cast<double>(store_.size()));
    for (const Change<T>& change : changes) {
      for (const auto& handler : handlers_) {
        handler(change);
      }
    }
  }

  kube::ResourceKind kind_;
  Store<T> store_;
  std::map<kube::ObjectKey, Pointer> incoming_;  // A list in the making.
  std::vector<std::function<void(const Change<T>&)>> handlers_;
  std::set<kube::ObjectKey> reported_;
  Counter undecodable_;
  Gauge objects_;
  bool has_synced_ = false;
  Reflector reflector_;  // Last: it calls into the others.
};

}  // namespace sluice
