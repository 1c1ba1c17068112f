#pragma once
// normal_form: what a cluster holds as text, without what two runs to the same end may differ in:
// versions, times, addresses, and the figures that evidence was made of.

#include <string>

#include "tests/fake_api/fake_api_server.h"

namespace sluice {

enum class Statuses { kKept, kLeftOut };

// Every object but Events, Leases and Secrets, a line each.
[[nodiscard]] std::string normal_form(FakeApiServer& server, Statuses statuses);

}  // namespace sluice
