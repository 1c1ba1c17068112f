#pragma once
// Finds the API server and our credentials, in kubectl's order: an explicit file, KUBECONFIG (a
// list; the first file to name a thing wins, missing files are skipped), in-cluster,
// ~/.kube/config. Pure but for reading files. The environment is passed in: only main() looks at
// it.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/credentials.h"
#include "base/result.h"

namespace sluice {

struct ConfigSources {
  std::string kubeconfig_flag = {};  // --kubeconfig; must exist when given.
  std::string context = {};          // --context; empty: the file's current-context.
  std::string kubeconfig_env = {};   // $KUBECONFIG.
  std::string home = {};             // $HOME.
  std::string service_host = {};     // $KUBERNETES_SERVICE_HOST, set in every pod.
  std::string service_port = {};     // $KUBERNETES_SERVICE_PORT.
  std::string account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";

  // Fills what comes from the environment; `lookup` returns nullptr for what is not set (getenv).
  [[nodiscard]] static ConfigSources from_environment(
      const std::function<const char*(const char*)>& lookup);
};

// Errors are kInvalid and say which file, which name and what is missing.
[[nodiscard]] Result<ApiServerConfig> load_api_server_config(const ConfigSources& sources);

// The parts, in the order they are tried. In-cluster needs service_host; a CA or token that cannot
// be read is refused, never ignored.
[[nodiscard]] Result<ApiServerConfig> load_kubeconfig(const std::vector<std::string>& paths,
                                                      const std::string& context);
[[nodiscard]] Result<ApiServerConfig> load_in_cluster(const ConfigSources& sources);

}  // namespace sluice
