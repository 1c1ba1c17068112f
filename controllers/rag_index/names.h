#pragma once
// Names of what belongs to an index, and the short hash in some of them. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "crds/rag_index.h"

namespace sluice::rag_index {

// Ten letters and digits without vowels: some 47 bits, fit for a DNS label.
[[nodiscard]] std::string short_hash(std::string_view text);

// Names the builder of a config. Without a stable revision the place of the documents and the
// golden set count too, so that a corrected URL is another build.
[[nodiscard]] std::string config_hash(const api::RevisionConfig& config);
[[nodiscard]] std::string first_config_hash(const api::RevisionConfig& config,
                                            const api::RagIndexSpec& spec);
[[nodiscard]] std::string revision_name(std::string_view index,
                                        const api::RevisionConfig& config,
                                        std::string_view documents_digest);
// The pod; `-<attempt>` from the second on.
[[nodiscard]] std::string builder_name(std::string_view index,
                                       std::string_view hash,
                                       std::int32_t attempt);
// The builder that makes a revision's lost artefacts again.
[[nodiscard]] std::string rebuilder_name(std::string_view revision);
// The Service in front of whichever builder holds the revision's artefacts.
[[nodiscard]] std::string builder_service(std::string_view revision);
// The Deployment that holds artefacts, on this claim's volume or on none: another place is another
// Deployment, which can fetch from the one before it. The Service leads to all of them.
[[nodiscard]] std::string holder_name(std::string_view index, std::string_view claim);
[[nodiscard]] std::string holder_service(std::string_view index);
[[nodiscard]] std::string router_name(std::string_view index);
[[nodiscard]] std::string route_name(std::string_view index);
// The Secret with the token.
[[nodiscard]] std::string token_name(std::string_view index);
// status.url
[[nodiscard]] std::string query_url(std::string_view index, std::string_view namespace_name);

}  // namespace sluice::rag_index
