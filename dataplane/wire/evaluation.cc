#include "dataplane/wire/evaluation.h"

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<wire::EvaluationState> {
  static constexpr std::array<std::string_view, 3> kNames{"Running", "Done", "Failed"};
};

}  // namespace sluice

namespace sluice::wire {

template <class Io>
void describe(Io& io, EvaluateRequest& value) {
  io.optional("url", value.url, {.max_length = 2048, .pattern = "^https?://[^\\s]+$"});
  io.optional("sha256", value.sha256, {.max_length = 64, .pattern = "^[0-9a-f]{64}$"});
  io.optional("lines", value.lines);
  io.rule("", "give either url or lines", value.url.has_value() != value.lines.has_value());
  io.rule("", "sha256 belongs to url", value.url.has_value() || !value.sha256.has_value());
}

template <class Io>
void describe(Io& io, EvaluationJob& value) {
  io.required("id", value.id, {.max_length = 64});
  io.required("state", value.state);
  io.defaulted("message", value.message, {.max_length = 4096});
  io.required("indexDigest", value.index_digest, {.max_length = 64});
  io.optional("summary", value.summary);
  io.optional("results", value.results);
}

SLUICE_DESCRIBED(EvaluateRequest);
SLUICE_DESCRIBED(EvaluationJob);

}  // namespace sluice::wire
