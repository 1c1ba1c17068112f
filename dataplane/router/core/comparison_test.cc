#include "dataplane/router/core/comparison.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/base64.h"

namespace sluice::router {
namespace {

std::string header_of(const std::vector<rankings::Id>& ids) {
  std::string bytes;
  for (const rankings::Id id : ids) {
    bytes.append(reinterpret_cast<const char*>(&id), sizeof id);
  }
  return base64_encode(bytes);
}

TEST(Hits, AreReadAsTheWorkerWritesThem) {
  const auto some = parse_hits(header_of({7, 1ULL << 63, 3}));
  ASSERT_TRUE(some);
  EXPECT_EQ(std::vector(some->hits().begin(), some->hits().end()),
            (std::vector<rankings::Id>{7, 1ULL << 63, 3}));
  EXPECT_EQ(parse_hits("").value().size, 0U);
  std::vector<rankings::Id> many(100);
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i] = i;
  }
  EXPECT_EQ(parse_hits(header_of(many)).value().size, kComparedHits);
}

TEST(Hits, AreRefusedWhenTheyAreNotWhatAWorkerWrites) {
  const std::string one = header_of({7});
  for (const std::string& bad : {one.substr(0, 11),
                                 one.substr(0, 8),  // Six bytes.
                                 one + one,         // Padding inside.
                                 "!" + one.substr(1),
                                 std::string("\xff\xfe"),
                                 base64_encode("nine byte"),
                                 header_of({1, 2, 1}),
                                 std::string(20'000, 'A'),
                                 std::string(1 << 20, 'A')}) {
    EXPECT_FALSE(parse_hits(bad)) << bad.substr(0, 40);
  }
}

TEST(Agreement, IsThatOfTheFirstTen) {
  const Ranking a = parse_hits(header_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10})).value();
  const Ranking b = parse_hits(header_of({10, 9, 8, 7, 6, 15, 14, 13, 12, 11})).value();
  EXPECT_EQ(agreement(a, b).overlap, 0.5);
  EXPECT_NEAR(agreement(a, a).rbo, 1.0, 1e-12);
  EXPECT_LT(agreement(a, b).rbo, 0.5);  // None of the same rank among the first five.
}

}  // namespace
}  // namespace sluice::router
