// The style rules that neither compiler nor clang-tidy can check, as a test over the source tree:
// who may include whom, banned names with their replacement, sizes, forgotten files.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source_tree.h"

namespace sluice::tidy {
namespace {

using Names = std::vector<std::string_view>;

const std::vector<SourceFile>& sources() {
  static const std::vector<SourceFile> files = read_sources(".");
  return files;
}

bool starts_with_any(std::string_view path, const Names& prefixes) {
  return std::ranges::any_of(prefixes, [&](auto prefix) { return path.starts_with(prefix); });
}

// Which folders a folder's files may include from, besides its own. The first row that is a prefix
// counts, so the deeper folder stands first. Tests may include anything.
struct Direction {
  std::string_view folder;
  Names may_include;
};

const std::vector<Direction>& directions() {
  static const std::vector<Direction> rows = {
      {"base", {}},
      {"apiclient/types", {"base/"}},
      {"apiclient", {"base/"}},
      {"crds", {"base/", "apiclient/types/"}},
      {"dataplane/wire", {"base/", "apiclient/types/", "crds/"}},
      {"dataplane/retrieval", {"base/", "apiclient/types/", "crds/"}},
      {"dataplane/worker", {"base/", "apiclient/types/", "crds/", "dataplane/"}},
      {"dataplane/router/core", {"base/", "apiclient/types/", "crds/", "dataplane/wire/"}},
      {"dataplane/router", {"base/", "apiclient/", "crds/", "dataplane/wire/"}},
      {"controllers/analysis", {"base/"}},
      {"controllers/runtime", {"base/", "apiclient/"}},
      {"controllers/scrape",
       {"base/", "apiclient/", "crds/", "dataplane/wire/", "controllers/runtime/"}},
      {"controllers",
       {"base/",
        "apiclient/",
        "crds/",
        "dataplane/wire/",
        "controllers/analysis/",
        "controllers/runtime/",
        "controllers/scrape/"}},
      {"operator", {"base/", "apiclient/", "crds/", "dataplane/wire/", "controllers/"}},
      {"bench/thousand", {"base/", "crds/", "apiclient/", "operator/"}},
      {"bench", {"base/", "crds/", "apiclient/types/", "controllers/analysis/", "dataplane/"}},
  };
  return rows;
}

TEST(Includes, PointDownwardsOnly) {
  for (const SourceFile& file : sources()) {
    if (file.is_test()) {
      continue;
    }
    const auto row = std::ranges::find_if(directions(), [&](const Direction& direction) {
      return file.path.starts_with(std::string(direction.folder) + "/");
    });
    ASSERT_NE(row, directions().end()) << file.path << ": its folder is not in tidy_test's table";
    for (const Include& include : file.includes) {
      const bool is_own = include.path.starts_with(file.folder + "/") ||
                          include.path.starts_with(std::string(row->folder) + "/");
      if (include.quoted && !is_own) {
        EXPECT_TRUE(starts_with_any(include.path, row->may_include))
            << file.path << " must not include " << include.path;
      }
    }
  }
}

TEST(Includes, NameOurFilesFromTheRoot) {
  std::set<std::string> paths;
  for (const SourceFile& file : sources()) {
    paths.insert(file.path);
  }
  for (const SourceFile& file : sources()) {
    for (const Include& include : file.includes) {
      if (include.quoted) {
        EXPECT_TRUE(paths.contains(include.path))
            << file.path << ": \"" << include.path << "\" is no file of ours; <> is for others'";
      }
    }
  }
}

// These may include a heavy library, as only .cc files beside them include them.
const Names kPrivateHeaders = {"base/http/acceptor.h",
                               "base/http/connection.h",
                               "apiclient/curl_transfer.h",
                               "dataplane/router/client_session.h",
                               "dataplane/router/lane_loop.h",
                               "dataplane/router/upstream.h",
                               "tests/fake_api/json.h"};

TEST(Includes, HeavyLibrariesStayOutOfHeaders) {
  const Names heavy = {"nlohmann/json.hpp",
                       "spdlog/",
                       "boost/beast",
                       "boost/asio",
                       "simdjson",
                       "prometheus/",
                       "curl/"};
  for (const SourceFile& file : sources()) {
    for (const Include& include : file.includes) {
      if (file.is_header() && !starts_with_any(file.path, kPrivateHeaders)) {
        EXPECT_FALSE(starts_with_any(include.path, heavy))
            << file.path << " includes " << include.path << ", which costs seconds in every user";
      }
    }
  }
}

TEST(Includes, PrivateHeadersStayPrivate) {
  for (const SourceFile& file : sources()) {
    for (const Include& include : file.includes) {
      const auto folder = std::filesystem::path(include.path).parent_path().generic_string();
      if (include.quoted && starts_with_any(include.path, kPrivateHeaders)) {
        // The router's proxy accepts as the HTTP server does.
        const bool is_lent = include.path == "base/http/acceptor.h" &&
                             file.path == "dataplane/router/proxy_server.cc";
        EXPECT_TRUE(file.folder == folder || is_lent)
            << file.path << " includes the private " << include.path;
      }
    }
  }
}

// A pure core decides; it must not know the world. Its files are those of the `*_core` targets.
TEST(Includes, PureCoresKnowNoWorld) {
  const Names banned = {"apiclient/client",
                        "apiclient/informer",
                        "apiclient/reflector",
                        "apiclient/transport",
                        "controllers/runtime/",
                        "base/http/",
                        "base/loop.h",
                        "base/log.h",
                        "curl/",
                        "boost/",
                        "thread",
                        "mutex",
                        "iostream",
                        "fstream"};
  const Names cores = {"controllers/analysis/", "dataplane/router/core/"};
  for (const SourceFile& file : sources()) {
    const bool is_core = starts_with_any(file.path, cores) || file.path.ends_with("_core.h") ||
                         file.path.find("/decide") != std::string::npos;
    for (const Include& include : file.includes) {
      if (is_core && !file.is_test()) {
        EXPECT_FALSE(starts_with_any(include.path, banned))
            << file.path << " is pure: it must not include " << include.path;
      }
    }
  }
}

struct Ban {
  std::string_view word;
  std::string_view instead;
  Names allowed_in;  // Prefixes of paths.
};

const std::vector<Ban>& bans() {
  // Programs of the data plane run one thread a core; the operator has its loop and no other.
  static const Names threads = {"base/http/", "dataplane/router/", "dataplane/worker/", "bench/"};
  static const Names clocks = {
      "base/", "apiclient/curl_loop", "bench/", "dataplane/worker/", "dataplane/router/"};
  static const std::vector<Ban> rows = {
      {"system_clock::now", "Loop::wall_now", clocks},
      {"steady_clock::now", "Loop::now", clocks},
      {"random_device", "fresh_seed", {}},
      {"mt19937", "Rng", {}},
      {"uniform_int_distribution", "Rng", {}},
      {"uniform_real_distribution", "Rng", {}},
      {"std::rand", "Rng", {}},
      {"sleep_for", "Loop::call_after", {}},
      {"sleep_until", "Loop::call_after", {}},
      {"usleep", "Loop::call_after", {}},
      {"std::thread", "Loop::post", threads},
      {"std::jthread", "Loop::post", threads},
      {"std::async", "Loop::post", {}},
      {"getenv",
       "a flag, or a lookup passed in by the program",
       {"operator/", "dataplane/worker/main", "dataplane/router/main", "bench/"}},
      {"std::cout", "logging, or fmt::print in a program's output", {}},
      {"std::cerr", "logging", {}},
      {"throw", "Result", {}},
      {"dynamic_cast", "a variant", {}},
      {"const_cast", "another design", {"apiclient/curl_transfer.cc", "base/describe_writer.h"}},
      {"shared_mutex", "one owner", {}},
      {"using namespace std", "std::", {}},
      {"std::format", "fmt::format", {}},
      {"std::regex",
       "a scan by hand: std::regex is slow and recurses",
       {"base/describe_reader.cc"}},
      {"std::bind", "a lambda", {}},
  };
  return rows;
}

TEST(Names, BannedOnesHaveAReplacement) {
  for (const SourceFile& file : sources()) {
    for (std::size_t at = 0; at < file.code.size() && !file.is_test(); ++at) {
      for (const Ban& ban : bans()) {
        if (has_word(file.code[at], ban.word) && !starts_with_any(file.path, ban.allowed_in)) {
          ADD_FAILURE() << file.path << ":" << at + 1 << ": not " << ban.word << " but "
                        << ban.instead;
        }
      }
    }
  }
}

TEST(Names, ProductionCodeDoesNotKnowThatItIsSimulated) {
  for (const SourceFile& file : sources()) {
    for (std::size_t at = 0; at < file.lines.size() && !file.is_test(); ++at) {
      EXPECT_EQ(file.lines[at].find("imulat"), std::string::npos) << file.path << ":" << at + 1;
    }
  }
}

TEST(Names, CoresIterateInAKnownOrder) {
  const Names cores = {
      "controllers/analysis/", "controllers/rag_index/", "controllers/canary_rollout/"};
  for (const SourceFile& file : sources()) {
    for (std::size_t at = 0; at < file.code.size(); ++at) {
      if (starts_with_any(file.path, cores) && !file.is_test()) {
        EXPECT_EQ(file.code[at].find("std::unordered_"), std::string::npos)
            << file.path << ":" << at + 1
            << ": not an unordered container but std::map or a vector";
      }
    }
  }
}

TEST(Sizes, FilesAndLinesStayReadable) {
  for (const SourceFile& file : sources()) {
    const std::size_t lines_max = file.is_test() ? 800 : 500;
    EXPECT_LE(file.lines.size(), lines_max) << file.path;
    for (std::size_t at = 0; at < file.lines.size(); ++at) {
      const std::string& line = file.lines[at];
      // Continuation bytes of UTF-8 take no column.
      const auto columns = std::ranges::count_if(
          line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
      const bool is_long_for_a_reason = line.find("://") != std::string::npos ||
                                        line.find("R\"") != std::string::npos ||
                                        line.find("#include") != std::string::npos;
      EXPECT_TRUE(columns <= 100 || is_long_for_a_reason) << file.path << ":" << at + 1;
    }
  }
}

TEST(Files, HeadersBeginWithWhatTheyAre) {
  for (const SourceFile& file : sources()) {
    if (!file.is_header()) {
      continue;
    }
    EXPECT_EQ(file.lines.empty() ? "" : file.lines[0], "#pragma once") << file.path;
    const auto first = std::ranges::find_if(file.lines, [](const std::string& line) {
      return !line.empty() && !line.starts_with("#");
    });
    EXPECT_TRUE(first != file.lines.end() && first->starts_with("//"))
        << file.path << ": a comment before the first declaration says what it is";
  }
}

TEST(Files, AreBuilt) {
  std::map<std::string, std::string> list_of_folder;
  for (const SourceFile& file : sources()) {
    if (file.is_header()) {
      continue;
    }
    // Listed in its own folder's CMakeLists.txt, or in that of a folder above.
    bool is_listed = false;
    std::filesystem::path folder = file.folder;
    while (!is_listed) {
      auto [list, is_new] = list_of_folder.try_emplace(folder.string());
      if (is_new) {
        list->second = read_text(folder / "CMakeLists.txt");
      }
      const std::string name = std::filesystem::path(file.path).lexically_relative(folder).string();
      is_listed = has_word(list->second, folder.empty() ? file.path : name);
      if (folder.empty()) {
        break;
      }
      folder = folder.parent_path();
    }
    EXPECT_TRUE(is_listed) << file.path << " is in no CMakeLists.txt: nothing builds it";
  }
}

TEST(Files, EachFolderHasAReadmeOfAPage) {
  std::set<std::string> folders;
  for (const SourceFile& file : sources()) {
    folders.insert(file.folder);
  }
  for (const std::string& folder : folders) {
    const std::string text = read_text(std::filesystem::path(folder) / "README.md");
    EXPECT_FALSE(text.empty()) << folder << " has no README.md";
    EXPECT_LE(std::ranges::count(text, '\n'), 30) << folder << "/README.md is longer than a page";
  }
}

TEST(Files, NothingIsLeftToBeMended) {
  for (const SourceFile& file : sources()) {
    for (std::size_t at = 0; at < file.lines.size() && file.path != "tests/tidy/tidy_test.cc";
         ++at) {
      for (const std::string_view word : {"FIXME", "XXX", "HACK"}) {
        EXPECT_FALSE(has_word(file.lines[at], word)) << file.path << ":" << at + 1;
      }
      const std::size_t todo = file.lines[at].find("TODO");
      EXPECT_TRUE(todo == std::string::npos || file.lines[at].compare(todo + 4, 1, "(") == 0)
          << file.path << ":" << at + 1 << ": TODO(owner/issue): …";
    }
  }
}

TEST(SourceTree, BlanksCommentsAndLiterals) {
  struct Row {
    std::string line;
    std::string code;
  };

  const std::vector<Row> rows = {
      {"int a;  // throw", "int a;          "},
      {"f(\"throw \\\" x\");", "f(            );"},
      {"a /* throw */ b", "a             b"},
      {"'\"' + 1'000", "    + 1'000"},
      {"R\"(throw\")\" + x", "            + x"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(without_comments_and_literals({row.line}).front(), row.code) << row.line;
  }
}

TEST(SourceTree, FindsWholeWordsOnly) {
  EXPECT_TRUE(has_word("x = throw y", "throw"));
  EXPECT_TRUE(has_word("throw", "throw"));
  EXPECT_FALSE(has_word("nothrow", "throw"));
  EXPECT_FALSE(has_word("throw_it", "throw"));
  EXPECT_TRUE(has_word("nothrow throw", "throw"));
}

}  // namespace
}  // namespace sluice::tidy
