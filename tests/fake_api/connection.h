#pragma once
// Internal to this folder: one process's way to the fake server: latency, faults, deadlines.

#include <memory>
#include <string>

#include "apiclient/transport.h"
#include "tests/fake_api/server_core.h"

namespace sluice::fake {

// Outlived by the server.
[[nodiscard]] std::unique_ptr<Transport> make_connection(ServerCore& server, std::string user);

}  // namespace sluice::fake
