#include "dataplane/router/core/admission.h"

#include <fmt/format.h>

#include <tuple>

#include "base/describe.h"

namespace sluice::router {

Result<wire::RouteTable> parse_table(std::string_view json) {
  const auto document = JsonDocument::parse(json);
  if (!document) {
    return fail(document.error().with_context("route table"));
  }
  const auto version = document->root().find("version");
  const auto number = version ? version->as_integer() : std::nullopt;
  if (number && *number != kTableVersion) {
    return fail(ErrorCode::kInvalid,
                fmt::format("route table has version {}; this router reads version {} only",
                            *number,
                            kTableVersion));
  }
  auto table = from_json<wire::RouteTable>(json);
  if (!table) {
    return fail(table.error().with_context("route table"));
  }
  if (table->stable && table->candidate &&
      table->stable->revision == table->candidate->target.revision) {
    return fail(ErrorCode::kInvalid, "route table names one revision as stable and candidate");
  }
  return table;
}

Admission admit(const std::optional<wire::RouteTable>& running,
                const wire::RouteTable& arriving,
                TableWriter writer) {
  if (arriving.version != kTableVersion) {
    return Admission::kUnknownVersion;
  }
  if (!running || running->uid != arriving.uid) {
    return Admission::kTaken;
  }
  if (*running == arriving) {
    return Admission::kSame;
  }
  const auto ours = std::tie(running->epoch, running->generation);
  const auto theirs = std::tie(arriving.epoch, arriving.generation);
  const bool is_taken = writer == TableWriter::kPerson ? ours <= theirs : ours < theirs;
  return is_taken ? Admission::kTaken : Admission::kOlder;
}

}  // namespace sluice::router
