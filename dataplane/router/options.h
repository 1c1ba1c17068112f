#pragma once
// The command line of sluice-router.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "dataplane/router/core/plan.h"
#include "dataplane/router/proxy_options.h"

namespace sluice::router {

struct ProgramOptions {
  ProxyOptions proxy = {};
  std::size_t threads = 1;
  std::string name = {};  // Pod name.
  std::string log_format = "json";
  std::string state_folder = {};
  Duration drain_delay = std::chrono::seconds{5};
  Duration drain_deadline = std::chrono::seconds{20};
  // In a cluster: whose route is watched.
  std::string index = {};
  std::string namespace_name = {};
  std::string kubeconfig = {};
  // Without one: a file instead of the ConfigMap, and workers that do not change.
  std::string table_file = {};
  EndpointsByRevision endpoints = {};
  std::string help = {};  // Not empty: print it and leave.
};

// `cores` and `host_name` are the defaults of --threads and --name.
struct MachineFacts {
  std::size_t cores = 1;
  std::string host_name = {};
};

[[nodiscard]] Result<ProgramOptions> parse_options(const std::vector<std::string>& arguments,
                                                   const MachineFacts& machine);

}  // namespace sluice::router
