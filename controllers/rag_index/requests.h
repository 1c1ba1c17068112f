#pragma once
// From an action to the call of the API server that does it. Pure.

#include <optional>

#include "apiclient/api_request.h"
#include "controllers/rag_index/decision.h"

namespace sluice::rag_index {

// Empty for actions that are no call (Announce). `index` says in which namespace.
[[nodiscard]] std::optional<ApiRequest> request_of(const Action& action,
                                                   const kube::ObjectMeta& index);

}  // namespace sluice::rag_index
