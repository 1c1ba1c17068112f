#pragma once
// AnalyzerWords: what a ModelVersion of type Analyzer says about words: which are left out, and
// which stand for others. Its JSON is the spec of such a ModelVersion, the file that one may point
// to, and what lies in an index. Values; pure functions.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/field.h"
#include "base/result.h"

namespace sluice::api {

// Of the JSON, wherever it comes from.
inline constexpr std::size_t kAnalyzerBytesMax = 256 * 1024;

// Each word of `from` is read as `to`: one to four words, separated by single spaces.
struct Synonym {
  std::vector<std::string> from = {};
  std::string to = {};
  auto operator<=>(const Synonym&) const = default;
};

struct AnalyzerWords {
  std::optional<std::vector<std::string>> stop_words =
      {};  // Not set: the engine's 33 English ones.
  std::vector<Synonym> synonyms = {};
  bool operator==(const AnalyzerWords&) const = default;
};

template <class Io>
void describe(Io& io, Synonym& value);
template <class Io>
void describe(Io& io, AnalyzerWords& value);

// The same words in whatever order have the same text: what an inline model's digest is taken of.
[[nodiscard]] std::string canonical_json(AnalyzerWords words);

// kInvalid, naming the place: what is not one word; a word that two synonyms rewrite, or that is
// left out and rewritten.
[[nodiscard]] Status check(const AnalyzerWords& words);

// Reads and checks. Strict: a member that no field has is an error, because people write these
// files. kInvalid also above kAnalyzerBytesMax.
[[nodiscard]] Result<AnalyzerWords> parse_analyzer_words(std::string_view json);

}  // namespace sluice::api
