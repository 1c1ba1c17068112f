#include "controllers/rag_index/names.h"

#include "base/describe.h"

namespace sluice::rag_index {
namespace {

// FNV-1a, then a finalizer that spreads the last bytes over all bits.
std::uint64_t hash64(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211U;
  }
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
  return hash ^ (hash >> 33U);
}

}  // namespace

std::string short_hash(std::string_view text) {
  // Kubernetes' own alphabet for generated names: no word can come of it.
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::uint64_t hash = hash64(text);
  std::string out;
  for (int i = 0; i < 10; ++i) {
    out += kLetters[hash % kLetters.size()];
    hash /= kLetters.size();
  }
  return out;
}

std::string config_hash(const api::RevisionConfig& config) {
  return short_hash(to_json(config));
}

std::string first_config_hash(const api::RevisionConfig& config, const api::RagIndexSpec& spec) {
  api::RagIndexSpec rest;
  rest.source = spec.source;
  rest.evaluation = spec.evaluation;
  return short_hash(to_json(config) + to_json(rest));
}

std::string revision_name(std::string_view index,
                          const api::RevisionConfig& config,
                          std::string_view documents_digest) {
  return std::string(index) + "-" + short_hash(to_json(config) + std::string(documents_digest));
}

std::string builder_name(std::string_view index, std::string_view hash, std::int32_t attempt) {
  std::string name = std::string(index) + "-build-" + std::string(hash);
  return attempt == 0 ? name : name + "-" + std::to_string(attempt);
}

std::string rebuilder_name(std::string_view revision) {
  return std::string(revision) + "-rebuild";
}

std::string builder_service(std::string_view revision) {
  return std::string(revision) + "-build";
}

std::string holder_name(std::string_view index, std::string_view claim) {
  std::string name = holder_service(index);
  return claim.empty() ? name : name + "-" + short_hash(claim);
}

std::string holder_service(std::string_view index) {
  return std::string(index) + "-holder";
}

std::string router_name(std::string_view index) {
  return std::string(index) + "-router";
}

std::string route_name(std::string_view index) {
  return std::string(index) + "-route";
}

std::string token_name(std::string_view index) {
  return std::string(index) + "-token";
}

std::string query_url(std::string_view index, std::string_view namespace_name) {
  return "http://" + std::string(index) + "." + std::string(namespace_name) + ".svc/query";
}

}  // namespace sluice::rag_index
