#pragma once
// Internal to this folder: a CustomResourceDefinition as the API server interprets it, from the
// checked-in YAML alone. It shares no code with the program's own reading of these types: a fake
// that did would agree with its mistakes.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/fake_api/json.h"
#include "tests/fake_api/list_types.h"

namespace sluice::fake {

class CrdSchema {
 public:
  // From the text of one CRD manifest.
  [[nodiscard]] static Result<CrdSchema> from_yaml(const std::string& text);

  [[nodiscard]] const std::string& group() const { return group_; }

  [[nodiscard]] const std::string& version() const { return version_; }

  [[nodiscard]] const std::string& kind() const { return kind_; }

  [[nodiscard]] const std::string& plural() const { return plural_; }

  [[nodiscard]] bool has_status() const { return has_status_; }

  // Drops members that the schema does not know, then fills defaults.
  void prune_and_default(Json& object) const;
  // Every violation: "spec.serving.replicas: Invalid value: -1: …". `old` is null on create.
  [[nodiscard]] std::vector<std::string> validate(const Json& object, const Json& old) const;
  // How the list at these field names is merged.
  [[nodiscard]] ListType list_type(const std::vector<std::string>& names) const;
  // CEL rules of the schema that this fake has no predicate for: they are not evaluated.
  [[nodiscard]] std::vector<std::string> rules_not_evaluated() const;

 private:
  std::string group_;
  std::string version_;
  std::string kind_;
  std::string plural_;
  bool has_status_ = false;
  std::shared_ptr<const Json> schema_;
};

}  // namespace sluice::fake
