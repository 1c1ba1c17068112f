#pragma once
// normal_form: what a cluster holds as text, without what two runs to the same end may differ in:
// versions, times, addresses, and the figures that evidence was made of. For tests.

#include <string>

#include "tests/fake_api/fake_api_server.h"

namespace sluice {

// Every object but Events and Leases, a line each.
[[nodiscard]] std::string normal_form(const FakeApiServer& server);

}  // namespace sluice
