#include "dataplane/router/plan_keeper.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <utility>

#include "base/describe.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace sluice::router {

// What is kept on disk. The table stands there as JSON text of its own, so that it is read by the
// rules by which it arrives.
struct KeptEndpoint {
  std::string revision = {};
  std::string pod = {};
  std::string host = {};
  std::int32_t port = 0;
  bool operator==(const KeptEndpoint&) const = default;
};

struct KeptPlan {
  std::string table = {};
  std::vector<KeptEndpoint> endpoints = {};
  bool operator==(const KeptPlan&) const = default;
};

template <class Io>
void describe(Io& io, KeptEndpoint& value) {
  io.required("revision", value.revision);
  io.required("pod", value.pod);
  io.required("host", value.host);
  io.required("port", value.port, {.min = 1, .max = 65535});
}

template <class Io>
void describe(Io& io, KeptPlan& value) {
  io.required("table", value.table, {.max_length = 1 << 20});
  io.defaulted("endpoints", value.endpoints, {.max_items = 10'000});
}

namespace {

constexpr std::string_view kFileName = "/plan.json";
constexpr std::size_t kFileBytesMax = std::size_t{16} * 1024 * 1024;

bool is_numeric_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

Status parse_endpoint(std::string_view word, EndpointsByRevision& endpoints) {
  const std::size_t equals = word.find('=');
  const std::size_t colon = word.rfind(':');
  if (equals == std::string_view::npos || colon == std::string_view::npos || colon < equals) {
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not revision=host:port", word));
  }
  const auto port = parse_number<std::uint16_t>(word.substr(colon + 1)).value_or(0);
  EndpointAddress address{.pod = std::string(word.substr(equals + 1)),
                          .host = std::string(word.substr(equals + 1, colon - equals - 1)),
                          .port = port};
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  if (port == 0 || !is_numeric_address(address.host)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\": host is a numeric address and port is 1 to 65535", word));
  }
  endpoints[std::string(word.substr(0, equals))].push_back(std::move(address));
  return {};
}

}  // namespace

Result<EndpointsByRevision> parse_endpoints(const std::vector<std::string>& words) {
  EndpointsByRevision endpoints;
  for (const std::string& word : words) {
    std::string_view rest = word;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (Status status = parse_endpoint(rest.substr(0, comma), endpoints); !status) {
        return fail(status.error());
      }
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
  }
  return endpoints;
}

PlanKeeper::PlanKeeper(Router& router, std::string state_folder)
    : router_(router), state_folder_(std::move(state_folder)) {}

Status PlanKeeper::take_table(std::string_view json, TableWriter writer) {
  auto arriving = parse_table(json);
  Status outcome;
  if (!arriving) {
    outcome = fail(arriving.error());
  } else {
    switch (admit(table_, *arriving, writer)) {
      case Admission::kSame:
        refused_.clear();
        return {};
      case Admission::kTaken:
        break;
      case Admission::kOlder:
        outcome = fail(ErrorCode::kConflict,
                       fmt::format("route table {}.{} is not newer than ours, {}.{}",
                                   arriving->epoch,
                                   arriving->generation,
                                   table_->epoch,
                                   table_->generation));
        break;
      case Admission::kUnknownVersion:
        outcome = fail(ErrorCode::kInvalid, "route table has a version we do not know");
        break;
    }
  }
  if (!outcome) {
    if (refused_ != outcome.error().message) {
      refused_ = outcome.error().message;
      log_warn("a route table was refused; the running one stays", {{"reason", refused_}});
    }
    return outcome;
  }
  refused_.clear();
  table_ = std::move(*arriving);
  log_info("route table taken",
           {{"index", table_->index},
            {"writer", writer == TableWriter::kPerson ? "a person" : "the operator"},
            {"epoch", std::to_string(table_->epoch)},
            {"generation", std::to_string(table_->generation)},
            {"stable", table_->stable ? table_->stable->revision : ""},
            {"candidate", table_->candidate ? table_->candidate->target.revision : ""},
            {"weight", table_->candidate ? format_share(table_->candidate->weight) : "0%"}});
  apply();
  return {};
}

void PlanKeeper::take_endpoints(EndpointsByRevision endpoints) {
  if (endpoints == endpoints_) {
    return;
  }
  endpoints_ = std::move(endpoints);
  std::string counts;
  for (const auto& [revision, addresses] : endpoints_) {
    counts += fmt::format("{}{}={}", counts.empty() ? "" : " ", revision, addresses.size());
  }
  log_info("workers changed", {{"endpoints", counts}});
  if (table_) {
    apply();
  }
}

void PlanKeeper::apply() {
  router_.apply({.table = *table_, .endpoints = endpoints_});
  save();
}

// Written beside and renamed, so that a crash leaves the old file or the new one.
void PlanKeeper::save() const {
  if (state_folder_.empty()) {
    return;
  }
  KeptPlan kept{.table = to_json(*table_)};
  for (const auto& [revision, addresses] : endpoints_) {
    for (const EndpointAddress& one : addresses) {
      kept.endpoints.push_back(
          {.revision = revision, .pod = one.pod, .host = one.host, .port = one.port});
    }
  }
  const std::string path = state_folder_ + std::string(kFileName);
  const std::string beside = path + ".new";
  std::ofstream stream(beside, std::ios::binary | std::ios::trunc);
  stream << to_json(kept);
  stream.close();
  if (!stream || std::rename(beside.c_str(), path.c_str()) != 0) {
    log_warn("the plan could not be kept on disk", {{"path", path}});
  }
}

void PlanKeeper::restore() {
  if (state_folder_.empty()) {
    return;
  }
  const auto text = read_file(state_folder_ + std::string(kFileName), kFileBytesMax);
  if (!text || text->empty()) {
    return;
  }
  const auto kept = from_json<KeptPlan>(*text);
  auto table = kept ? parse_table(kept->table) : Result<wire::RouteTable>(fail(kept.error()));
  if (!table) {
    log_warn("the plan kept on disk cannot be used", {{"reason", table.error().message}});
    return;
  }
  table_ = std::move(*table);
  for (const KeptEndpoint& one : kept->endpoints) {
    endpoints_[one.revision].push_back(
        {.pod = one.pod, .host = one.host, .port = static_cast<std::uint16_t>(one.port)});
  }
  log_info("starting on the plan kept on disk",
           {{"generation", std::to_string(table_->generation)}});
  router_.apply({.table = *table_, .endpoints = endpoints_});
}

}  // namespace sluice::router
