#include "operator/options.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice {
namespace {

std::function<const char*(const char*)> environment(const std::map<std::string, std::string>& set) {
  return [&set](const char* name) -> const char* {
    const auto found = set.find(name);
    return found == set.end() ? nullptr : found->second.c_str();
  };
}

TEST(OperatorOptions, TakesThePodsOwnFactsFromTheEnvironment) {
  const std::map<std::string, std::string> set{
      {"SLUICE_IMAGE", "sluice:1"}, {"POD_NAME", "op-0"}, {"POD_NAMESPACE", "sluice-system"}};
  const auto options = read_options({}, environment(set));
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->image, "sluice:1");
  EXPECT_EQ(options->pod_name, "op-0");
  EXPECT_TRUE(options->leader_elect);
}

TEST(OperatorOptions, FlagsBeatTheEnvironment) {
  const std::map<std::string, std::string> set{{"SLUICE_IMAGE", "sluice:1"},
                                               {"POD_NAMESPACE", "sluice-system"}};
  const auto options =
      read_options({"--image=sluice:2", "--namespace=here", "--log-format=text"}, environment(set));
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->image, "sluice:2");
  EXPECT_EQ(options->pod_namespace, "here");
  EXPECT_EQ(options->log_format, LogFormat::kText);
}

TEST(OperatorOptions, SaysWhatIsMissingOrWrong) {
  const std::map<std::string, std::string> none;
  const auto message = [&](const std::vector<std::string>& arguments) {
    const auto options = read_options(arguments, environment(none));
    return options ? std::string("fine") : options.error().message;
  };
  EXPECT_NE(message({}).find("--image"), std::string::npos);
  EXPECT_NE(message({"--image=a"}).find("--namespace"), std::string::npos);
  // Without an election too.
  EXPECT_NE(message({"--image=a", "--leader-elect=false"}).find("--namespace"), std::string::npos);
  EXPECT_NE(message({"--image=a", "--namespace=b", "--http-port=70000"}).find("--http-port"),
            std::string::npos);
  EXPECT_NE(message({"--image=a", "--namespace=b", "--log-level=loud"}).find("loud"),
            std::string::npos);
  EXPECT_NE(message({"--image=a", "--namespace=b", "extra"}).find("extra"), std::string::npos);
  EXPECT_EQ(message({"--image=a", "--namespace=b"}), "fine");
}

}  // namespace
}  // namespace sluice
