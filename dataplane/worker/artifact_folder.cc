#include "dataplane/worker/artifact_folder.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/log.h"

namespace sluice::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".partial.";
// A writer that has written nothing for so long is dead.
constexpr std::chrono::hours kWriterMax{1};

// <64 hex digits>.partial.<whatever>
bool is_partial(std::string_view name) {
  return name.size() > kSha256Digits && is_sha256(name.substr(0, kSha256Digits)) &&
         name.substr(kSha256Digits).starts_with(kPartial);
}

bool is_old(const fs::directory_entry& entry) {
  std::error_code error;
  const fs::file_time_type written = entry.last_write_time(error);
  return !error && fs::file_time_type::clock::now() - written > kWriterMax;
}

}  // namespace

Outcome<void> make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return failed(ExitCode::kDisk, "cannot make the folder " + path + ": " + error.message());
  }
  return {};
}

Outcome<int> remove_others(const std::string& path, const std::vector<std::string>& wanted) {
  std::vector<fs::path> gone;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool is_unwanted = is_sha256(name) && std::ranges::find(wanted, name) == wanted.end();
    if (is_unwanted || (is_partial(name) && is_old(*at))) {
      gone.push_back(at->path());
    }
  }
  for (const fs::path& each : gone) {
    if (!error && fs::remove(each, error)) {
      log_info("an artifact is not wanted any more", {{"file", each.string()}});
    }
  }
  if (error) {
    return failed(ExitCode::kDisk, "cannot tidy " + path + ": " + error.message());
  }
  return static_cast<int>(gone.size());
}

Holding hold_artifacts(const std::vector<std::string>& wanted, const FetchOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + options.patience;
  Holding holding;
  std::vector<std::string> missing;
  FetchOptions at_once = options;
  at_once.patience = std::chrono::milliseconds(0);
  for (const std::string& sha256 : wanted) {
    (fetch_artifact(sha256, at_once) ? holding.held : missing).push_back(sha256);
  }
  for (const std::string& sha256 : missing) {
    FetchOptions rest = options;
    rest.patience = std::max(std::chrono::milliseconds(0),
                             std::chrono::duration_cast<std::chrono::milliseconds>(
                                 deadline - std::chrono::steady_clock::now()));
    if (const Outcome<void> got = fetch_artifact(sha256, rest); got) {
      holding.held.push_back(sha256);
    } else {
      log_warn("an artifact is not held", {{"sha256", sha256}, {"reason", got.error().message}});
      holding.problem = holding.problem.empty() ? got.error().message : holding.problem;
    }
  }
  return holding;
}

}  // namespace sluice::worker
