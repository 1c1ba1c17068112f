#include "dataplane/worker/query_request.h"

#include <nlohmann/json.hpp>

#include "dataplane/retrieval/utf8.h"

namespace sluice::worker {
namespace {

using Json = nlohmann::json;
using Parsed = tl::expected<void, Refusal>;

tl::unexpected<Refusal> refuse(std::string code, std::string message) {
  return tl::make_unexpected(
      Refusal{.status = 400, .code = std::move(code), .message = std::move(message)});
}

Parsed read_text(const Json& object, const QueryLimits& limits, QueryRequest& request) {
  const auto at = object.find("query");
  if (at == object.end() || !at->is_string()) {
    return refuse("no_query", "\"query\" must be a string.");
  }
  request.text = at->get<std::string>();
  if (request.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return refuse("empty_query", "\"query\" is empty.");
  }
  if (request.text.size() > limits.query_bytes_max) {
    return tl::make_unexpected(Refusal{
        .status = 413,
        .code = "query_too_long",
        .message =
            "\"query\" has more than " + std::to_string(limits.query_bytes_max) + " bytes."});
  }
  return {};
}

Parsed read_top_k(const Json& object, const QueryLimits& limits, QueryRequest& request) {
  request.top_k = limits.top_k_default;
  const auto at = object.find("top_k");
  if (at == object.end() || at->is_null()) {
    return {};
  }
  const bool is_fine = at->is_number_integer() && at->get<double>() >= 1 &&
                       at->get<double>() <= static_cast<double>(limits.top_k_max);
  if (!is_fine) {
    return refuse(
        "bad_top_k",
        "\"top_k\" must be an integer from 1 to " + std::to_string(limits.top_k_max) + ".");
  }
  request.top_k = at->get<std::uint32_t>();
  return {};
}

Parsed read_filter(const Json& object, const QueryLimits& limits, QueryRequest& request) {
  const auto at = object.find("filter");
  if (at == object.end() || at->is_null()) {
    return {};
  }
  if (!at->is_object() || at->size() > limits.filter_fields_max) {
    return refuse("bad_filter",
                  "\"filter\" must be an object of at most " +
                      std::to_string(limits.filter_fields_max) + " fields.");
  }
  for (const auto& [field, wanted] : at->items()) {
    retrieval::KeywordFilter filter{.field = field};
    const Json values = wanted.is_array() ? wanted : Json::array({wanted});
    if (values.empty() || values.size() > limits.filter_values_max) {
      return refuse("bad_filter",
                    "The filter on \"" + field + "\" must have 1 to " +
                        std::to_string(limits.filter_values_max) + " values.");
    }
    for (const Json& value : values) {
      if (!value.is_string()) {
        return refuse("bad_filter",
                      "The filter on \"" + field + "\" must be a string or a list of strings.");
      }
      filter.any_of.push_back(value.get<std::string>());
    }
    request.filter.push_back(std::move(filter));
  }
  return {};
}

Parsed read_debug(const Json& object, QueryRequest& request) {
  const auto at = object.find("debug");
  if (at == object.end() || at->is_null()) {
    return {};
  }
  if (!at->is_boolean()) {
    return refuse("bad_debug", "\"debug\" must be true or false.");
  }
  request.debug = at->get<bool>();
  return {};
}

}  // namespace

tl::expected<QueryRequest, Refusal> parse_query(std::string_view body, const QueryLimits& limits) {
  if (body.empty()) {
    return refuse("empty_body", "The body must be a JSON object.");
  }
  if (!retrieval::is_utf8(body)) {
    return refuse("not_utf8", "The body is not UTF-8.");
  }
  const Json object = Json::parse(body, nullptr, false);
  if (!object.is_object()) {
    return refuse("not_json", "The body is not a JSON object.");
  }
  QueryRequest request;
  Parsed parsed = read_text(object, limits, request);
  parsed = parsed ? read_top_k(object, limits, request) : parsed;
  parsed = parsed ? read_filter(object, limits, request) : parsed;
  parsed = parsed ? read_debug(object, request) : parsed;
  if (!parsed) {
    return tl::make_unexpected(parsed.error());
  }
  return request;
}

}  // namespace sluice::worker
