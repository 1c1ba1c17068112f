// Sources that ask who one is: what is sent, to whom, and what is said when it is not there.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/http/server.h"
#include "dataplane/retrieval/scratch_folder.h"
#include "dataplane/worker/download.h"

namespace sluice::worker {
namespace {

using retrieval::ScratchFolder;

// GET /private for those who know "Basic x:y"; GET /moved leads there, GET /away to `elsewhere`.
class PrivateSite {
 public:
  explicit PrivateSite(std::string elsewhere = {}) : server_({.address = "127.0.0.1"}) {
    server_.route("GET", "/private", [](const http::Request& request, http::Reply reply) {
      if (request.header("Authorization") == "Basic x:y") {
        reply({.headers = {{"ETag", "\"1\""}}, .body = "documents"});
      } else {
        reply(http::error_response(401, "unauthorized", "no"));
      }
    });
    lead("/moved", "/private");
    lead("/away", std::move(elsewhere));
    EXPECT_TRUE(server_.start());
  }

  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + path;
  }

 private:
  void lead(const std::string& from, std::string to) {
    server_.route("GET", from, [to = std::move(to)](const http::Request&, http::Reply reply) {
      reply({.status = 302, .headers = {{"Location", to}}});
    });
  }

  http::Server server_;
};

class Authorization : public testing::Test {
 protected:
  Outcome<Download> get(const std::string& url) const {
    return download({.url = url,
                     .path = folder_.path("documents"),
                     .authorization_file = folder_.path("authorization"),
                     .checks_for_change = true});
  }

  ScratchFolder folder_;
  PrivateSite elsewhere_;
  PrivateSite site_{elsewhere_.url("/private")};
};

TEST_F(Authorization, IsSentAsTheFileHasItAlsoOverARedirectOnTheSameHost) {
  folder_.write("authorization", "Basic x:y\n");
  for (const char* path : {"/private", "/moved"}) {
    const auto got = get(site_.url(path));
    ASSERT_TRUE(got) << path << ": " << got.error().message;
  }
  EXPECT_EQ(folder_.read("documents"), "documents");
}

TEST_F(Authorization, IsKeptFromWhereARedirectLeads) {
  folder_.write("authorization", "Basic x:y");
  ASSERT_TRUE(get(elsewhere_.url("/private")));
  const auto got = get(site_.url("/away"));
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("HTTP 401; its secretRef"), std::string::npos)
      << got.error().message;
}

TEST_F(Authorization, CountsAtOnceWhenItIsReplaced) {
  folder_.write("authorization", "Basic wrong");
  EXPECT_FALSE(get(site_.url("/private")));
  folder_.write("authorization", "Basic x:y");
  EXPECT_TRUE(get(site_.url("/private")));
}

TEST_F(Authorization, ThatIsMissingOrNoHeadersValueIsNamedAndMayPass) {
  const auto missing = get(site_.url("/private"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ExitCode::kSource) << "it is tried again";
  EXPECT_NE(missing.error().message.find("secretRef"), std::string::npos);
  const std::vector<std::string> bad_values{"",
                                            "\n",
                                            "Basic x:y\r\nX-Other: 1",
                                            std::string("a\0b", 3),
                                            "Bärer",
                                            std::string(20'000, 'a')};
  for (const std::string& bad : bad_values) {
    folder_.write("authorization", bad);
    const auto got = get(site_.url("/private"));
    ASSERT_FALSE(got) << bad;
    EXPECT_NE(got.error().message.find("needs an authorization"), std::string::npos)
        << got.error().message;
  }
  EXPECT_EQ(folder_.files(), 1U) << "nothing of the documents";
}

}  // namespace
}  // namespace sluice::worker
