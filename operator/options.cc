#include "operator/options.h"

#include <fmt/format.h>

#include "base/flags.h"

namespace sluice {
namespace {

std::string text_of(const std::function<const char*(const char*)>& lookup, const char* name) {
  const char* value = lookup(name);
  return value == nullptr ? std::string{} : std::string(value);
}

Result<LogLevel> level_of(const std::string& text) {
  if (text == "debug") {
    return LogLevel::kDebug;
  }
  if (text == "info") {
    return LogLevel::kInfo;
  }
  if (text == "warn") {
    return LogLevel::kWarn;
  }
  if (text == "error") {
    return LogLevel::kError;
  }
  return fail(ErrorCode::kInvalid,
              fmt::format("--log-level: \"{}\" is not debug, info, warn or error", text));
}

Status check(const OperatorOptions& options) {
  if (options.image.empty()) {
    return fail(ErrorCode::kInvalid,
                "--image (or SLUICE_IMAGE) is needed: the image of workers and routers");
  }
  if (options.pod_namespace.empty()) {
    return fail(
        ErrorCode::kInvalid,
        "--namespace (or POD_NAMESPACE) is needed: the key for tokens and the leader's lease "
        "are kept there");
  }
  if (options.http_port < 0 || options.http_port > 65535) {
    return fail(ErrorCode::kInvalid, "--http-port must be between 0 and 65535");
  }
  return {};
}

}  // namespace

Result<OperatorOptions> read_options(const std::vector<std::string>& arguments,
                                     const std::function<const char*(const char*)>& lookup) {
  OperatorOptions options;
  options.image = text_of(lookup, "SLUICE_IMAGE");
  options.pod_name = text_of(lookup, "POD_NAME");
  options.pod_namespace = text_of(lookup, "POD_NAMESPACE");
  options.api_server = ConfigSources::from_environment(lookup);
  std::string level = "info";
  std::string format = "json";

  Flags flags("sluice-operator",
              "Watches RagIndex and CanaryRollout objects and rolls out what they ask for.");
  flags.text("image", options.image, "REF", "Image of workers and routers made from now on.");
  flags.text("namespace",
             options.pod_namespace,
             "NAME",
             "The operator's own: of the lease, the key for tokens and its pods.");
  flags.text("pod-name", options.pod_name, "NAME", "Who we are in lease and events.");
  flags.text("watch-namespace", options.watch_namespace, "NAME", "Only this one; empty: all.");
  flags.toggle("leader-elect", options.leader_elect, "Compete for a lease before writing.");
  flags.text("http-address", options.http_address, "ADDRESS", "Where health and metrics listen.");
  flags.integer("http-port", options.http_port, "Port of /livez, /readyz and /metrics.");
  flags.text("log-level", level, "LEVEL", "debug, info, warn or error.");
  flags.text("log-format", format, "FORMAT", "json or text.");
  flags.text("kubeconfig",
             options.api_server.kubeconfig_flag,
             "FILE",
             "Instead of KUBECONFIG, the pod's own account, or ~/.kube/config.");
  flags.text("context", options.api_server.context, "NAME", "Of the kubeconfig.");

  const auto words = flags.parse(arguments);
  if (!words) {
    return fail(words.error());
  }
  if (flags.wants_help()) {
    options.help = flags.help();
    return options;
  }
  if (!words->empty()) {
    return fail(ErrorCode::kInvalid, fmt::format("unexpected argument \"{}\"", words->front()));
  }
  const auto parsed_level = level_of(level);
  if (!parsed_level) {
    return fail(parsed_level.error());
  }
  if (format != "json" && format != "text") {
    return fail(ErrorCode::kInvalid,
                fmt::format("--log-format: \"{}\" is not json or text", format));
  }
  options.log_level = *parsed_level;
  options.log_format = format == "json" ? LogFormat::kJson : LogFormat::kText;
  if (const Status checked = check(options); !checked) {
    return fail(checked.error());
  }
  return options;
}

}  // namespace sluice
