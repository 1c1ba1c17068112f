#include "dataplane/wire/build_report.h"

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<wire::BuildPhase> {
  static constexpr std::array<std::string_view, 5> kNames{
      "Downloading", "Building", "Evaluating", "Ready", "Failed"};
};

}  // namespace sluice

namespace sluice::wire {
namespace {

constexpr int kQueriesMax = 100'000;
constexpr std::string_view kUnchanged = "Unchanged sha256:";
constexpr std::size_t kDigestLength = 64;

}  // namespace

template <class Io>
void describe(Io& io, BuildReport& value) {
  io.required("phase", value.phase);
  io.defaulted("message", value.message, {.max_length = 4096});
  io.defaulted("documentsDigest", value.documents_digest, {.max_length = 64});
  io.optional("facts", value.facts);
  io.defaulted("held", value.held, {.max_length = 64, .max_items = 64});
}

template <class Io>
void describe(Io& io, EvaluationResults& value) {
  io.required("goldenDigest", value.golden_digest, {.max_length = 64});
  io.required("ids", value.ids, {.max_items = kQueriesMax});
  io.required("ndcgAt10", value.ndcg_at_10, {.max_items = kQueriesMax});
  io.required("judgedAt10", value.judged_at_10, {.max_items = kQueriesMax});
  io.rule(
      "",
      "ids, ndcgAt10 and judgedAt10 must be equally long",
      value.ids.size() == value.ndcg_at_10.size() && value.ids.size() == value.judged_at_10.size());
}

std::string unchanged_text(std::string_view documents_digest) {
  return std::string(kUnchanged) + std::string(documents_digest);
}

std::string unchanged_documents(std::string_view text) {
  if (!text.starts_with(kUnchanged)) {
    return {};
  }
  const std::string_view digest = text.substr(kUnchanged.size(), kDigestLength);
  const bool is_digest = digest.size() == kDigestLength &&
                         digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_digest ? std::string(digest) : std::string();
}

SLUICE_DESCRIBED(BuildReport);
SLUICE_DESCRIBED(EvaluationResults);

}  // namespace sluice::wire
