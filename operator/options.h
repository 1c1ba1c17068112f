#pragma once
// Options: what the operator is told by flags and environment. Plain values, read once by main.

#include <functional>
#include <string>
#include <vector>

#include "apiclient/kubeconfig.h"
#include "base/log.h"
#include "base/result.h"

namespace sluice {

struct OperatorOptions {
  std::string image = {};            // Of the workers and routers made from now on.
  std::string pod_name = {};         // Ours, for the lease's holder and the events' instance.
  std::string pod_namespace = {};    // Ours: of the lease, the key for tokens, our pods.
  std::string watch_namespace = {};  // Empty: all.
  bool leader_elect = true;
  std::string http_address = "0.0.0.0";
  std::int64_t http_port = 8080;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kJson;
  ConfigSources api_server = {};
  std::string help = {};  // Set when --help was asked for: print it and exit with 0.
};

// kInvalid names the flag that is wrong. `lookup` is getenv or a stand-in.
[[nodiscard]] Result<OperatorOptions> read_options(
    const std::vector<std::string>& arguments,
    const std::function<const char*(const char*)>& lookup);

}  // namespace sluice
