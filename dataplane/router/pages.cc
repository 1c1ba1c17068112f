#include "dataplane/router/pages.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/describe.h"
#include "dataplane/router/core/latency.h"

namespace sluice::router {
namespace {

using wire::RevisionCounters;

constexpr std::array<std::size_t, 12> kShownEdges{0, 16, 32, 40, 48, 56, 64, 72, 80, 96, 112, 128};

std::string_view mode_name(wire::CounterMode mode) {
  switch (mode) {
    case wire::CounterMode::kLive:
      return "live";
    case wire::CounterMode::kQuarantine:
      return "quarantine";
    case wire::CounterMode::kShadow:
      return "shadow";
  }
  return "live";
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

struct PairSeries {
  std::string_view name;
  std::string_view labels;
  std::int64_t wire::PairCounters::* member;
};

// Those of one name follow each other.
constexpr std::array<PairSeries, 7> kPairSeries{{
    {"pairs_total", ",ended=\"both_good\"", &wire::PairCounters::both_good},
    {"pairs_total", ",ended=\"only_failed\"", &wire::PairCounters::only_failed},
    {"pairs_total", ",ended=\"only_stable_failed\"", &wire::PairCounters::only_stable_failed},
    {"pairs_total", ",ended=\"both_failed\"", &wire::PairCounters::both_failed},
    {"dropped_total", "", &wire::PairCounters::dropped},
    {"incomparable_total", "", &wire::PairCounters::incomparable},
    {"rbo_ten_thousandths_total", "", &wire::PairCounters::rbo_sum},
}};

std::string labels_of(const wire::PairCounters& pair) {
  return fmt::format("revision=\"{}\",stable=\"{}\"", pair.revision, pair.stable);
}

// Copies of live queries, compared with what stable said.
void add_pairs(std::string& out, const wire::Counters& counters) {
  std::string_view last;
  for (const PairSeries& series : kPairSeries) {
    if (series.name != std::exchange(last, series.name)) {
      out += fmt::format("# TYPE sluice_router_shadow_{} counter\n", series.name);
    }
    for (const wire::PairCounters& pair : counters.pairs) {
      out += fmt::format("sluice_router_shadow_{}{{{}{}}} {}\n",
                         series.name,
                         labels_of(pair),
                         series.labels,
                         pair.*series.member);
    }
  }
  constexpr std::string_view kName = "sluice_router_shadow_overlap";
  out += fmt::format(
      "# HELP {0} Share of the first ten hits that both answers have.\n# TYPE {0} histogram\n",
      kName);
  for (const wire::PairCounters& pair : counters.pairs) {
    const std::string labels = labels_of(pair);
    std::int64_t below = 0;
    double sum = 0;
    for (std::size_t i = 0; i < pair.overlap.size(); ++i) {
      const double value = static_cast<double>(i) / 10;
      below += pair.overlap[i];
      sum += static_cast<double>(pair.overlap[i]) * value;
      out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", kName, labels, value, below);
    }
    out +=
        fmt::format("{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n",
                    kName,
                    labels,
                    below,
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
  add_pairs(out, counters);
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
