#pragma once
// PlanKeeper: puts together what the router runs on. Tables and endpoints arrive from a watch or
// from files; admitted ones are applied to the router and kept on disk, so that a router that
// starts while the API server is away serves what it served last. One thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/router/core/admission.h"
#include "dataplane/router/core/plan.h"
#include "dataplane/router/router.h"

namespace sluice::router {

class PlanKeeper {
 public:
  // `state_folder` may be empty: nothing is kept on disk.
  PlanKeeper(Router& router, std::string state_folder);

  // Takes up what was kept on disk, if anything usable is there.
  void restore();

  // kInvalid: it cannot be read; kConflict: it is older than the one we run. Both leave the running
  // table as it is.
  Status take_table(std::string_view json, TableWriter writer = TableWriter::kOperator);
  // All that is known now; replaces what was known before.
  void take_endpoints(EndpointsByRevision endpoints);

  [[nodiscard]] const std::optional<wire::RouteTable>& table() const { return table_; }

 private:
  void apply();
  void save() const;

  Router& router_;
  std::string state_folder_;
  std::optional<wire::RouteTable> table_;
  EndpointsByRevision endpoints_;
  std::string refused_;  // The last refusal, so that it is logged once.
};

// Reads "revision=host:port,…" (each word one or several, host a numeric address).
[[nodiscard]] Result<EndpointsByRevision> parse_endpoints(const std::vector<std::string>& words);

}  // namespace sluice::router
