#include "apiclient/kubeconfig.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/file.h"
#include "base/json_view.h"

namespace sluice {
namespace {

// The three named lists of all files merged, and where each entry came from: a relative path in an
// entry means "beside my own file".
struct Entry {
  JsonView body;
  std::filesystem::path folder;
  std::string file;
};

struct Merged {
  std::vector<JsonDocument> documents;  // Own what the entries view.
  std::map<std::string, Entry> clusters;
  std::map<std::string, Entry> users;
  std::map<std::string, Entry> contexts;
  std::string current_context;
  std::string files;
};

std::string text_of(JsonView node, std::string_view key) {
  const auto found = node.find(key);
  const auto text = found ? found->as_string() : std::nullopt;
  return text ? std::string(*text) : std::string{};
}

bool flag_of(JsonView node, std::string_view key) {
  const auto found = node.find(key);
  return found && found->as_bool().value_or(false);
}

// `list` holds {name, <body_key>: {...}}; an entry of an earlier file stays.
void merge_list(JsonView root,
                std::pair<std::string_view, std::string_view> keys,
                const std::filesystem::path& file,
                std::map<std::string, Entry>& into) {
  const auto list = root.find(keys.first);
  if (!list) {
    return;
  }
  list->for_each_element([&](JsonView item) {
    const auto body = item.find(keys.second);
    const std::string name = text_of(item, "name");
    if (body && !name.empty()) {
      into.try_emplace(name, Entry{*body, file.parent_path(), file.string()});
    }
  });
}

Status merge_file(const std::string& path, Merged& merged) {
  const auto text = read_file(path, kCredentialBytesMax);
  if (!text) {
    return fail(text.error());
  }
  auto document = JsonDocument::parse_yaml(*text);
  if (!document) {
    return fail(document.error().with_context("kubeconfig " + path));
  }
  const JsonView root = document->root();
  if (root.kind() != JsonKind::kObject) {
    return fail(ErrorCode::kInvalid, "kubeconfig " + path + " is not a mapping");
  }
  merge_list(root, {"clusters", "cluster"}, path, merged.clusters);
  merge_list(root, {"users", "user"}, path, merged.users);
  merge_list(root, {"contexts", "context"}, path, merged.contexts);
  if (merged.current_context.empty()) {
    merged.current_context = text_of(root, "current-context");
  }
  merged.files += (merged.files.empty() ? "" : ":") + path;
  merged.documents.push_back(std::move(*document));
  return {};
}

Result<Entry> find_entry(const std::map<std::string, Entry>& entries,
                         std::string_view kind,
                         const std::string& name,
                         const std::string& files) {
  const auto found = entries.find(name);
  if (found == entries.end()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("kubeconfig {} has no {} named \"{}\"", files, kind, name));
  }
  return found->second;
}

// `<key>-data` (base64) or `<key>` (a path, checked to be readable).
Status take_material(const Entry& entry, const std::string& key, TextOrFile& out) {
  if (const std::string data = text_of(entry.body, key + "-data"); !data.empty()) {
    auto text = base64_decode(data);
    if (!text) {
      return fail(
          text.error().with_context(fmt::format("kubeconfig {}: {}-data", entry.file, key)));
    }
    out.text = std::move(*text);
    return {};
  }
  const std::string path = text_of(entry.body, key);
  if (path.empty()) {
    return {};
  }
  out.path = (entry.folder / path).lexically_normal().string();  // An absolute path stays itself.
  if (const auto text = read_file(out.path, kCredentialBytesMax); !text) {
    return fail(text.error().with_context(fmt::format("kubeconfig {}: {}", entry.file, key)));
  }
  return {};
}

Status take_cluster(const Entry& cluster, ApiServerConfig& config) {
  config.server = text_of(cluster.body, "server");
  while (config.server.ends_with('/')) {
    config.server.pop_back();
  }
  if (!config.server.starts_with("https://") && !config.server.starts_with("http://")) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format(
            "kubeconfig {}: server \"{}\" is not an http(s) URL", cluster.file, config.server));
  }
  config.tls_server_name = text_of(cluster.body, "tls-server-name");
  config.proxy_url = text_of(cluster.body, "proxy-url");
  config.insecure_skip_verify = flag_of(cluster.body, "insecure-skip-tls-verify");
  return take_material(cluster, "certificate-authority", config.certificate_authority);
}

Status take_user(const Entry& user, ApiServerConfig& config) {
  for (const std::string_view unsupported : {"exec", "auth-provider"}) {
    if (user.body.find(unsupported)) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("kubeconfig {}: credentials by \"{}\" are not supported; use a token "
                              "or a client certificate",
                              user.file,
                              unsupported));
    }
  }
  if (!text_of(user.body, "username").empty()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("kubeconfig {}: username and password are not supported", user.file));
  }
  if (auto status = take_material(user, "client-certificate", config.client_certificate); !status) {
    return status;
  }
  if (auto status = take_material(user, "client-key", config.client_key); !status) {
    return status;
  }
  if (config.client_certificate.empty() != config.client_key.empty()) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("kubeconfig {}: client-certificate and client-key go together", user.file));
  }
  config.token.text = text_of(user.body, "token");
  const std::string token_file = text_of(user.body, "tokenFile");
  if (config.token.text.empty() && !token_file.empty()) {
    config.token.path = (user.folder / token_file).lexically_normal().string();
    if (const auto text = read_file(config.token.path, kCredentialBytesMax); !text) {
      return fail(text.error().with_context(fmt::format("kubeconfig {}: tokenFile", user.file)));
    }
  }
  return {};
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    if (const std::string_view part = rest.substr(0, colon); !part.empty()) {
      parts.emplace_back(part);
    }
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  }
  return parts;
}

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

ConfigSources ConfigSources::from_environment(
    const std::function<const char*(const char*)>& lookup) {
  const auto text = [&](const char* name) {
    const char* value = lookup(name);
    return value == nullptr ? std::string{} : std::string(value);
  };
  return {.kubeconfig_env = text("KUBECONFIG"),
          .home = text("HOME"),
          .service_host = text("KUBERNETES_SERVICE_HOST"),
          .service_port = text("KUBERNETES_SERVICE_PORT")};
}

Result<ApiServerConfig> load_kubeconfig(const std::vector<std::string>& paths,
                                        const std::string& context) {
  Merged merged;
  for (const std::string& path : paths) {
    if (auto status = merge_file(path, merged); !status) {
      return fail(status.error());
    }
  }
  const std::string name = context.empty() ? merged.current_context : context;
  if (name.empty()) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("kubeconfig {} has no current-context; name one with --context", merged.files));
  }
  const auto chosen = find_entry(merged.contexts, "context", name, merged.files);
  if (!chosen) {
    return fail(chosen.error());
  }
  const auto cluster =
      find_entry(merged.clusters, "cluster", text_of(chosen->body, "cluster"), merged.files);
  if (!cluster) {
    return fail(cluster.error());
  }
  ApiServerConfig config;
  if (auto status = take_cluster(*cluster, config); !status) {
    return fail(status.error());
  }
  if (const std::string user_name = text_of(chosen->body, "user"); !user_name.empty()) {
    const auto user = find_entry(merged.users, "user", user_name, merged.files);
    if (!user) {
      return fail(user.error());
    }
    if (auto status = take_user(*user, config); !status) {
      return fail(status.error());
    }
  }
  if (const std::string chosen_namespace = text_of(chosen->body, "namespace");
      !chosen_namespace.empty()) {
    config.default_namespace = chosen_namespace;
  }
  config.origin = fmt::format("context {} of {}", name, merged.files);
  return config;
}

Result<ApiServerConfig> load_api_server_config(const ConfigSources& sources) {
  if (!sources.kubeconfig_flag.empty()) {
    return load_kubeconfig({sources.kubeconfig_flag}, sources.context);
  }
  if (!sources.kubeconfig_env.empty()) {
    std::vector<std::string> present;
    for (const std::string& path : split_list(sources.kubeconfig_env)) {
      if (exists(path)) {
        present.push_back(path);
      }
    }
    if (present.empty()) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("no file of KUBECONFIG={} exists", sources.kubeconfig_env));
    }
    return load_kubeconfig(present, sources.context);
  }
  if (!sources.service_host.empty() && sources.context.empty()) {
    return load_in_cluster(sources);
  }
  const std::string home_config = sources.home + "/.kube/config";
  if (!sources.home.empty() && exists(home_config)) {
    return load_kubeconfig({home_config}, sources.context);
  }
  return fail(ErrorCode::kInvalid,
              "no API server is known: give --kubeconfig, set KUBECONFIG, or run in a cluster");
}

}  // namespace sluice
