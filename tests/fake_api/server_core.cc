#include "tests/fake_api/server_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::fake {
namespace {

constexpr Duration kGarbageDelay = std::chrono::milliseconds{50};

}  // namespace

HttpResponse response_of(const Answer<Json>& answer, int success) {
  HttpResponse response;
  response.status = answer ? success : answer.error().code;
  response.headers = {{"Content-Type", "application/json"}};
  response.body = (answer ? *answer : answer.error().status()).dump();
  if (response.status == 429) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

// Whether the kind is served and the caller may see it.
Answer<const KindTraits*> ServerCore::admit(const Route& route, const std::string& method) const {
  const KindTraits* kind = api.find_kind(route.group, route.plural);
  if (kind == nullptr || kind->version != route.version) {
    return refuse(404, "NotFound", "the server could not find the requested resource");
  }
  if (forbidden.contains(route.plural)) {
    return refuse(403,
                  "Forbidden",
                  fmt::format("{} is forbidden: User \"test\" cannot {} resource \"{}\" in "
                              "API group \"{}\"",
                              route.plural,
                              method,
                              route.plural,
                              route.group));
  }
  const bool is_known_subresource =
      route.subresource.empty() || (route.subresource == "status" && kind->has_status);
  if (!is_known_subresource) {
    return refuse(404, "NotFound", "the server could not find the requested resource");
  }
  return kind;
}

Answer<Json> ServerCore::read(const KindTraits& kind, const Route& route) {
  // A read that may be served from anywhere may be older than what its sender acted on.
  CHECK(route.parameter("resourceVersion") != "0");
  return route.name.empty() ? list(kind, route) : api.get(kind, key_of(route));
}

// Pages show the present state after a key, under the revision of the first page: a watch from
// there replays what changed meanwhile, so that the reader ends up with the truth.
Answer<Json> ServerCore::list(const KindTraits& kind, const Route& route) {
  ++lists;
  auto objects = api.list(kind,
                          route.namespace_name,
                          {route.parameter("labelSelector"), route.parameter("fieldSelector")});
  if (!objects) {
    return tl::make_unexpected(objects.error());
  }
  std::int64_t revision = api.revision();
  std::string after;
  if (const std::string token = route.parameter("continue"); !token.empty()) {
    revision = std::stoll(token);
    after = token.substr(token.find(':') + 1);
    if (revision < api.compacted()) {
      return refuse(410, "Expired", "The provided continue parameter is too old");
    }
  }
  const auto key_text = [](const Json& object) {
    return text_at(object, {"metadata", "namespace"}) + "/" + text_at(object, {"metadata", "name"});
  };
  const std::string limit_text = route.parameter("limit");
  const std::size_t limit = limit_text.empty() ? objects->size() : std::stoul(limit_text);
  std::string next;
  Json items = Json::array();
  std::ranges::sort(*objects, {}, key_text);
  for (const Json& object : *objects) {
    if (!after.empty() && key_text(object) <= after) {
      continue;
    }
    if (items.size() == limit) {
      next = fmt::format("{}:{}", revision, key_text(items.back()));
      break;
    }
    items.push_back(object);
  }
  Json metadata = {{"resourceVersion", std::to_string(revision)}};
  if (!next.empty()) {
    metadata["continue"] = next;
  }
  return Json{{"kind", kind.kind + "List"},
              {"apiVersion", kind.group.empty() ? kind.version : kind.group + "/" + kind.version},
              {"metadata", metadata},
              {"items", items}};
}

Answer<Json> ServerCore::write(const KindTraits& kind,
                               const Route& route,
                               const HttpRequest& request) {
  const Json body = Json::parse(request.body.empty() ? "{}" : request.body, nullptr, false);
  if (!body.is_object()) {
    return refuse(400, "BadRequest", "the body is not a JSON object");
  }
  const std::string manager = route.parameter("fieldManager");
  const WriteContext context{.manager = manager.empty() ? "unknown" : manager,
                             .is_status = route.subresource == "status",
                             .force = route.parameter("force") == "true"};
  const std::string_view type = find_header(request.headers, "Content-Type");
  if (request.method == "POST") {
    return api.create(kind, route.namespace_name, body, context);
  }
  if (request.method == "PUT") {
    return api.replace(kind, key_of(route), body, context);
  }
  if (request.method == "DELETE") {
    return api.remove(kind, key_of(route), at(body, {"preconditions"}));
  }
  if (type == "application/merge-patch+json") {
    return api.merge_patch(kind, key_of(route), body, context);
  }
  if (type == "application/apply-patch+yaml") {
    return manager.empty()
               ? Answer<Json>(
                     refuse(422, "Invalid", "fieldManager: Required value: is required for apply"))
               : api.apply(kind, key_of(route), body, context);
  }
  return refuse(415, "UnsupportedMediaType", "not a patch that this server knows");
}

HttpResponse ServerCore::handle(const HttpRequest& request, const std::string& user) {
  ++requests;
  const auto route = route_of(request.url);
  if (!route) {
    return {.status = 404, .body = "404 page not found\n"};
  }
  const auto kind = admit(*route, request.method);
  if (!kind) {
    return response_of(tl::make_unexpected(kind.error()), 200);
  }
  if (request.method == "GET") {
    return response_of(read(**kind, *route), 200);
  }
  const std::int64_t before = api.revision();
  const auto answer = write(**kind, *route, request);
  HttpResponse response = response_of(answer, request.method == "POST" ? 201 : 200);
  WriteRecord record{.number = static_cast<int>(writes.size()) + 1,
                     .user = user,
                     .method = request.method,
                     .kind = (*kind)->kind,
                     .key = key_of(*route),
                     .is_status = route->subresource == "status",
                     .body = request.body,
                     .status = response.status,
                     .is_changed = api.revision() != before};
  if (record.key.name.empty() && answer) {
    record.key.name = text_at(*answer, {"metadata", "name"});
  }
  writes.push_back(record);
  if (record.is_changed) {
    changed();
  }
  return response;
}

void ServerCore::changed() {
  hub.wake();
  // A child made under an owner that is gone already is collected too.
  if (garbage == TimerId{}) {
    garbage = loop.call_after(kGarbageDelay, [this] {
      garbage = {};
      if (api.collect_garbage() > 0) {
        changed();
      }
    });
  }
  if (change == TimerId{} && !on_change.empty()) {
    change = loop.call_after(Duration{0}, [this] {
      change = {};
      for (const auto& handler : on_change) {
        handler();
      }
    });
  }
}

}  // namespace sluice::fake
