#include "apiclient/kubeconfig.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "apiclient/token_source.h"
#include "base/base64.h"

namespace sluice {
namespace {

using std::chrono::seconds;

// A folder of its own for each test, removed afterwards.
struct KubeconfigTest : testing::Test {
  KubeconfigTest() {
    std::string pattern = testing::TempDir() + "kubeconfigXXXXXX";
    folder = ::mkdtemp(pattern.data());
  }

  ~KubeconfigTest() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }

  std::string config(const std::string& name,
                     const std::string& server,
                     const std::string& user = "{token: secret}") {
    return write(name,
                 "apiVersion: v1\nkind: Config\ncurrent-context: one\n"
                 "clusters:\n- {name: c, cluster: {server: '" +
                     server +
                     "'}}\n"
                     "users:\n- name: u\n  user: " +
                     user +
                     "\ncontexts:\n- {name: one, context: {cluster: c, user: u}}\n"
                     "- {name: two, context: {cluster: c, user: u, namespace: other}}\n"
                     "- {name: broken, context: {cluster: nowhere, user: u}}\n");
  }

  std::string error_of(const ConfigSources& sources) {
    const auto config = load_api_server_config(sources);
    return config ? "no error" : config.error().message;
  }

  std::string folder;
};

TEST_F(KubeconfigTest, ReadsServerUserAndNamespace) {
  const auto path = config("a", "https://one:6443/");
  const auto one = load_api_server_config({.kubeconfig_flag = path});
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->server, "https://one:6443");
  EXPECT_EQ(one->token.text, "secret");
  EXPECT_EQ(one->default_namespace, "default");
  const auto two = load_api_server_config({.kubeconfig_flag = path, .context = "two"});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->default_namespace, "other");
}

TEST_F(KubeconfigTest, PrefersFlagThenEnvironmentThenClusterThenHome) {
  ConfigSources sources;
  sources.home = folder;
  config(".kube/config", "https://home");
  EXPECT_EQ(load_api_server_config(sources)->server, "https://home");
  write("sa/token", "t\n");
  write("sa/ca.crt", "ca");
  write("sa/namespace", "ns");
  sources.account_folder = folder + "/sa";
  sources.service_host = "fd00::1";
  sources.service_port = "443";
  const auto in_cluster = load_api_server_config(sources);
  EXPECT_EQ(in_cluster->server, "https://[fd00::1]:443");
  EXPECT_EQ(in_cluster->default_namespace, "ns");
  EXPECT_EQ(in_cluster->token.path, folder + "/sa/token");
  sources.kubeconfig_env = "/missing:" + config("env", "https://env");
  EXPECT_EQ(load_api_server_config(sources)->server, "https://env");
  sources.kubeconfig_flag = config("flag", "https://flag");
  EXPECT_EQ(load_api_server_config(sources)->server, "https://flag");
}

TEST_F(KubeconfigTest, LetsTheFirstFileWinAndResolvesPathsBesideTheirFile) {
  write("second/ca.pem", "pem");
  const auto first = config("first/config", "https://first");
  const auto second =
      write("second/config",
            "clusters:\n- {name: c, cluster: {server: 'https://second'}}\n"
            "- {name: d, cluster: {server: 'https://d', certificate-authority: ca.pem}}\n"
            "contexts:\n- {name: with-d, context: {cluster: d, user: u}}\n");
  ConfigSources sources{.kubeconfig_env = first + ":" + second};
  EXPECT_EQ(load_api_server_config(sources)->server, "https://first");
  sources.context = "with-d";
  const auto merged = load_api_server_config(sources);
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(merged->certificate_authority.path, folder + "/second/ca.pem");
  EXPECT_EQ(merged->token.text, "secret");
}

TEST_F(KubeconfigTest, ReadsHowTheServerIsToBeReached) {
  const auto path =
      write("a",
            "current-context: one\ncontexts:\n- {name: one, context: {cluster: c}}\n"
            "clusters:\n- name: c\n  cluster: {server: 'https://one', tls-server-name: name.test,\n"
            "    proxy-url: 'http://proxy:3128', insecure-skip-tls-verify: true}\n");
  const auto loaded = load_api_server_config({.kubeconfig_flag = path});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->tls_server_name, "name.test");
  EXPECT_EQ(loaded->proxy_url, "http://proxy:3128");
  EXPECT_TRUE(loaded->insecure_skip_verify);
  const auto usual = load_api_server_config({.kubeconfig_flag = config("b", "https://one")});
  ASSERT_TRUE(usual);
  EXPECT_FALSE(usual->insecure_skip_verify);
}

TEST_F(KubeconfigTest, DecodesInlineData) {
  const auto path = config("a",
                           "https://one",
                           "{client-certificate-data: " + base64_encode("cert") +
                               ", client-key-data: " + base64_encode("key") + "}");
  const auto loaded = load_api_server_config({.kubeconfig_flag = path});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->client_certificate.text, "cert");
  EXPECT_EQ(loaded->client_key.text, "key");
}

TEST_F(KubeconfigTest, SaysWhatIsWrong) {
  struct Case {
    ConfigSources sources;
    std::string says;
  };

  const auto good = config("good", "https://one");
  const std::vector<Case> cases{
      {{}, "no API server is known"},
      {{.kubeconfig_flag = folder + "/absent"}, "cannot read " + folder + "/absent"},
      {{.kubeconfig_env = folder + "/absent"}, "no file of KUBECONFIG"},
      {{.kubeconfig_flag = good, .context = "three"}, "no context named \"three\""},
      {{.kubeconfig_flag = good, .context = "broken"}, "no cluster named \"nowhere\""},
      {{.kubeconfig_flag = config("ftp", "ftp://x")}, "not an http(s) URL"},
      {{.kubeconfig_flag = write("list", "- 1\n")}, "is not a mapping"},
      {{.kubeconfig_flag = write("bad", "a: [\n")}, "kubeconfig " + folder + "/bad"},
      {{.kubeconfig_flag = write("empty", "clusters: []\n")}, "no current-context"},
      {{.kubeconfig_flag = config("exec", "https://x", "{exec: {command: aws}}")},
       "credentials by \"exec\" are not supported"},
      {{.kubeconfig_flag = config("half", "https://x", "{client-certificate-data: YQ==}")},
       "go together"},
      {{.kubeconfig_flag = config("b64", "https://x", "{client-certificate-data: '!'}")},
       "client-certificate-data"},
      {{.kubeconfig_flag = config("tok", "https://x", "{tokenFile: nowhere}")}, "tokenFile"},
      {{.service_host = "10.0.0.1", .service_port = "443", .account_folder = folder + "/none"},
       "in-cluster credentials"},
  };
  for (const Case& wrong : cases) {
    EXPECT_NE(error_of(wrong.sources).find(wrong.says), std::string::npos)
        << "wanted: " << wrong.says << "\ngot: " << error_of(wrong.sources);
  }
}

TEST_F(KubeconfigTest, ReadsATokenAgainAfterAMinuteAndWhenRefused) {
  const auto path = write("token", "one\n");
  TokenSource source({.path = path});
  const MonotonicTime begin{seconds{100}};
  EXPECT_EQ(source.token(begin), "one");
  write("token", "two");
  EXPECT_EQ(source.token(begin + seconds{59}), "one");
  EXPECT_EQ(source.token(begin + seconds{60}), "two");
  write("token", "three");
  EXPECT_TRUE(source.refresh(begin + seconds{61}));
  EXPECT_EQ(source.token(begin + seconds{61}), "three");
  std::filesystem::remove(path);
  EXPECT_EQ(source.token(begin + seconds{200}), "three");
  TokenSource fixed({.text = "x"});
  EXPECT_FALSE(fixed.refresh(begin));
}

TEST(Base64, RoundTripsAndRefusesNonsense) {
  for (const std::string text : {"", "a", "ab", "abc", "\xff\x00\x01z"}) {
    EXPECT_EQ(base64_decode(base64_encode(text)).value_or("failed"), text);
  }
  EXPECT_EQ(base64_encode("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
  for (const std::string wrong : {"a", "ab", "abc", "a===", "a-b_", "YQ==YQ==", "="}) {
    EXPECT_FALSE(base64_decode(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace sluice
