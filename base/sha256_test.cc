#include "base/sha256.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, IsTheSamePieceByPiece) {
  Sha256 sha256;
  sha256.update("a");
  sha256.update("bc");
  EXPECT_EQ(sha256.finish(), sha256_of("abc"));
}

// RFC 4231, test cases 1, 2, 3 and 6.
TEST(Hmac, GivesThePublishedCodes) {
  struct Case {
    std::string key;
    std::string bytes;
    std::string code;
  };

  const std::vector<Case> cases{
      {std::string(20, '\x0b'),
       "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe",
       "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'),
       std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {std::string(131, '\xaa'),
       "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"}};
  for (const Case& each : cases) {
    EXPECT_EQ(hmac_sha256_of(each.key, each.bytes), each.code) << each.bytes;
  }
}

}  // namespace
}  // namespace sluice
