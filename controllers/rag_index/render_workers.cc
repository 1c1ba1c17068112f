#include <fmt/format.h>

#include <algorithm>

#include "base/describe.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/render.h"
#include "controllers/rag_index/render_parts.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

const api::Resources& worker_defaults() {
  static const api::Resources kDefaults{
      .requests = {{"cpu", Quantity{"50m"}}, {"memory", Quantity{"64Mi"}}}};
  return kDefaults;
}

const api::Resources& holder_needs() {
  static const api::Resources kNeeds{
      .requests = {{"cpu", Quantity{"10m"}}, {"memory", Quantity{"32Mi"}}}};
  return kNeeds;
}

// What the worker program is told of a config: a RagIndexSpec with nothing but that.
std::string spec_json(const api::RagIndex& index, const BuilderWish& wish) {
  api::RagIndexSpec spec;
  spec.source = wish.source;
  spec.documents = wish.config.documents;
  spec.chunking = wish.config.chunking;
  spec.retrieval = wish.config.retrieval;
  spec.drill = wish.config.drill;
  spec.evaluation = index.spec.evaluation;
  return to_json(spec);
}

std::string secret_of(const std::optional<api::HttpSource>& source) {
  return source && source->secret_ref ? source->secret_ref->name : std::string();
}

std::string token_secret(const api::RagIndex& index, bool has_token) {
  return has_token ? token_name(index.metadata.name) : std::string();
}

std::string authorization_in(std::string_view folder) {
  return std::string(folder) + "/" + std::string(api::kAuthorizationKey);
}

Secrets builder_secrets(const api::RagIndex& index, const BuilderWish& wish) {
  const auto& evaluation = index.spec.evaluation;
  return {.token = token_secret(index, wish.has_token),
          .source = secret_of(wish.source.http),
          .golden_set = evaluation ? secret_of(evaluation->golden_set.http) : std::string()};
}

std::vector<std::string> builder_arguments(const api::RagIndex& index, const BuilderWish& wish) {
  std::vector<std::string> arguments{
      "builder", "--data-dir", "/data", "--spec-json", spec_json(index, wish)};
  if (!wish.documents_digest.empty()) {
    arguments.insert(arguments.end(), {"--documents-digest", wish.documents_digest});
  }
  for (const std::string& base : wish.documents_from) {
    arguments.insert(arguments.end(), {"--documents-from", base});
  }
  for (const std::string& digest : wish.known_documents) {
    arguments.insert(arguments.end(), {"--unless-digest", digest});
  }
  // By flags of their own: an image that does not know them fails and says so, where it would read
  // over a field of the spec and build without the words.
  if (wish.config.analyzer_digest && wish.analyzer) {
    arguments.insert(arguments.end(), {"--analyzer-digest", *wish.config.analyzer_digest});
    if (wish.analyzer->words) {
      arguments.insert(arguments.end(),
                       {"--analyzer-json", api::canonical_json(*wish.analyzer->words)});
    } else if (wish.analyzer->uri) {
      arguments.insert(arguments.end(), {"--analyzer-url", *wish.analyzer->uri});
    }
  }
  const Secrets secrets = builder_secrets(index, wish);
  if (!secrets.source.empty()) {
    arguments.insert(arguments.end(),
                     {"--source-authorization-file", authorization_in(api::kSourceSecretFolder)});
  }
  if (!secrets.golden_set.empty()) {
    arguments.insert(
        arguments.end(),
        {"--golden-set-authorization-file", authorization_in(api::kGoldenSetSecretFolder)});
  }
  return arguments;
}

std::string base_url(std::string_view service) {
  return "http://" + std::string(service) + ":" + std::to_string(api::kHttpPort);
}

std::vector<std::string> fetch_arguments(const WorkersWish& wish) {
  std::vector<std::string> arguments{"fetch",
                                     "--data-dir",
                                     "/data",
                                     "--from",
                                     base_url(wish.revision),
                                     "--from",
                                     base_url(builder_service(wish.revision))};
  for (const std::string& digest : {wish.facts.index_digest,
                                    wish.facts.evaluation_digest,
                                    wish.facts.documents_digest,
                                    wish.config.analyzer_digest.value_or("")}) {
    if (!digest.empty()) {
      arguments.insert(arguments.end(), {"--artifact", digest});
    }
  }
  return arguments;
}

std::vector<std::string> serve_arguments(const WorkersWish& wish) {
  std::vector<std::string> arguments{"serve",
                                     "--data-dir",
                                     "/data",
                                     "--index-digest",
                                     wish.facts.index_digest,
                                     "--revision",
                                     wish.revision};
  if (!wish.facts.evaluation_digest.empty()) {
    arguments.insert(arguments.end(), {"--evaluation-digest", wish.facts.evaluation_digest});
  }
  if (const auto& drill = wish.config.drill) {
    arguments.insert(arguments.end(),
                     {"--drill-error-rate",
                      format_share(drill->error_rate),
                      "--drill-latency",
                      format_duration(drill->latency)});
  }
  if (wish.golden_set) {
    arguments.insert(arguments.end(),
                     {"--golden-set-authorization-file",
                      authorization_in(api::kGoldenSetSecretFolder),
                      "--golden-set-url",
                      wish.golden_set->url});
  }
  return arguments;
}

struct Program {
  std::string_view name;
  const std::string& image;
  std::vector<std::string> arguments;
  const Secrets& secrets;
};

void write_program(JsonWriter& json, const Program& program) {
  json.member("name", program.name).member("image", std::string_view(program.image));
  json.member("imagePullPolicy", "IfNotPresent");
  write_strings(json, "command", {"/usr/local/bin/sluice-worker"});
  write_strings(json, "args", program.arguments);
  write_environment(json, {});
  json.member("terminationMessagePolicy", "FallbackToLogsOnError");
  write_container_security(json);
  write_mounts(json, program.secrets);
}

void write_worker_pod(JsonWriter& json,
                      const api::RagIndex& index,
                      const WorkersWish& wish,
                      const kube::StringMap& labels) {
  json.member("automountServiceAccountToken", false).member("enableServiceLinks", false);
  // The drain: readiness off, 5 s for the routers to notice, then what is in flight.
  json.member("terminationGracePeriodSeconds", 30);
  write_pod_template(json, wish.pod_template, labels);
  write_pod_security(json);
  const Secrets fetching{.token = token_secret(index, wish.has_token)};
  const Secrets serving{.token = fetching.token, .golden_set = secret_of(wish.golden_set)};
  json.key("initContainers").begin_array().begin_object();
  write_program(json, {"fetch", wish.config.image, fetch_arguments(wish), fetching});
  write_resources(json, wish.resources, worker_defaults());
  json.end_object().end_array();
  json.key("containers").begin_array().begin_object();
  write_program(json, {"worker", wish.config.image, serve_arguments(wish), serving});
  write_resources(json, wish.resources, worker_defaults());
  write_port(json);
  write_probe(json, "readinessProbe", "/ready", 2);
  write_probe(json, "livenessProbe", "/health", 15);
  json.end_object().end_array();
  write_volumes(json, serving);
}

void write_service(JsonWriter& json, const kube::StringMap& selector, int port) {
  json.key("spec").begin_object();
  json.member("type", "ClusterIP");
  write_map(json, "selector", selector);
  json.key("ports").begin_array().begin_object();
  json.member("name", "http").member("port", port);
  json.member("targetPort", "http").member("protocol", "TCP");
  json.end_object().end_array().end_object();
}

// Every index has a folder of its own on a volume.
std::string folder_of(const api::RagIndex& index, const HolderWish& wish) {
  return wish.claim ? "/data/" + index.metadata.name : "/data";
}

std::vector<std::string> holder_arguments(const api::RagIndex& index, const HolderWish& wish) {
  std::vector<std::string> arguments{"holder", "--data-dir", folder_of(index, wish)};
  for (const std::string& revision : wish.revisions) {
    arguments.insert(arguments.end(),
                     {"--from", base_url(revision), "--from", base_url(builder_service(revision))});
  }
  // The one that was asked before this one.
  arguments.insert(arguments.end(), {"--from", base_url(holder_service(index.metadata.name))});
  for (const std::string& digest : wish.artifacts) {
    arguments.insert(arguments.end(), {"--artifact", digest});
  }
  return arguments;
}

void write_holder_pod(JsonWriter& json,
                      const api::RagIndex& index,
                      const HolderWish& wish,
                      const kube::StringMap& labels) {
  json.member("automountServiceAccountToken", false).member("enableServiceLinks", false);
  json.member("terminationGracePeriodSeconds", 15);
  write_pod_template(json, index.spec.serving.pod_template, labels);
  write_pod_security(json);
  json.key("containers").begin_array().begin_object();
  const Secrets secrets{.token = token_name(index.metadata.name)};
  write_program(json, {"holder", wish.image, holder_arguments(index, wish), secrets});
  // It only copies files: what a worker needs would be wasted on it.
  write_resources(json, {}, holder_needs());
  write_port(json);
  write_probe(json, "readinessProbe", "/ready", 2);
  json.end_object().end_array();
  write_volumes(json, secrets, wish.claim ? wish.claim->claim_name : std::string());
}

}  // namespace

Manifest render_builder(const api::RagIndex& index, const BuilderWish& wish) {
  const kube::StringMap labels = selector_of(index, api::kComponentBuilder, wish.revision);
  const Secrets secrets = builder_secrets(index, wish);
  return finish(
      index, {kube::kPodKind, wish.name, labels, {}, [&](JsonWriter& json) {
                json.key("spec").begin_object();
                json.member("restartPolicy", "Never");
                json.member("automountServiceAccountToken", false);
                json.member("enableServiceLinks", false);
                json.member("terminationGracePeriodSeconds", 15);
                write_pod_template(json, index.spec.serving.pod_template, labels);
                write_pod_security(json);
                json.key("containers").begin_array().begin_object();
                write_program(
                    json, {"builder", wish.config.image, builder_arguments(index, wish), secrets});
                write_resources(json, index.spec.serving.resources, worker_defaults());
                write_port(json);
                write_probe(json, "readinessProbe", "/ready", 2);
                json.end_object().end_array();
                write_volumes(json, secrets);
                json.end_object();
              }});
}

Manifest render_builder_service(const api::RagIndex& index,
                                std::string_view revision,
                                bool is_on_holder) {
  const kube::StringMap labels = selector_of(index, api::kComponentBuilder, revision);
  const kube::StringMap holder = selector_of(index, api::kComponentHolder);
  return finish(index,
                {kube::kServiceKind, builder_service(revision), labels, {}, [&](JsonWriter& json) {
                   write_service(json, is_on_holder ? holder : labels, api::kHttpPort);
                 }});
}

Manifest render_holder(const api::RagIndex& index, const HolderWish& wish) {
  kube::StringMap labels = selector_of(index, api::kComponentHolder);
  labels[std::string(kHolderLabel)] = wish.name;
  const kube::StringMap annotations{
      {std::string(kHoldsAnnotation), fmt::format("{}", fmt::join(wish.revisions, " "))}};
  return finish(index,
                {kube::kDeploymentKind, wish.name, labels, annotations, [&](JsonWriter& json) {
                   json.key("spec").begin_object();
                   json.member("replicas", 1).member("revisionHistoryLimit", 1);
                   json.member("progressDeadlineSeconds", 300);
                   json.key("strategy").begin_object();
                   if (wish.claim) {
                     // What it had is on the volume, which perhaps one node alone may mount.
                     json.member("type", "Recreate").end_object();
                   } else {
                     // The next one fetches from it what nobody else has.
                     json.member("type", "RollingUpdate");
                     json.key("rollingUpdate").begin_object();
                     json.member("maxUnavailable", 0).member("maxSurge", 1);
                     json.end_object().end_object();
                   }
                   json.key("selector").begin_object();
                   write_map(json, "matchLabels", labels);
                   json.end_object();
                   json.key("template").begin_object().key("metadata").begin_object();
                   write_map(json, "labels", labels);
                   write_map(json, "annotations", annotations);
                   json.end_object().key("spec").begin_object();
                   write_holder_pod(json, index, wish, labels);
                   json.end_object().end_object().end_object();
                 }});
}

Manifest render_holder_service(const api::RagIndex& index) {
  const kube::StringMap labels = selector_of(index, api::kComponentHolder);
  return finish(
      index,
      {kube::kServiceKind, holder_service(index.metadata.name), labels, {}, [&](JsonWriter& json) {
         write_service(json, labels, api::kHttpPort);
       }});
}

Manifest render_workers(const api::RagIndex& index, const WorkersWish& wish) {
  const kube::StringMap labels = selector_of(index, api::kComponentWorker, wish.revision);
  kube::StringMap annotations{{std::string(kResourcesAnnotation), to_json(wish.resources)}};
  if (wish.pod_template) {
    annotations[std::string(kPodTemplateAnnotation)] = to_json(*wish.pod_template);
  }
  if (wish.has_token) {
    annotations[std::string(kTokenAnnotation)] = "mounted";
  }
  if (wish.golden_set) {
    annotations[std::string(kGoldenSetAnnotation)] = to_json(*wish.golden_set);
  }
  return finish(index,
                {kube::kDeploymentKind, wish.revision, labels, annotations, [&](JsonWriter& json) {
                   json.key("spec").begin_object();
                   json.member("replicas", static_cast<std::int64_t>(wish.replicas));
                   json.member("revisionHistoryLimit", 1).member("minReadySeconds", 1);
                   json.member("progressDeadlineSeconds", 600);
                   json.key("strategy").begin_object().member("type", "RollingUpdate");
                   json.key("rollingUpdate").begin_object();
                   json.member("maxUnavailable", 0).member("maxSurge", 1);
                   json.end_object().end_object();
                   json.key("selector").begin_object();
                   write_map(json, "matchLabels", labels);
                   json.end_object();
                   json.key("template").begin_object().key("metadata").begin_object();
                   write_map(json, "labels", labels);
                   json.end_object().key("spec").begin_object();
                   write_worker_pod(json, index, wish, labels);
                   json.end_object().end_object().end_object();
                 }});
}

Manifest render_worker_service(const api::RagIndex& index, std::string_view revision) {
  const kube::StringMap labels = selector_of(index, api::kComponentWorker, revision);
  return finish(index,
                {kube::kServiceKind, std::string(revision), labels, {}, [&](JsonWriter& json) {
                   write_service(json, labels, api::kHttpPort);
                 }});
}

Manifest render_budget(const api::RagIndex& index,
                       std::string_view revision,
                       std::int32_t replicas) {
  return budget_of(index,
                   std::string(revision),
                   selector_of(index, api::kComponentWorker, revision),
                   std::max(0, replicas - 1));
}

Manifest render_revision(const api::RagIndex& index, const RevisionWish& wish) {
  kube::StringMap labels{{std::string(api::kRoleLabel), wish.role}};
  kube::StringMap annotations{{std::string(kAttemptAnnotation), std::to_string(wish.attempt)}};
  if (!wish.verdict.empty()) {
    labels[std::string(api::kVerdictLabel)] = wish.verdict;
  }
  if (wish.facts) {
    annotations[std::string(api::kFactsAnnotation)] = to_json(*wish.facts);
  }
  if (!wish.rejection.empty()) {
    annotations[std::string(api::kRejectionAnnotation)] = wish.rejection;
    annotations[std::string(kRejectedAtAnnotation)] = wish.rejected_at;
  }
  if (!wish.retried.empty()) {
    annotations[std::string(kRetriedAnnotation)] = wish.retried;
  }
  if (!wish.lost_at.empty()) {
    annotations[std::string(kLostAtAnnotation)] = wish.lost_at;
  }
  return finish(
      index, {kube::kControllerRevisionKind, wish.name, labels, annotations, [&](JsonWriter& json) {
                json.key("data").raw(wish.data);
                json.member("revision", wish.number);
              }});
}

Manifest render_router_service(const api::RagIndex& index) {
  const kube::StringMap labels = selector_of(index, api::kComponentRouter);
  return finish(index, {kube::kServiceKind, index.metadata.name, labels, {}, [&](JsonWriter& json) {
                          write_service(json, labels, 80);
                        }});
}

}  // namespace sluice::rag_index
