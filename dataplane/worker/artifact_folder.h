#pragma once
// ArtifactFolder: a data dir that outlives its process, on a volume perhaps: which artifacts are to
// be in it, and which of them are. Files that are not ours (any name but 64 hex digits, and what we
// write beside such) are never touched. One process writes a folder at a time; if two do all the
// same, each file still appears whole or not at all. Blocking; one thread.

#include <string>
#include <vector>

#include "dataplane/worker/artifacts.h"
#include "dataplane/worker/outcome.h"

namespace sluice::worker {

// Makes the folder, and its parents, where it is not there. kDisk.
[[nodiscard]] Outcome<void> make_folder(const std::string& path);

// Removes artifacts that are not in `wanted`, and what writers left that died more than an hour
// ago. The number of files that went.
[[nodiscard]] Outcome<int> remove_others(const std::string& path,
                                         const std::vector<std::string>& wanted);

// What became of the wanted artifacts.
struct Holding {
  std::vector<std::string> held = {};  // Each is in the folder and has been read through: sound.
  std::string problem = {};            // Why others are missing; the first cause, for people.
};

// Gets what is missing or damaged from its holders; one that cannot be had at once waits for the
// others, and all of it for no longer than `options.patience`.
[[nodiscard]] Holding hold_artifacts(const std::vector<std::string>& wanted,
                                     const FetchOptions& options);

}  // namespace sluice::worker
