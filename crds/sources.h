#pragma once
// Where documents and golden sets are downloaded from. Docs and bounds stand in sources.cc.

#include <optional>
#include <string>

#include "base/field.h"
#include "crds/secret_reference.h"

namespace sluice::api {

struct HttpSource {
  std::string url = {};
  std::optional<std::string> sha256 = {};          // Pins the bytes: 64 hex digits.
  std::optional<SecretReference> secret_ref = {};  // Its key kAuthorizationKey: the header.

  // What one needs to be let in is no part of what is there.
  bool operator==(const HttpSource& other) const {
    return url == other.url && sha256 == other.sha256;
  }
};

// Exactly one member is set.
struct DocumentSource {
  std::optional<HttpSource> http = {};
  bool operator==(const DocumentSource&) const = default;
};

template <class Io>
void describe(Io& io, HttpSource& value);
template <class Io>
void describe(Io& io, DocumentSource& value);

}  // namespace sluice::api
