#include "apiclient/api_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apiclient/client.h"
#include "apiclient/types/apps.h"
#include "apiclient/types/core.h"
#include "apiclient/watch.h"
#include "base/rng.h"

namespace sluice {
namespace {

const kube::ObjectKey kKey{"default", "web"};

TEST(ApiRequest, RendersEveryVerb) {
  struct Case {
    ApiRequest request;
    std::string line;
    std::string type;
    std::string body;
  };

  const kube::ObjectMeta basis{
      .name = "web", .namespace_name = "default", .uid = "u", .resource_version = "7"};
  ApiRequest forced = apply_object(kube::kDeploymentKind, kKey, "{}");
  forced.force = true;
  const std::string path = "/apis/apps/v1/namespaces/default/deployments";
  const std::vector<Case> cases{
      {get_object(kube::kPodKind, kKey), "GET /api/v1/namespaces/default/pods/web", "", ""},
      {create_object(kube::kDeploymentKind, kKey, "{}"),
       "POST " + path + "?fieldManager=sluice",
       "application/json",
       "{}"},
      {apply_object(kube::kDeploymentKind, kKey, R"({"kind":"D"})"),
       "PATCH " + path + "/web?fieldManager=sluice",
       "application/apply-patch+yaml",
       R"({"kind":"D"})"},
      {apply_object(kube::kDeploymentKind, kKey, R"({"metadata":{"name":"web"}})", {.uid = "u"}),
       "PATCH " + path + "/web?fieldManager=sluice",
       "application/apply-patch+yaml",
       R"({"metadata":{"name":"web","uid":"u"}})"},
      {forced,
       "PATCH " + path + "/web?fieldManager=sluice&force=true",
       "application/apply-patch+yaml",
       "{}"},
      {replace_status(kube::kDeploymentKind, basis, R"({"a":1})"),
       "PUT " + path + "/web/status?fieldManager=sluice",
       "application/json",
       R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web",)"
       R"("namespace":"default","uid":"u","resourceVersion":"7"},"status":{"a":1}})"},
      {merge_patch(kube::kPodKind,
                   kKey,
                   R"({"metadata":{"labels":{"a":null}}})",
                   {.resource_version = "9"}),
       "PATCH /api/v1/namespaces/default/pods/web?fieldManager=sluice",
       "application/merge-patch+json",
       R"({"metadata":{"labels":{"a":null},"resourceVersion":"9"}})"},
      {delete_object(kube::kPodKind, kKey, {.uid = "u"}),
       "DELETE /api/v1/namespaces/default/pods/web",
       "application/json",
       R"({"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background",)"
       R"("preconditions":{"uid":"u"}})"},
  };
  for (const Case& given : cases) {
    const HttpRequest http = to_http(given.request);
    EXPECT_EQ(http.method + " " + http.url, given.line);
    EXPECT_EQ(find_header(http.headers, "content-type"), given.type);
    EXPECT_EQ(http.body, given.body);
    EXPECT_GT(http.deadline, Duration{0});
  }
}

TEST(ApiRequest, RendersListAndWatch) {
  const HttpRequest list = to_http(ListRequest{.kind = kube::kPodKind,
                                               .namespace_name = "a b",
                                               .label_selector = "x=y,!z",
                                               .continue_token = "t/1"});
  EXPECT_EQ(list.url,
            "/api/v1/namespaces/a%20b/pods?labelSelector=x%3Dy%2C%21z&limit=500&continue=t%2F1");
  const HttpRequest watch = to_http(WatchRequest{.kind = kube::kDeploymentKind,
                                                 .field_selector = "metadata.name=r",
                                                 .resource_version = "12",
                                                 .timeout = std::chrono::seconds{400}});
  EXPECT_EQ(watch.url,
            "/apis/apps/v1/deployments?watch=1&allowWatchBookmarks=true&resourceVersion=12"
            "&timeoutSeconds=400&fieldSelector=metadata.name%3Dr");
  EXPECT_GT(watch.deadline, std::chrono::seconds{400});
}

TEST(ClientErrors, AreTypedByStatusAndCarryTheServersWords) {
  struct Case {
    int status;
    std::string body;
    ErrorCode code;
    std::string says;
  };

  const std::vector<Case> cases{
      {404,
       R"({"kind":"Status","message":"pods \"x\" not found","code":404})",
       ErrorCode::kNotFound,
       "not found"},
      {409,
       R"({"kind":"Status","reason":"AlreadyExists","message":"exists"})",
       ErrorCode::kConflict,
       "exists"},
      {410, "{}", ErrorCode::kGone, "410"},
      {401, "Unauthorized\n", ErrorCode::kForbidden, "Unauthorized"},
      {403, R"({"message":"cannot list"})", ErrorCode::kForbidden, "cannot list"},
      {422, R"({"message":"spec.weight: Invalid value"})", ErrorCode::kInvalid, "spec.weight"},
      {429,
       R"({"message":"slow down","details":{"retryAfterSeconds":3}})",
       ErrorCode::kThrottled,
       "slow down"},
      {500, "", ErrorCode::kUnavailable, "500"},
      {503, "<html>", ErrorCode::kUnavailable, "<html>"},
      {504, "{}", ErrorCode::kTimeout, "504"},
  };
  for (const Case& given : cases) {
    const Error error = error_of({.status = given.status, .body = given.body});
    EXPECT_EQ(error.code, given.code) << given.status;
    EXPECT_EQ(error.http_status, given.status);
    EXPECT_NE(error.message.find(given.says), std::string::npos) << error.message;
    EXPECT_EQ(error.retry_after.has_value(), given.status == 429);
  }
  EXPECT_EQ(error_of({.status = 503, .headers = {{"retry-after", "5"}}}).retry_after,
            std::chrono::seconds{5});
}

TEST(LineFramer, GivesTheSameLinesHoweverTheStreamIsCut) {
  const std::string stream = "{\"a\":1}\n\n{\"b\":\"\xC3\xA9\xE2\x82\xAC\"}\n{\"c\":3}\nrest";
  std::vector<std::string> whole;
  LineFramer once;
  ASSERT_TRUE(once.feed(stream, [&](std::string_view line) {
    whole.emplace_back(line);
    return true;
  }));
  ASSERT_EQ(whole.size(), 3U);
  Rng rng(9);
  for (int round = 0; round < 500; ++round) {
    LineFramer framer;
    std::vector<std::string> lines;
    std::string_view rest = stream;
    while (!rest.empty()) {
      const auto n = 1 + rng.below(std::min<std::size_t>(rest.size(), 9));
      ASSERT_TRUE(framer.feed(rest.substr(0, n), [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
      }));
      rest.remove_prefix(n);
    }
    ASSERT_EQ(lines, whole);
  }
}

TEST(LineFramer, RefusesALineThatIsTooLong) {
  LineFramer framer(10);
  const auto ignore = [](std::string_view) { return true; };
  EXPECT_TRUE(framer.feed("0123456789\n01234", ignore));
  const auto over = framer.feed("567890", ignore);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::kInvalid);
}

TEST(WatchEvents, AreReadOrRefused) {
  const auto event = [](const char* text) {
    const auto document = JsonDocument::parse(text);
    return read_watch_event(*document);
  };
  const auto added = event(R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"5"}}})");
  ASSERT_TRUE(added);
  EXPECT_EQ(added->type, WatchEventType::kAdded);
  EXPECT_EQ(added->resource_version, "5");
  EXPECT_EQ(event(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6"}}})")->type,
            WatchEventType::kBookmark);
  for (const char* wrong : {R"({"type":"NEW","object":{}})",
                            R"({"type":"ADDED"})",
                            R"({"type":"ADDED","object":7})",
                            "[]",
                            "7"}) {
    EXPECT_FALSE(event(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace sluice
