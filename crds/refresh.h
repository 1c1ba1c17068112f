#pragma once
// Refresh: how new documents under an unchanged config are noticed and taken up; what was found
// when the source was last looked at. Docs and bounds stand in refresh.cc.

#include <cstdint>
#include <string>

#include "base/field.h"
#include "crds/sources.h"

namespace sluice::api {

enum class RefreshPolicy {
  kGate,     // Past the golden set and the bound of their count they are served.
  kRollout,  // They walk the CanaryRollout's steps, as a changed config does.
};

struct Refresh {
  RefreshPolicy policy = RefreshPolicy::kGate;
  Duration every = {};  // How often the source is looked at; zero: when the spec names another.
  Share max_count_change{2000};  // Of stable's documents; all of them: any number will do.
  bool operator==(const Refresh&) const = default;
};

// What the looks at spec.source have found so far.
struct RefreshStatus {
  WallTime checked_at = {};  // When the last look ended.
  DocumentSource source = {};
  std::string documents_digest = {};  // sha256 of what `source` had, hex; empty: never read.
  std::int32_t looks = 0;             // That have ended. The next one's pod is named by it.
  std::int32_t failures = 0;          // Of the last looks at `source`, in a row.
  std::string message = {};           // Why the last one failed.
  bool operator==(const RefreshStatus&) const = default;
};

// The documents that make a candidate which has stable's config.
struct NewDocuments {
  DocumentSource source = {};
  std::string digest = {};  // sha256, hex.
  bool operator==(const NewDocuments&) const = default;
};

template <class Io>
void describe(Io& io, Refresh& value);
template <class Io>
void describe(Io& io, RefreshStatus& value);
template <class Io>
void describe(Io& io, NewDocuments& value);

}  // namespace sluice::api
