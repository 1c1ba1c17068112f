#include "controllers/scrape/evaluation_store.h"

namespace sluice::scrape {

EvaluationKey key_of_reevaluation(const std::string& namespace_name,
                                  const std::string& revision,
                                  const api::HttpSource& golden_set) {
  return {.namespace_name = namespace_name,
          .revision = revision,
          .digest = golden_set.url + " " + golden_set.sha256.value_or("")};
}

std::shared_ptr<const wire::EvaluationResults> EvaluationStore::find(
    const EvaluationKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.results;
}

std::string EvaluationStore::problem(const EvaluationKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::string{} : found->second.error;
}

void EvaluationStore::put(const kube::ObjectKey& index,
                          const EvaluationKey& key,
                          wire::EvaluationResults results) {
  entries_[key] = {.index = index,
                   .results = std::make_shared<const wire::EvaluationResults>(std::move(results)),
                   .error = {}};
  changes_.tell(index);
}

void EvaluationStore::put_error(const kube::ObjectKey& index,
                                const EvaluationKey& key,
                                std::string error) {
  Entry& entry = entries_[key];
  entry.index = index;
  if (entry.error != error) {
    entry.error = std::move(error);
    changes_.tell(index);
  }
}

void EvaluationStore::retain(const kube::ObjectKey& index, const std::set<EvaluationKey>& wanted) {
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.second.index == index && !wanted.contains(entry.first);
  });
}

}  // namespace sluice::scrape
