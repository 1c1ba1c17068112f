// crdgen prints the CustomResourceDefinition of one kind as YAML, from the same describe() that
// reads and writes it:  crdgen ragindexes > config/crd/ragindexes.yaml
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/describe.h"
#include "crds/canary_rollout.h"
#include "crds/model_version.h"
#include "crds/names.h"
#include "crds/rag_index.h"
#include "crds/yaml_text.h"

namespace sluice::api {
namespace {

struct Column {
  std::string_view name;
  std::string_view type;
  std::string_view path;
  std::string_view doc;
};

struct Definition {
  kube::ResourceKind kind;
  std::string_view singular;
  std::string_view short_name;
  std::string_view doc;
  std::string spec_schema;
  std::string status_schema;
  std::vector<Column> columns;
  bool has_scale = false;
};

Definition rag_index_definition() {
  return {
      .kind = kRagIndexKind,
      .singular = "ragindex",
      .short_name = "rag",
      .doc = "What a retrieval system serves: documents, how they are indexed, how many workers.",
      .spec_schema = Schema::of<RagIndexSpec>({.doc = "What should be served."}),
      .status_schema = Schema::of<RagIndexStatus>({.doc = "What is served; Sluice writes it."}),
      .columns =
          {{"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", "In service."},
           {"Stable", "string", ".status.stableRevision", "The revision users get."},
           {"Candidate", "string", ".status.candidateRevision", "The one being tried."},
           {"Weight", "string", ".status.route.weight", "The candidate's share."},
           {"Docs", "integer", ".status.documents", "Documents served."},
           {"nDCG", "number", ".status.evaluation.ndcgAt10", "nDCG@10 of stable."},
           {"Age", "date", ".metadata.creationTimestamp", "Age."}},
      .has_scale = true};
}

Definition canary_rollout_definition() {
  return {.kind = kCanaryRolloutKind,
          .singular = "canaryrollout",
          .short_name = "cro",
          .doc = "How new revisions of a RagIndex reach users, are judged, and are rolled back.",
          .spec_schema = Schema::of<CanaryRolloutSpec>({.doc = "The standing policy."}),
          .status_schema =
              Schema::of<CanaryRolloutStatus>({.doc = "The present rollout; Sluice writes it."}),
          .columns = {{"Index", "string", ".spec.indexRef.name", "Whose revisions."},
                      {"Phase", "string", ".status.phase", "Where it is."},
                      {"Step", "string", ".status.stepSummary", "The present step."},
                      {"Weight", "string", ".status.weightSummary", "Observed/desired share."},
                      {"Candidate", "string", ".status.candidateRevision", "Being tried."},
                      {"Verdict", "string", ".status.verdict", "In one line."},
                      {"Age", "date", ".metadata.creationTimestamp", "Age."}}};
}

Definition model_version_definition() {
  return {.kind = kModelVersionKind,
          .singular = "modelversion",
          .short_name = "mv",
          .doc = "An artefact that indexes are built with, and the gates that it must pass.",
          .spec_schema = Schema::of<ModelVersionSpec>({.doc = "What the model is."}),
          .status_schema =
              Schema::of<ModelVersionStatus>({.doc = "What became of it; Sluice writes it."}),
          .columns = {{"Type", "string", ".spec.type", "What kind of artefact."},
                      {"Phase", "string", ".status.phase", "Whether it may be used."},
                      {"Digest", "string", ".status.digest", "sha256 of its bytes."},
                      {"Reason",
                       "string",
                       ".status.conditions[?(@.type==\"Ready\")].reason",
                       "Why it is in that phase."},
                      {"Age", "date", ".metadata.creationTimestamp", "Age."}}};
}

void write_names(JsonWriter& json, const Definition& definition) {
  json.key("names").begin_object();
  json.member("kind", definition.kind.kind);
  json.member("listKind", std::string_view(std::string(definition.kind.kind) + "List"));
  json.member("plural", definition.kind.plural);
  json.member("singular", definition.singular);
  json.key("shortNames").begin_array().value(definition.short_name).end_array();
  json.key("categories").begin_array().value("sluice").end_array();
  json.end_object();
}

void write_schema(JsonWriter& json, const Definition& definition) {
  json.key("schema").begin_object().key("openAPIV3Schema").begin_object();
  json.member("description", definition.doc).member("type", "object");
  json.key("required").begin_array().value("spec").end_array();
  json.key("x-kubernetes-validations").begin_array().begin_object();
  json.member("rule",
              "size(self.metadata.name) <= 40 && "
              "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')");
  json.member(
      "message",
      "metadata.name must be a DNS-1035 label of at most 40 characters: lower-case letters, "
      "digits and '-', starting with a letter");
  json.end_object().end_array();
  json.key("properties").begin_object();
  json.key("apiVersion").begin_object().member("type", "string").end_object();
  json.key("kind").begin_object().member("type", "string").end_object();
  json.key("metadata").begin_object().member("type", "object").end_object();
  json.key("spec").raw(definition.spec_schema);
  json.key("status").raw(definition.status_schema);
  json.end_object().end_object().end_object();
}

void write_columns(JsonWriter& json, const Definition& definition) {
  json.key("additionalPrinterColumns").begin_array();
  for (const Column& column : definition.columns) {
    json.begin_object().member("name", column.name).member("type", column.type);
    json.member("jsonPath", column.path).member("description", column.doc).end_object();
  }
  json.end_array();
}

std::string definition_json(const Definition& definition) {
  JsonWriter json;
  json.begin_object().member("apiVersion", "apiextensions.k8s.io/v1");
  json.member("kind", "CustomResourceDefinition");
  json.key("metadata").begin_object();
  json.member("name",
              std::string_view(std::string(definition.kind.plural) + "." +
                               std::string(definition.kind.group)));
  json.end_object();
  json.key("spec").begin_object().member("group", definition.kind.group);
  json.member("scope", "Namespaced");
  write_names(json, definition);
  json.key("versions").begin_array().begin_object();
  json.member("name", definition.kind.version).member("served", true).member("storage", true);
  json.key("subresources").begin_object().key("status").begin_object().end_object();
  if (definition.has_scale) {
    json.key("scale").begin_object();
    json.member("specReplicasPath", ".spec.serving.replicas");
    json.member("statusReplicasPath", ".status.replicas");
    json.member("labelSelectorPath", ".status.selector").end_object();
  }
  json.end_object();
  write_columns(json, definition);
  write_schema(json, definition);
  json.end_object().end_array().end_object().end_object();
  return json.take();
}

}  // namespace
}  // namespace sluice::api

int main(int argc, char** argv) {
  namespace api = sluice::api;
  const std::string_view wanted = argc == 2 ? argv[1] : "";
  for (const api::Definition& definition : {api::rag_index_definition(),
                                            api::canary_rollout_definition(),
                                            api::model_version_definition()}) {
    if (definition.kind.plural == wanted) {
      const auto document = sluice::JsonDocument::parse(api::definition_json(definition));
      const std::string text = api::yaml_text(document.value().root());
      std::printf("# Made by crdgen from crds/; do not edit. `hack/generate` writes it again.\n%s",
                  text.c_str());
      return 0;
    }
  }
  std::fprintf(stderr, "usage: crdgen ragindexes|canaryrollouts|modelversions\n");
  return 2;
}
