// sluice-worker fetch: the init container of a serving pod. It only fetches and verifies.

#include <filesystem>

#include "base/log.h"
#include "crds/names.h"
#include "dataplane/worker/artifacts.h"
#include "dataplane/worker/commands.h"
#include "dataplane/worker/download.h"

namespace sluice::worker {

int run_fetch(const Arguments& arguments) {
  FetchOptions options;
  std::vector<std::string> wanted;
  Duration patience = options.patience;
  std::string token_file(api::kTokenFile);
  Flags flags("sluice-worker fetch",
              "Gets artifacts into a data dir, each from the first holder that has it, and "
              "verifies their sha256.");
  flags.text("data-dir", options.data_dir, "DIR", "Where they go, named by their sha256.");
  flags.list("from", options.holders, "URL", "A holder's base URL; tried in turn.");
  flags.list("artifact", wanted, "HEX", "The sha256 of an artifact.");
  flags.duration("timeout", patience, "How long to go on trying.");
  flags.text("token-file", token_file, "FILE", "What holders are told, if it is there.");
  if (const std::optional<int> code = parse_flags(flags, arguments)) {
    return *code;
  }
  if (options.data_dir.empty() || options.holders.empty() || wanted.empty()) {
    return report({ExitCode::kUsage, "fetch needs --data-dir, --from and --artifact"},
                  kTerminationLog);
  }
  options.patience = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  options.bearer = http::Bearer(token_file);
  for (const std::string& sha256 : wanted) {
    if (!is_sha256(sha256)) {
      return report({ExitCode::kUsage, "--artifact \"" + sha256 + "\" is not 64 hex digits"},
                    kTerminationLog);
    }
    if (const Outcome<void> got = fetch_artifact(sha256, options); !got) {
      return report(got.error(), kTerminationLog);
    }
    log_info("artifact fetched", {{"sha256", sha256}});
  }
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace sluice::worker
