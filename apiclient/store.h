#pragma once
// Store<T>: typed, pruned objects by key, with indexes by owner UID and by chosen labels. Values
// are immutable and shared: a reader keeps what it got while the store moves on. Loop thread.

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apiclient/types/meta.h"
#include "base/check.h"

namespace sluice {

template <class T>
class Store {
 public:
  using Pointer = std::shared_ptr<const T>;

  explicit Store(std::vector<std::string> indexed_labels = {})
      : indexed_labels_(std::move(indexed_labels)) {}

  // Null when there is none.
  [[nodiscard]] Pointer get(const kube::ObjectKey& key) const {
    const auto found = objects_.find(key);
    return found == objects_.end() ? nullptr : found->second;
  }

  // In order of key, as are the others.
  [[nodiscard]] std::vector<Pointer> list() const {
    std::vector<Pointer> all;
    all.reserve(objects_.size());
    for (const auto& [key, object] : objects_) {
      all.push_back(object);
    }
    return all;
  }

  [[nodiscard]] std::vector<Pointer> list(std::string_view namespace_name) const {
    std::vector<Pointer> some;
    const kube::ObjectKey first{std::string(namespace_name), ""};
    for (auto at = objects_.lower_bound(first);
         at != objects_.end() && at->first.namespace_name == namespace_name;
         ++at) {
      some.push_back(at->second);
    }
    return some;
  }

  // Objects with an owner reference to this UID.
  [[nodiscard]] std::vector<Pointer> by_owner(std::string_view uid) const {
    return of_index({std::string{}, std::string(uid)});
  }

  // Objects with this label, which must be an indexed one.
  [[nodiscard]] std::vector<Pointer> by_label(std::string_view name, std::string_view value) const {
    CHECK(std::ranges::find(indexed_labels_, name) != indexed_labels_.end());
    return of_index({std::string(name), std::string(value)});
  }

  [[nodiscard]] std::size_t size() const { return objects_.size(); }

  // Returns what was there before, or null.
  Pointer put(Pointer object) {
    const kube::ObjectKey key = object->metadata.key();
    Pointer before = erase(key);
    for (const auto& entry : entries_of(*object)) {
      index_[entry].insert(key);
    }
    objects_.emplace(key, std::move(object));
    return before;
  }

  // Returns what was there, or null.
  Pointer erase(const kube::ObjectKey& key) {
    const auto found = objects_.find(key);
    if (found == objects_.end()) {
      return nullptr;
    }
    Pointer before = found->second;
    for (const auto& entry : entries_of(*before)) {
      const auto keys = index_.find(entry);
      keys->second.erase(key);
      if (keys->second.empty()) {
        index_.erase(keys);
      }
    }
    objects_.erase(found);
    return before;
  }

 private:
  // Label name and value; the empty name stands for "owner UID".
  using IndexEntry = std::pair<std::string, std::string>;

  [[nodiscard]] std::set<IndexEntry> entries_of(const T& object) const {
    std::set<IndexEntry> entries;
    for (const kube::OwnerReference& owner : object.metadata.owner_references) {
      entries.emplace(std::string{}, owner.uid);
    }
    for (const std::string& name : indexed_labels_) {
      const auto label = object.metadata.labels.find(name);
      if (label != object.metadata.labels.end()) {
        entries.emplace(name, label->second);
      }
    }
    return entries;
  }

  [[nodiscard]] std::vector<Pointer> of_index(const IndexEntry& entry) const {
    std::vector<Pointer> some;
    const auto keys = index_.find(entry);
    if (keys != index_.end()) {
      for (const kube::ObjectKey& key : keys->second) {
        some.push_back(objects_.at(key));
      }
    }
    return some;
  }

  std::vector<std::string> indexed_labels_;
  std::map<kube::ObjectKey, Pointer> objects_;
  std::map<IndexEntry, std::set<kube::ObjectKey>> index_;
};

// What readers get: the store without the means to change it. Never makes a watch by itself.
template <class T>
class Lister {
 public:
  using Pointer = Store<T>::Pointer;

  explicit Lister(const Store<T>& store) : store_(&store) {}

  [[nodiscard]] Pointer get(const kube::ObjectKey& key) const { return store_->get(key); }

  [[nodiscard]] std::vector<Pointer> list() const { return store_->list(); }

  [[nodiscard]] std::vector<Pointer> list(std::string_view namespace_name) const {
    return store_->list(namespace_name);
  }

  [[nodiscard]] std::vector<Pointer> by_owner(std::string_view uid) const {
    return store_->by_owner(uid);
  }

  [[nodiscard]] std::vector<Pointer> by_label(std::string_view name, std::string_view value) const {
    return store_->by_label(name, value);
  }

 private:
  const Store<T>* store_;
};

}  // namespace sluice
