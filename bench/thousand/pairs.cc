#include "bench/thousand/pairs.h"

#include <fmt/format.h>

#include "apiclient/api_request.h"
#include "apiclient/client.h"
#include "base/describe.h"
#include "crds/canary_rollout.h"
#include "crds/names.h"
#include "crds/rag_index.h"

namespace sluice::bench {
namespace {

constexpr std::string_view kPrefix = "pair-";
constexpr std::size_t kDigits = 4;

template <class T>
Write create(const kube::ResourceKind& kind, const kube::ObjectKey& key, const T& spec) {
  const std::string body = fmt::format(
      R"({{"apiVersion":"{}","kind":"{}","metadata":{{"name":"{}","namespace":"{}"}},"spec":{}}})",
      kind.api_version(),
      kind.kind,
      key.name,
      key.namespace_name,
      to_json(spec));
  const HttpRequest request = to_http(create_object(kind, key, body));
  return {.method = request.method,
          .url = request.url,
          .content_type = std::string(find_header(request.headers, "Content-Type")),
          .body = request.body};
}

}  // namespace

std::vector<Write> pairs(std::int64_t count, const std::string& namespace_name) {
  api::RagIndexSpec index;
  index.source.http = api::HttpSource{.url = "http://corpus/packages.jsonl.gz"};
  index.serving.replicas = 0;
  api::CanaryRolloutSpec rollout;
  rollout.steps = {{.split = api::SplitStep{.weight = Share{100}}},
                   {.split = api::SplitStep{.weight = Share{5000}}}};
  std::vector<Write> all;
  for (std::int64_t i = 0; i < count; ++i) {
    const kube::ObjectKey key{namespace_name, fmt::format("{}{:04}", kPrefix, i)};
    rollout.index_ref.name = key.name;
    all.push_back(create(api::kRagIndexKind, key, index));
    all.push_back(create(api::kCanaryRolloutKind, key, rollout));
  }
  return all;
}

std::string pair_of(const Write& write) {
  for (const std::string& text : {write.url, write.body}) {
    const std::size_t at = text.find(kPrefix);
    if (at != std::string::npos) {
      return text.substr(at, kPrefix.size() + kDigits);
    }
  }
  return {};
}

}  // namespace sluice::bench
