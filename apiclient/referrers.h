#pragma once
// Referrers<T>: the objects of a cache that name another object, found by that one's key, so that
// whoever looks at one of a thousand does not go through the other 999. Kept by the informer's
// changes; make it before the informer starts and before handlers that ask it. Both live equally
// long. Loop thread.

#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "apiclient/informer.h"

namespace sluice {

template <class T>
class Referrers {
 public:
  // `target_of`: whom an object names; pure.
  Referrers(Informer<T>& informer, std::function<kube::ObjectKey(const T&)> target_of)
      : lister_(informer.lister()), target_of_(std::move(target_of)) {
    informer.on_change([this](const Change<T>& change) { take(change); });
  }

  Referrers(const Referrers&) = delete;
  Referrers& operator=(const Referrers&) = delete;

  // In order of their keys.
  [[nodiscard]] std::vector<typename Lister<T>::Pointer> of(const kube::ObjectKey& target) const {
    std::vector<typename Lister<T>::Pointer> all;
    const auto found = by_target_.find(target);
    if (found == by_target_.end()) {
      return all;
    }
    for (const kube::ObjectKey& key : found->second) {
      // The cache moves in one step, and its changes are told one by one after it.
      if (auto object = lister_.get(key); object != nullptr && target_of_(*object) == target) {
        all.push_back(std::move(object));
      }
    }
    return all;
  }

 private:
  void take(const Change<T>& change) {
    if (change.before != nullptr) {
      const auto found = by_target_.find(target_of_(*change.before));
      if (found != by_target_.end() && found->second.erase(change.key) > 0 &&
          found->second.empty()) {
        by_target_.erase(found);
      }
    }
    if (change.after != nullptr) {
      by_target_[target_of_(*change.after)].insert(change.key);
    }
  }

  Lister<T> lister_;
  std::function<kube::ObjectKey(const T&)> target_of_;
  std::map<kube::ObjectKey, std::set<kube::ObjectKey>> by_target_;
};

}  // namespace sluice
