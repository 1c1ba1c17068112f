#include <fmt/format.h>

#include "apiclient/kubeconfig.h"
#include "base/file.h"

namespace sluice {

Result<ApiServerConfig> load_in_cluster(const ConfigSources& sources) {
  if (sources.service_host.empty() || sources.service_port.empty()) {
    return fail(ErrorCode::kInvalid,
                "not in a cluster: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set");
  }
  const bool is_ipv6 = sources.service_host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + sources.service_host + "]" : sources.service_host;
  const std::string ca_path = sources.account_folder + "/ca.crt";
  const std::string token_path = sources.account_folder + "/token";
  for (const std::string& path : {ca_path, token_path}) {
    const auto text = read_file(path, kCredentialBytesMax);
    if (!text) {
      return fail(text.error().with_context("in-cluster credentials"));
    }
    if (text->empty()) {
      return fail(ErrorCode::kInvalid, "in-cluster credentials: " + path + " is empty");
    }
  }
  ApiServerConfig config{.server = fmt::format("https://{}:{}", host, sources.service_port)};
  config.certificate_authority.path = ca_path;
  config.token.path = token_path;
  config.origin = "in-cluster";
  if (auto name = read_file(sources.account_folder + "/namespace", kCredentialBytesMax);
      name && !name->empty()) {
    config.default_namespace = std::move(*name);
  }
  return config;
}

}  // namespace sluice
