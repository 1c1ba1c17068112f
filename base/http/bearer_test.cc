#include "base/http/bearer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sluice::http {
namespace {

// A file that is gone with the test.
struct WordFile {
  WordFile() : path(testing::TempDir() + "bearer_test_" + std::to_string(::getpid())) {}

  ~WordFile() { std::filesystem::remove(path); }

  void write(const std::string& text) const { std::ofstream(path) << text; }

  std::string path;
};

Request with(const std::string& name, const std::string& value) {
  return {.method = "GET", .headers = {{name, value}}};
}

TEST(Bearer, WithoutAFileAdmitsEverybody) {
  const WordFile file;
  EXPECT_TRUE(Bearer().admits({}));
  const Bearer bearer(file.path);
  EXPECT_TRUE(bearer.admits({}));
  EXPECT_EQ(bearer.word(), "");
  file.write("late");
  EXPECT_TRUE(bearer.admits({})) << "a pod's file is there before its process";
}

TEST(Bearer, AdmitsWhoeverKnowsTheWord) {
  const WordFile file;
  file.write("s3cret\n");
  const Bearer bearer(file.path);
  EXPECT_EQ(bearer.word(), "s3cret");
  EXPECT_TRUE(bearer.admits(with("Authorization", "Bearer s3cret")));
  EXPECT_TRUE(bearer.admits(with("X-Sluice-Token", "s3cret")));
  const Request refused[] = {{},
                             with("Authorization", "s3cret"),
                             with("Authorization", "Bearer "),
                             with("Authorization", "Bearer s3cre"),
                             with("Authorization", "Bearer s3cres"),
                             with("Authorization", "Bearer s3cret "),
                             with("Authorization", "Basic s3cret"),
                             with("X-Sluice-Token", "")};
  for (const Request& request : refused) {
    EXPECT_FALSE(bearer.admits(request))
        << (request.headers.empty() ? "nothing" : request.headers[0].second);
  }
}

TEST(Bearer, FollowsTheFile) {
  const WordFile file;
  file.write("old");
  const Bearer bearer(file.path);
  file.write("new");
  EXPECT_TRUE(bearer.admits(with("Authorization", "Bearer new")));
  EXPECT_FALSE(bearer.admits(with("Authorization", "Bearer old")));
  file.write("");
  EXPECT_FALSE(bearer.admits(with("Authorization", "Bearer "))) << "an empty word is none";
  std::filesystem::remove(file.path);
  EXPECT_FALSE(bearer.admits(with("Authorization", "Bearer new")));
}

TEST(Bearer, RefusesWith401) {
  const Response response = unauthorized();
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.headers.at(0), Header("WWW-Authenticate", "Bearer"));
  EXPECT_NE(response.body.find("\"unauthorized\""), std::string::npos);
}

}  // namespace
}  // namespace sluice::http
