#pragma once
// Reads the project's own sources for tidy_test: which files there are, their lines, and their code
// without comments and string literals. Read once, then constant.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tidy {

struct Include {
  std::string path;  // What stands between the quotes or brackets.
  bool quoted = false;
};

struct SourceFile {
  std::string path;    // From the repository's root, like "base/loop.h".
  std::string folder;  // "base".
  std::vector<std::string> lines;
  std::vector<std::string> code;  // The same lines, comments and literals blanked out.
  std::vector<Include> includes;

  [[nodiscard]] bool is_header() const { return path.ends_with(".h"); }

  [[nodiscard]] bool is_test() const {
    return path.ends_with("_test.cc") || path.ends_with("_for_test.h") ||
           path.starts_with("tests/");
  }
};

// Every .h and .cc below the root, except what builds leave behind, sorted by path.
[[nodiscard]] std::vector<SourceFile> read_sources(const std::filesystem::path& root);

[[nodiscard]] std::string read_text(const std::filesystem::path& path);

// Comments, string and character literals replaced by spaces, line by line.
[[nodiscard]] std::vector<std::string> without_comments_and_literals(
    const std::vector<std::string>& lines);

// Whether `word` stands in `line` with no identifier character on either side.
[[nodiscard]] bool has_word(std::string_view line, std::string_view word);

}  // namespace sluice::tidy
