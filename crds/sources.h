#pragma once
// Where documents and golden sets are downloaded from. Docs and bounds stand in sources.cc.

#include <optional>
#include <string>

#include "base/field.h"

namespace sluice::api {

struct HttpSource {
  std::string url = {};
  std::optional<std::string> sha256 = {};  // Pins the bytes: 64 hex digits.
  bool operator==(const HttpSource&) const = default;
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
