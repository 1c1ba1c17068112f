#include "controllers/rag_index/token_key.h"

#include <gtest/gtest.h>

#include "apiclient/types/core.h"
#include "base/base64.h"
#include "tests/fake_api/fixture.h"

namespace sluice::rag_index {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const kube::ObjectKey kSecret{"sluice-system", "sluice-token-key"};

struct Keys : testing::Test {
  FakeCluster cluster;
  TokenKey key{{cluster.loop, cluster.client, cluster.metrics}, "sluice-system"};

  bool becomes_known(TokenKey& which) {
    return cluster.loop.run_until([&] { return which.is_known(); }, minutes(1));
  }

  Result<kube::Secret> stored() {
    return cluster.server.get<kube::Secret>(kube::kSecretKind, kSecret);
  }

  void put(const std::string& key_text) {
    ASSERT_TRUE(cluster.server.apply_yaml(
        "{apiVersion: v1, kind: Secret, metadata: {name: sluice-token-key, namespace: "
        "sluice-system}, data: {key: " +
        base64_encode(key_text) + "}}"));
  }

  void remove() {
    ASSERT_TRUE(cluster.server.send(
        delete_object(kube::kSecretKind, kSecret, {.uid = stored()->metadata.uid})));
  }
};

TEST_F(Keys, OneIsMadeWhereThereIsNoneAndReadByTheNextProcess) {
  EXPECT_EQ(key.token_of("uid"), "");
  key.start();
  ASSERT_TRUE(becomes_known(key));
  ASSERT_TRUE(stored().has_value());
  EXPECT_EQ(key.token_of("uid").size(), 64U);
  EXPECT_NE(key.token_of("uid"), key.token_of("other"));
  TokenKey next({cluster.loop, cluster.client, cluster.metrics}, "sluice-system");
  next.start();
  ASSERT_TRUE(becomes_known(next));
  EXPECT_EQ(next.token_of("uid"), key.token_of("uid"));
}

TEST_F(Keys, TwoThatBeginAtOnceAgree) {
  TokenKey other({cluster.loop, cluster.client, cluster.metrics}, "sluice-system");
  key.start();
  other.start();
  ASSERT_TRUE(becomes_known(key));
  ASSERT_TRUE(becomes_known(other));
  EXPECT_EQ(other.token_of("uid"), key.token_of("uid"));
}

TEST_F(Keys, TokensAreMadeFromTheKeyAndTheUid) {
  put("0123456789abcdef0123456789abcdef");
  key.start();
  ASSERT_TRUE(becomes_known(key));
  // printf uid | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
  EXPECT_EQ(key.token_of("uid"),
            "2d4d175f3bcb086911f1df2607d62a5f3bc6e7570d44e5e1766bd9d88a4cd990");
}

TEST_F(Keys, AnotherKeyIsToldOnceAndADeletedOneIsReplaced) {
  int changes = 0;
  key.on_change([&] { ++changes; });
  key.start();
  ASSERT_TRUE(becomes_known(key));
  const std::string first = key.token_of("uid");
  cluster.loop.run_for(minutes(5));
  EXPECT_EQ(changes, 0);
  remove();
  cluster.loop.run_for(seconds(70));
  EXPECT_EQ(changes, 1);
  const std::string second = key.token_of("uid");
  EXPECT_NE(second, first);
  remove();
  put(std::string(40, 'k'));
  cluster.loop.run_for(seconds(70));
  EXPECT_EQ(changes, 2);
  EXPECT_NE(key.token_of("uid"), second);
}

TEST_F(Keys, WhatIsNoKeyIsSaidAndNotUsed) {
  put("too short");
  key.start();
  cluster.loop.run_for(minutes(2));
  EXPECT_FALSE(key.is_known());
  ASSERT_TRUE(key.problem().has_value());
  EXPECT_NE(key.problem()->message.find("sluice-system/sluice-token-key"), std::string::npos);
  EXPECT_NE(key.problem()->message.find("at least 32 bytes"), std::string::npos);
  remove();
  EXPECT_TRUE(becomes_known(key));
  EXPECT_FALSE(key.problem().has_value());
}

TEST_F(Keys, AKnownOneStaysInUseWhileItCannotBeRead) {
  key.start();
  ASSERT_TRUE(becomes_known(key));
  const std::string token = key.token_of("uid");
  cluster.server.set_forbidden("secrets", true);
  cluster.loop.run_for(minutes(2));
  ASSERT_TRUE(key.problem().has_value());
  EXPECT_EQ(key.problem()->code, ErrorCode::kForbidden);
  EXPECT_EQ(key.token_of("uid"), token);
  cluster.server.set_forbidden("secrets", false);
  cluster.loop.run_for(minutes(1));
  EXPECT_FALSE(key.problem().has_value());
  EXPECT_EQ(key.token_of("uid"), token);
}

TEST_F(Keys, AReplyThatIsLostLeavesOneKey) {
  int losses = 0;
  cluster.server.set_write_fault(
      [&](const WriteRecord&) { return losses++ == 0 ? Fault::kLoseReply : Fault::kNone; });
  key.start();
  ASSERT_TRUE(becomes_known(key));
  EXPECT_EQ(cluster.server.list<kube::Secret>(kube::kSecretKind).size(), 1U);
  EXPECT_EQ(losses, 1);
}

}  // namespace
}  // namespace sluice::rag_index
