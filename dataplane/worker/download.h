#pragma once
// download: one URL into one file, over HTTP or HTTPS. Bounded in size and time; the bytes' sha256
// is computed on the way and checked; a file appears only when it is whole. Blocking.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "dataplane/worker/outcome.h"

namespace sluice::worker {

struct DownloadOptions {
  std::string url = {};
  std::string path = {};
  std::optional<std::string> sha256 = {};  // What the bytes must have; hex.
  std::string token = {};                  // Sent as "Authorization: Bearer", unless empty.
  // Holds the value of the Authorization header, in place of the token; read at each download, so
  // that a word that is replaced counts at once. Empty: none is sent.
  std::string authorization_file = {};
  std::uint64_t bytes_max = 16ULL * 1024 * 1024 * 1024;
  std::chrono::seconds connect_timeout{5};
  std::chrono::seconds stall_timeout{30};  // Without a byte.
  std::chrono::seconds total_timeout{1800};
  bool checks_for_change = false;          // Ask again afterwards whether it is still the same.
  std::function<bool()> should_stop = {};  // Asked about once a second; true ends it. May be empty.
};

struct Download {
  std::string sha256 = {};
  std::uint64_t bytes = 0;
};

// kSource: unreachable, refused, too slow, too large, changed while it was read, stopped; or the
// authorization is not there (yet) or no header's value.
// kArtifact: other bytes than pinned. kDisk: cannot be stored.
[[nodiscard]] Outcome<Download> download(const DownloadOptions& options);

// Waits between two attempts.
void pause_for(std::chrono::milliseconds time);

// Before the first download and before any thread.
void set_up_downloads();

}  // namespace sluice::worker
