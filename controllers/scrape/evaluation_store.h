#pragma once
// EvaluationStore: per-query results of revisions by (namespace, revision, evaluation digest). They
// never change once made, so each is fetched once. Written by the Scraper, read by canary_rollout.
// Loop thread. Entries go when no index's plan names them any more.

#include <compare>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "controllers/scrape/change_list.h"
#include "dataplane/wire/build_report.h"

namespace sluice::scrape {

struct EvaluationKey {
  std::string namespace_name = {};
  std::string revision = {};
  std::string digest = {};  // RevisionFacts::evaluation_digest, or see key_of_reevaluation().
  auto operator<=>(const EvaluationKey&) const = default;
};

// Of results that a revision's workers were asked for on this golden set.
[[nodiscard]] EvaluationKey key_of_reevaluation(const std::string& namespace_name,
                                                const std::string& revision,
                                                const api::HttpSource& golden_set);

class EvaluationStore {
 public:
  // Null until the results have been fetched. What is returned stays valid while it is held.
  [[nodiscard]] std::shared_ptr<const wire::EvaluationResults> find(const EvaluationKey& key) const;
  // Why the last attempt to fetch them failed; empty when none did.
  [[nodiscard]] std::string problem(const EvaluationKey& key) const;

  // Called when results arrive, and when fetching them fails for a new reason.
  void on_change(IndexChanged changed) { changes_.subscribe(std::move(changed)); }

  // The Scraper's side.
  void put(const kube::ObjectKey& index, const EvaluationKey& key, wire::EvaluationResults results);
  void put_error(const kube::ObjectKey& index, const EvaluationKey& key, std::string error);
  // Forgets all of the index's entries but these.
  void retain(const kube::ObjectKey& index, const std::set<EvaluationKey>& wanted);

 private:
  struct Entry {
    kube::ObjectKey index;
    std::shared_ptr<const wire::EvaluationResults> results;
    std::string error;
  };

  std::map<EvaluationKey, Entry> entries_;
  ChangeList changes_;
};

}  // namespace sluice::scrape
