#include "dataplane/router/pages.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>

#include "base/describe.h"
#include "dataplane/router/core/latency.h"

namespace sluice::router {
namespace {

using wire::RevisionCounters;

constexpr std::array<std::size_t, 12> kShownEdges{0, 16, 32, 40, 48, 56, 64, 72, 80, 96, 112, 128};

std::string_view mode_name(wire::CounterMode mode) {
  return mode == wire::CounterMode::kLive ? "live" : "quarantine";
}

// Revisions and pods are Kubernetes names: nothing in them has to be escaped.
struct Series {
  std::string_view name;
  std::string_view help;
  std::int64_t RevisionCounters::* member;
};

constexpr std::array<Series, 9> kSeries{{
    {"sluice_router_assigned_total", "Queries given to the revision.", &RevisionCounters::assigned},
    {"sluice_router_ended_total", "Queries that ended.", &RevisionCounters::ended},
    {"sluice_router_answered_total",
     "Users who got the revision's own answer.",
     &RevisionCounters::answered},
    {"sluice_router_rescued_total",
     "Failures that another worker answered.",
     &RevisionCounters::rescued},
    {"sluice_router_lost_total", "Failures that the user saw.", &RevisionCounters::lost},
    {"sluice_router_streamed_total", "Answers too large to be held.", &RevisionCounters::streamed},
    {"sluice_router_client_gone_total",
     "Queries whose client left or hurried.",
     &RevisionCounters::client_gone},
    {"sluice_router_empty_total", "Answers without a hit.", &RevisionCounters::empty},
    {"sluice_router_diverted_total",
     "Queries that went to the other arm for want of a worker.",
     &RevisionCounters::diverted},
}};

void add_failures(std::string& out, const wire::Counters& counters) {
  out +=
      "# HELP sluice_router_failed_total Queries whose first attempt failed.\n"
      "# TYPE sluice_router_failed_total counter\n";
  for (const RevisionCounters& one : counters.revisions) {
    const std::array<std::pair<std::string_view, std::int64_t>, 5> classes{
        {{"connect", one.failed_connect},
         {"reset", one.failed_reset},
         {"status", one.failed_status},
         {"body", one.failed_body},
         {"timeout", one.failed_timeout}}};
    for (const auto& [name, value] : classes) {
      out +=
          fmt::format("sluice_router_failed_total{{revision=\"{}\",mode=\"{}\",class=\"{}\"}} {}\n",
                      one.revision,
                      mode_name(one.mode),
                      name,
                      value);
    }
  }
}

void add_latencies(std::string& out, const wire::Counters& counters) {
  constexpr std::string_view kName = "sluice_router_query_duration_seconds";
  out += fmt::format("# HELP {0} Time of queries that ended.\n# TYPE {0} histogram\n", kName);
  for (const RevisionCounters& one : counters.revisions) {
    const std::string labels =
        fmt::format("revision=\"{}\",mode=\"{}\"", one.revision, mode_name(one.mode));
    std::int64_t below = 0;
    double sum = 0;  // From the buckets' upper edges: at most 9 % too high.
    std::size_t shown = 0;
    for (std::size_t i = 0; i < one.latency.size(); ++i) {
      const double edge = std::chrono::duration<double>(latency_edge(i)).count();
      below += one.latency[i];
      sum += static_cast<double>(one.latency[i]) * edge;
      if (shown < kShownEdges.size() && kShownEdges[shown] == i) {
        out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", kName, labels, edge, below);
        ++shown;
      }
    }
    out +=
        fmt::format("{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n",
                    kName,
                    labels,
                    one.ended,
                    sum);
  }
}

void add_state(std::string& out, const wire::Counters& counters, const ProxyShared& shared) {
  const auto add = [&out](std::string_view name, std::string_view type, auto value) {
    out += fmt::format("# TYPE {0} {1}\n{0} {2}\n", name, type, value);
  };
  out += "# TYPE sluice_router_quarantined gauge\n";
  for (const wire::QuarantineState& one : counters.quarantine) {
    out += fmt::format(
        "sluice_router_quarantined{{revision=\"{}\"}} {}\n", one.revision, one.active ? 1 : 0);
  }
  add("sluice_router_table_generation", "gauge", counters.table.generation);
  add("sluice_router_candidate_weight_ratio", "gauge", counters.candidate_weight.fraction());
  add("sluice_router_connections", "gauge", shared.connections.open());
  add("sluice_router_queries_in_flight", "gauge", shared.in_flight.load());
  add("sluice_router_refused_busy_total", "counter", shared.refused_busy.load());
  add("sluice_router_refused_bad_total", "counter", shared.refused_bad.load());
  add("sluice_router_refused_connections_total", "counter", shared.connections.refused());
}

http::Response ready_page(const Router& router) {
  const Readiness readiness = router.readiness();
  if (readiness.is_ready) {
    return {.body = "{\"ready\":true}"};
  }
  return http::error_response(503, "not_ready", readiness.reason);
}

}  // namespace

std::string metrics_text(const wire::Counters& counters, const ProxyShared& shared) {
  std::string out;
  for (const Series& series : kSeries) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n", series.name, series.help);
    for (const RevisionCounters& one : counters.revisions) {
      out += fmt::format("{}{{revision=\"{}\",mode=\"{}\"}} {}\n",
                         series.name,
                         one.revision,
                         mode_name(one.mode),
                         one.*series.member);
    }
  }
  add_failures(out, counters);
  add_latencies(out, counters);
  add_state(out, counters, shared);
  return out;
}

http::Response page_for(const http::Request& request, Router& router, const ProxyShared& shared) {
  const std::string& path = request.path;
  if (path != "/counters" && path != "/health" && path != "/ready" && path != "/metrics") {
    return http::error_response(404, "not_found", "There is nothing at this path.");
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return http::error_response(405, "method_not_allowed", "This path has no such method.");
  }
  if (path == "/health") {
    return {.body = "{\"healthy\":true}"};
  }
  if (path == "/ready") {
    return ready_page(router);
  }
  if (path == "/counters") {
    if (!shared.bearer.admits(request)) {
      return http::unauthorized();
    }
    return {.body = to_json(router.counters())};
  }
  return {.content_type = "text/plain; version=0.0.4",
          .body = metrics_text(router.counters(), shared)};
}

std::string_view reason_of(int status) {
  static constexpr std::array<std::pair<int, std::string_view>, 14> kReasons{
      {{200, "OK"},
       {400, "Bad Request"},
       {401, "Unauthorized"},
       {404, "Not Found"},
       {405, "Method Not Allowed"},
       {408, "Request Timeout"},
       {413, "Payload Too Large"},
       {429, "Too Many Requests"},
       {431, "Request Header Fields Too Large"},
       {500, "Internal Server Error"},
       {502, "Bad Gateway"},
       {503, "Service Unavailable"},
       {504, "Gateway Timeout"},
       {505, "HTTP Version Not Supported"}}};
  for (const auto& [code, reason] : kReasons) {
    if (code == status) {
      return reason;
    }
  }
  return "Status";
}

}  // namespace sluice::router
