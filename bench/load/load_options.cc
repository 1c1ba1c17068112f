#include "bench/load/load_options.h"

#include <fmt/format.h>

#include "base/flags.h"

namespace sluice::load {

Result<Target> parse_target(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  const auto wrong = [whole = url] {
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not http://host[:port]/path", whole));
  };
  if (!url.starts_with(kScheme)) {
    return wrong();
  }
  url.remove_prefix(kScheme.size());
  const std::size_t slash = url.find('/');
  std::string_view authority = url.substr(0, slash);
  Target target;
  if (slash != std::string_view::npos) {
    target.path = url.substr(slash);
  }
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && !authority.ends_with(']')) {
    target.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  target.host = authority;
  const bool is_number = target.port.find_first_not_of("0123456789") == std::string::npos;
  if (target.host.empty() || target.port.empty() || target.port.size() > 5 || !is_number) {
    return wrong();
  }
  return target;
}

Result<LoadOptions> parse_options(const std::vector<std::string>& arguments) {
  LoadOptions options;
  Flags flags(
      "sluice-load",
      "Sends queries by a fixed schedule, whatever the answers do, and checks each answer.");
  flags.text("url", options.url, "URL", "Where queries go: http://host[:port]/path.");
  flags.text("queries", options.queries, "FILE|URL", "JSON lines with \"query\" or \"text\".");
  flags.number("rate", options.rate, "Queries a second.");
  flags.duration("duration", options.duration, "How long; 0s: until SIGTERM.");
  flags.integer("connections", options.connections, "At most.");
  flags.integer("max-in-flight", options.max_in_flight, "Queries; one more counts as failed.");
  flags.duration("timeout", options.timeout, "Of a query, from its intended time.");
  flags.duration("wait", options.wait, "At the start, for the queries' URL and the host's name.");
  flags.integer("port", options.port, "Of GET /stats and POST /mark; -1: none, 0: any.");
  flags.integer("top-k", options.top_k, "Hits asked for.");
  const auto words = flags.parse(arguments);
  if (!words) {
    return fail(words.error());
  }
  if (flags.wants_help()) {
    options.help = flags.help();
    return options;
  }
  const auto refuse = [](std::string message) {
    return fail(ErrorCode::kInvalid, std::move(message));
  };
  if (!words->empty()) {
    return refuse(fmt::format("unexpected argument \"{}\"", words->front()));
  }
  if (options.url.empty() || options.queries.empty()) {
    return refuse("--url and --queries are needed");
  }
  if (const auto target = parse_target(options.url); !target) {
    return fail(target.error().with_context("--url"));
  }
  if (!(options.rate > 0 && options.rate <= 1e6)) {
    return refuse("--rate is above 0 and at most 1,000,000");
  }
  if (options.connections < 1 || options.max_in_flight < 1 || options.top_k < 1) {
    return refuse("--connections, --max-in-flight and --top-k are at least 1");
  }
  if (options.port < -1 || options.port > 65535) {
    return refuse("--port is -1 to 65535");
  }
  return options;
}

}  // namespace sluice::load
