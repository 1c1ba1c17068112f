#pragma once
// ChangeList: who wants to hear that something about an index has arrived. Subscribe before the
// first scrape; there is no way back. Subscribers should only enqueue the key. Loop thread.

#include <functional>
#include <utility>
#include <vector>

#include "apiclient/types/meta.h"

namespace sluice::scrape {

using IndexChanged = std::function<void(const kube::ObjectKey& index)>;

class ChangeList {
 public:
  void subscribe(IndexChanged changed) { subscribers_.push_back(std::move(changed)); }

  void tell(const kube::ObjectKey& index) const {
    for (const IndexChanged& changed : subscribers_) {
      changed(index);
    }
  }

 private:
  std::vector<IndexChanged> subscribers_;
};

}  // namespace sluice::scrape
