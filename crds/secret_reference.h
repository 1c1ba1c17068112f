#pragma once
// SecretReference: a Secret of the object's namespace. Only pods mount it; the operator never reads
// it.

#include <string>

namespace sluice::api {

struct SecretReference {
  std::string name = {};
  bool operator==(const SecretReference&) const = default;
};

template <class Io>
void describe(Io& io, SecretReference& value);

}  // namespace sluice::api
