#include "crds/sources.h"

#include "base/describe.h"

namespace sluice::api {
namespace {

constexpr std::string_view kSha256Pattern = "^[0-9a-f]{64}$";

}  // namespace

template <class Io>
void describe(Io& io, HttpSource& value) {
  io.required("url",
              value.url,
              {.doc = "Where to download from: http:// or https://, reachable from the cluster.",
               .max_length = 2048,
               .pattern = "^https?://[^\\s]+$"});
  io.optional("sha256",
              value.sha256,
              {.doc = "Pins the bytes: a download with another sha256 fails the build.",
               .max_length = 64,
               .pattern = kSha256Pattern});
  io.optional(
      "secretRef",
      value.secret_ref,
      {.doc = "A Secret whose key \"authorization\" is sent as the Authorization header, as "
              "it is: \"Bearer …\" or \"Basic …\". Never to another host that a redirect "
              "leads to."});
}

template <class Io>
void describe(Io& io, DocumentSource& value) {
  io.optional("http",
              value.http,
              {.doc = "One .jsonl or .jsonl.gz file, a document a line, from a web server."});
  io.exactly_one();
}

SLUICE_DESCRIBED(HttpSource);
SLUICE_DESCRIBED(DocumentSource);

}  // namespace sluice::api
