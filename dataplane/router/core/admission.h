#pragma once
// Admission of route tables: which of the tables that arrive a router takes. Pure.

#include <optional>
#include <string_view>

#include "base/result.h"
#include "dataplane/wire/route_table.h"

namespace sluice::router {

inline constexpr std::int32_t kTableVersion = 1;

// Who wrote a table.
enum class TableWriter {
  kOperator,
  kPerson,  // Break glass: edited by hand, and the time that was given for that is not over.
};

enum class Admission {
  kTaken,           // Newer, or of another index's life (another uid), or the first.
  kSame,            // What we run already.
  kOlder,           // Its (epoch, generation) is not above ours, but it is another table. A
                    // person's stands under the operator's: it is older only if it is below ours.
  kUnknownVersion,  // Written by a newer operator in a format that we cannot read.
};

// Reads a table. kInvalid says what is wrong; a version we do not know is said first, because the
// rest of such a table may not look as we expect.
[[nodiscard]] Result<wire::RouteTable> parse_table(std::string_view json);

[[nodiscard]] Admission admit(const std::optional<wire::RouteTable>& running,
                              const wire::RouteTable& arriving,
                              TableWriter writer = TableWriter::kOperator);

}  // namespace sluice::router
