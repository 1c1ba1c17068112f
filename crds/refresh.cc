#include "crds/refresh.h"

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<api::RefreshPolicy> {
  static constexpr std::array<std::string_view, 2> kNames{"Gate", "Rollout"};
};

}  // namespace sluice

namespace sluice::api {

template <class Io>
void describe(Io& io, Refresh& value) {
  io.defaulted("policy",
               value.policy,
               {.doc = "Gate: new documents are served once they have passed the golden set and "
                       "maxCountChange. Rollout: they walk the CanaryRollout's steps."});
  io.defaulted("every",
               value.every,
               {.doc = "How often a pod reads the source again to see whether it has changed, like "
                       "1h; at least 30s. 0s: only when spec.source itself changes."});
  io.defaulted("maxCountChange",
               value.max_count_change,
               {.doc = "Under Gate: how many more or fewer documents than stable's are believed, "
                       "as a share of stable's. 100%: any number."});
  io.rule("duration(self.every) == duration('0s') || duration(self.every) >= duration('30s')",
          "every must be 0s or at least 30s",
          value.every == Duration{0} || value.every >= std::chrono::seconds(30));
}

template <class Io>
void describe(Io& io, RefreshStatus& value) {
  io.required("checkedAt", value.checked_at, {.doc = "When the last look ended."});
  io.required("source", value.source, {.doc = "What was looked at."});
  io.defaulted("documentsDigest",
               value.documents_digest,
               {.doc = "sha256 of the documents that it had.", .max_length = 64});
  io.defaulted("looks", value.looks, {.doc = "Looks that have ended.", .min = 0});
  io.defaulted("failures", value.failures, {.doc = "The last ones that failed.", .min = 0});
  io.defaulted("message", value.message, {.doc = "Why the last one failed.", .max_length = 2048});
}

template <class Io>
void describe(Io& io, NewDocuments& value) {
  io.required("source", value.source, {.doc = "Where they were found."});
  io.required("digest", value.digest, {.doc = "Their sha256.", .max_length = 64});
}

SLUICE_DESCRIBED(Refresh);
SLUICE_DESCRIBED(RefreshStatus);
SLUICE_DESCRIBED(NewDocuments);

}  // namespace sluice::api
