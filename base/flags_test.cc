#include "base/flags.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::string name = "x";
  std::int64_t count = 3;
  double ratio = 0.5;
  Duration wait = 5s;
  Share share{100};
  bool is_loud = false;
  std::vector<std::string> urls;
};

Result<std::vector<std::string>> parse(Options& options,
                                       const std::vector<std::string>& arguments) {
  Flags flags("test", "Tests.");
  flags.text("name", options.name, "NAME", "A name.");
  flags.integer("count", options.count, "A count.");
  flags.number("ratio", options.ratio, "A ratio.");
  flags.duration("wait", options.wait, "A wait.");
  flags.share("share", options.share, "A share.");
  flags.toggle("loud", options.is_loud, "Be loud.");
  flags.list("url", options.urls, "URL", "Where.");
  return flags.parse(arguments);
}

TEST(Flags, ReadsBothFormsAndKeepsDefaults) {
  Options options;
  const auto words = parse(options,
                           {"go",
                            "--name=a=b",
                            "--count",
                            "-7",
                            "--wait",
                            "1m",
                            "--loud",
                            "--url",
                            "u",
                            "--url=v",
                            "--",
                            "--ratio"});
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(*words, (std::vector<std::string>{"go", "--ratio"}));
  EXPECT_EQ(options.name, "a=b");
  EXPECT_EQ(options.count, -7);
  EXPECT_EQ(options.ratio, 0.5);
  EXPECT_EQ(options.wait, 60s);
  EXPECT_TRUE(options.is_loud);
  EXPECT_EQ(options.urls, (std::vector<std::string>{"u", "v"}));
}

TEST(Flags, NamesWhatIsWrong) {
  Options options;
  EXPECT_EQ(parse(options, {"--nme", "a"}).error().message,
            "unknown flag --nme; test --help lists them");
  EXPECT_EQ(parse(options, {"--count", "7x"}).error().message,
            "--count: \"7x\" is not a whole number");
  EXPECT_EQ(parse(options, {"--count"}).error().message, "--count needs a value");
  EXPECT_EQ(parse(options, {"--loud=maybe"}).error().message,
            "--loud: \"maybe\" is not true or false");
  EXPECT_FALSE(parse(options, {"--wait", "soon"}));
  EXPECT_FALSE(parse(options, {"--share", "101%"}));
}

TEST(Flags, HelpShowsDefaults) {
  std::string name = "x";
  Flags flags("test", "Tests.");
  flags.text("name", name, "NAME", "A name.");
  ASSERT_TRUE(flags.parse({"--help"}));
  EXPECT_TRUE(flags.wants_help());
  EXPECT_NE(flags.help().find("--name NAME"), std::string::npos);
  EXPECT_NE(flags.help().find("A name. (default x)"), std::string::npos);
}

}  // namespace
}  // namespace sluice
