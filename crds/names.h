#pragma once
// The names that the operator, the worker and the router agree on: group, labels, annotations,
// ports.

#include <string_view>

#include "apiclient/types/meta.h"

namespace sluice::api {

inline constexpr std::string_view kGroup = "sluice.dev";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr kube::ResourceKind kRagIndexKind{kGroup, kVersion, "RagIndex", "ragindexes"};
inline constexpr kube::ResourceKind kCanaryRolloutKind{
    kGroup, kVersion, "CanaryRollout", "canaryrollouts"};
inline constexpr kube::ResourceKind kModelVersionKind{
    kGroup, kVersion, "ModelVersion", "modelversions"};

// The one server-side-apply manager, for ever.
inline constexpr std::string_view kFieldManager = "sluice";

// Labels of everything that the operator makes.
inline constexpr std::string_view kIndexLabel = "sluice.dev/index";  // RagIndex name.
inline constexpr std::string_view kRevisionLabel =
    "sluice.dev/revision";  // ControllerRevision name.
inline constexpr std::string_view kComponentLabel = "sluice.dev/component";
inline constexpr std::string_view kComponentWorker = "worker";
inline constexpr std::string_view kComponentBuilder = "builder";
inline constexpr std::string_view kComponentHolder = "holder";
inline constexpr std::string_view kComponentRouter = "router";
inline constexpr std::string_view kComponentRoute = "route";
inline constexpr std::string_view kComponentPolicy = "policy";
inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";  // "sluice".
// On ControllerRevisions, so that what status forgot can be found again.
inline constexpr std::string_view kRoleLabel =
    "sluice.dev/role";  // "stable", "candidate", "retired".
inline constexpr std::string_view kVerdictLabel = "sluice.dev/verdict";  // "rejected", "promoted".
// Facts of a built revision (RevisionFacts as JSON), on its ControllerRevision.
inline constexpr std::string_view kFactsAnnotation = "sluice.dev/facts";
// Why a revision was rejected, for people.
inline constexpr std::string_view kRejectionAnnotation = "sluice.dev/rejection";
// On a CanaryRollout: "<verb> <revision>[:<step>] <id>"; verbs: docs/commands.md.
inline constexpr std::string_view kCommandAnnotation = "sluice.dev/command";
// Break glass, on the ConfigMap "<index>-route": until this time (RFC 3339) a person's edit of the
// table is honoured by routers and operator.
inline constexpr std::string_view kManualAnnotation = "sluice.dev/manual";

// The Secret that pods of an index and the operator share, by its label; its key, and where pods
// have it.
inline constexpr std::string_view kComponentToken = "token";
inline constexpr std::string_view kTokenKey = "token";
inline constexpr std::string_view kTokenFolder = "/etc/sluice";
inline constexpr std::string_view kTokenFile = "/etc/sluice/token";

// Of the Secrets that sources name: the value of the Authorization header; where pods have it.
inline constexpr std::string_view kAuthorizationKey = "authorization";
inline constexpr std::string_view kSourceSecretFolder = "/etc/sluice-source";
inline constexpr std::string_view kGoldenSetSecretFolder = "/etc/sluice-golden-set";

// Every program of the data plane listens here.
inline constexpr int kHttpPort = 8080;
// Key of the route table in its ConfigMap "<index>-route".
inline constexpr std::string_view kRouteTableKey = "table.json";
// Header of a query response: the revision that answered.
inline constexpr std::string_view kRevisionHeader = "X-Sluice-Revision";

}  // namespace sluice::api
