#pragma once
// QueryRequest: the body of POST /query, checked. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/retrieval/searcher.h"

namespace sluice::worker {

struct QueryLimits {
  std::size_t query_bytes_max = 8 * 1024;
  std::uint32_t top_k_default = 10;
  std::uint32_t top_k_max = 1000;
  std::size_t filter_fields_max = 16;
  std::size_t filter_values_max = 256;  // Of one field.
};

struct QueryRequest {
  std::string text = {};
  std::uint32_t top_k = 0;
  std::vector<retrieval::KeywordFilter> filter = {};
  bool debug = false;
};

// Why a request is refused: an HTTP status of 4xx, a code for programs, a message for people.
struct Refusal {
  int status = 400;
  std::string code = {};
  std::string message = {};
};

// {"query": "…", "top_k": 10, "filter": {"section": "net", "kind": ["a", "b"]}, "debug": false};
// only "query" must be there, and other members are ignored.
[[nodiscard]] tl::expected<QueryRequest, Refusal> parse_query(std::string_view body,
                                                              const QueryLimits& limits);

}  // namespace sluice::worker
