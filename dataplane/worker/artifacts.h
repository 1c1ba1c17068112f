#pragma once
// Artifacts: what holders hand on, by content. A data dir holds each artifact in a file named by
// the 64 hex digits of its sha256. Names from outside reach the file system only if they are such
// digits.

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/bearer.h"
#include "base/http/server.h"
#include "dataplane/worker/outcome.h"

namespace sluice::worker {

inline constexpr std::size_t kSha256Digits = 64;
[[nodiscard]] bool is_sha256(std::string_view text);

// GET /artifacts/sha256:<hex>, for whoever the bearer admits. Thread-safe.
class Artifacts {
 public:
  // `data_dir` may be empty: then only what add() names is served.
  explicit Artifacts(std::string data_dir, http::Bearer bearer = {})
      : data_dir_(std::move(data_dir)), bearer_(std::move(bearer)) {}

  // An artifact that lies elsewhere.
  void add(const std::string& sha256, const std::string& path);
  // Adds the route; the server must end before this object.
  void serve(http::Server& server);
  // Where an artifact of that name is or would be; empty if it can be nowhere.
  [[nodiscard]] std::string path_of(const std::string& sha256) const;

 private:
  [[nodiscard]] http::Response answer(const http::Request& request) const;

  std::string data_dir_;
  http::Bearer bearer_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> elsewhere_;
};

struct FetchOptions {
  std::string data_dir = {};
  std::vector<std::string> holders = {};  // Base URLs, tried in turn.
  std::chrono::milliseconds patience{300'000};
  http::Bearer bearer = {};  // What holders are told.
};

// Gets one artifact into the data dir, from the first holder that has it sound, again and again
// until the patience is at its end. What is there already and sound is kept.
[[nodiscard]] Outcome<void> fetch_artifact(const std::string& sha256, const FetchOptions& options);

}  // namespace sluice::worker
