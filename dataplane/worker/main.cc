// sluice-worker: the managed workload. This file only chooses the verb.

#include <cstdio>
#include <string>

#include "base/flags.h"
#include "base/log.h"
#include "dataplane/worker/commands.h"
#include "dataplane/worker/download.h"

namespace {

constexpr const char* kUsage =
    "sluice-worker VERB [FLAGS]\n"
    "\n"
    "  build     make an index from documents; for people\n"
    "  evaluate  measure an index on judged queries; for people\n"
    "  serve     answer queries from an index\n"
    "  fetch     get artifacts from their holders (init container)\n"
    "  builder   download, build, evaluate and hand out (builder pod)\n"
    "  holder    keep artifacts and hand them out (holder pod)\n"
    "\n"
    "sluice-worker VERB --help says more. Exit codes: 0 done, 1 internal, 2 command line, 3 spec,\n"
    "4 source or holders unreachable, 5 documents, 6 disk, 7 damaged index or artifact, 8 golden "
    "set.\n";

int run(const std::string& verb, const sluice::worker::Arguments& rest) {
  namespace worker = sluice::worker;
  if (verb == "build") {
    return worker::run_build(rest);
  }
  if (verb == "evaluate") {
    return worker::run_evaluate(rest);
  }
  if (verb == "serve") {
    return worker::run_serve(rest);
  }
  if (verb == "fetch") {
    return worker::run_fetch(rest);
  }
  if (verb == "builder") {
    return worker::run_builder(rest);
  }
  if (verb == "holder") {
    return worker::run_holder(rest);
  }
  std::fprintf(stderr, "sluice-worker: unknown verb \"%s\"\n\n%s", verb.c_str(), kUsage);
  return static_cast<int>(worker::ExitCode::kUsage);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments = sluice::arguments_of(argc, argv);
  if (arguments.empty() || arguments.front() == "--help" || arguments.front() == "-h") {
    std::fputs(kUsage, arguments.empty() ? stderr : stdout);
    return static_cast<int>(arguments.empty() ? sluice::worker::ExitCode::kUsage
                                              : sluice::worker::ExitCode::kDone);
  }
  sluice::set_up_logging(sluice::LogLevel::kInfo, sluice::LogFormat::kJson);
  sluice::worker::set_up_downloads();
  return run(arguments.front(), {arguments.begin() + 1, arguments.end()});
}
