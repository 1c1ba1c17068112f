#pragma once
// Where the API server is and who we are: plain values, made by kubeconfig.h or in_cluster.h and
// used by CurlTransport. Every file named here was readable when the value was made; files are
// read again later (tokens every 60 s and on 401, certificates with each new connection).

#include <cstddef>
#include <string>

namespace sluice {

// Of every file that is read here.
inline constexpr std::size_t kCredentialBytesMax = std::size_t{10} * 1024 * 1024;

// A text given inline or by the path of a file; both empty: absent. Inline wins.
struct TextOrFile {
  std::string text = {};
  std::string path = {};

  [[nodiscard]] bool empty() const { return text.empty() && path.empty(); }
};

struct ApiServerConfig {
  std::string server = {};           // "https://10.0.0.1:6443", no slash at the end.
  std::string tls_server_name = {};  // SNI and name check, when not the server's host.
  std::string proxy_url = {};        // Empty: what the environment says.
  bool insecure_skip_verify = false;
  TextOrFile certificate_authority = {};  // Empty: the system's.
  TextOrFile client_certificate = {};
  TextOrFile client_key = {};
  TextOrFile token = {};
  std::string default_namespace = "default";
  std::string origin = {};  // For people: "in-cluster" or "context kind-dev of /root/.kube/config".
};

}  // namespace sluice
