#include "crds/analyzer_words.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/describe.h"

namespace sluice::api {
namespace {

constexpr int kWordLengthMax = 64;
constexpr int kStopWordsMax = 2000;
constexpr int kSynonymsMax = 2000;
constexpr int kFromMax = 32;
constexpr std::size_t kToWordsMax = 4;

void sort_unique(std::vector<std::string>& words) {
  std::ranges::sort(words);
  const auto rest = std::ranges::unique(words);
  words.erase(rest.begin(), rest.end());
}

// Letters, digits and all that is not ASCII; what exactly is a letter there, the engine knows.
bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'';
  });
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

std::string at(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

tl::unexpected<Error> bad(const std::string& place, const std::string& word, const char* what) {
  return fail(ErrorCode::kInvalid, place + ": \"" + word + "\" " + what);
}

bool is_phrase(std::string_view text) {
  std::size_t words = 0;
  for (bool has_more = true; has_more;) {
    const std::size_t space = text.find(' ');
    if (!is_word(text.substr(0, space))) {
      return false;
    }
    ++words;
    has_more = space != std::string_view::npos;
    text.remove_prefix(has_more ? space + 1 : text.size());
  }
  return words <= kToWordsMax;
}

}  // namespace

template <class Io>
void describe(Io& io, Synonym& value) {
  io.required("from",
              value.from,
              {.doc = "Words, each of which is read as `to`.",
               .max_length = kWordLengthMax,
               .min_items = 1,
               .max_items = kFromMax});
  io.required("to",
              value.to,
              {.doc = "One to four words, in documents and queries alike.",
               .min_length = 1,
               .max_length = 4 * kWordLengthMax});
}

template <class Io>
void describe(Io& io, AnalyzerWords& value) {
  io.optional("stopWords",
              value.stop_words,
              {.doc = "Words that are left out of documents and queries. Not set: the 33 English "
                      "ones; an empty list leaves none out.",
               .max_length = kWordLengthMax,
               .max_items = kStopWordsMax});
  io.defaulted("synonyms",
               value.synonyms,
               {.doc = "Words that stand for others, in documents and queries alike. What one "
                       "puts in place is not rewritten again.",
                .max_items = kSynonymsMax});
}

SLUICE_DESCRIBED(Synonym);
SLUICE_DESCRIBED(AnalyzerWords);

std::string canonical_json(AnalyzerWords words) {
  if (words.stop_words) {
    sort_unique(*words.stop_words);
  }
  for (Synonym& synonym : words.synonyms) {
    sort_unique(synonym.from);
  }
  std::ranges::sort(words.synonyms);
  return to_json(words);
}

Status check(const AnalyzerWords& words) {
  const std::vector<std::string> none;
  const std::vector<std::string>& stop_words = words.stop_words ? *words.stop_words : none;
  std::set<std::string> left_out;
  for (std::size_t i = 0; i < stop_words.size(); ++i) {
    if (!is_word(stop_words[i])) {
      return bad(at("stopWords", i), stop_words[i], "is not one word");
    }
    left_out.insert(lower(stop_words[i]));
  }
  std::map<std::string, std::size_t> rewritten;
  for (std::size_t i = 0; i < words.synonyms.size(); ++i) {
    const Synonym& synonym = words.synonyms[i];
    for (std::size_t k = 0; k < synonym.from.size(); ++k) {
      const std::string place = at("synonyms", i) + at(".from", k);
      const std::string& word = synonym.from[k];
      if (!is_word(word)) {
        return bad(place, word, "is not one word");
      }
      if (left_out.contains(lower(word))) {
        return bad(place, word, "is a stop word, too");
      }
      const auto [known, is_new] = rewritten.emplace(lower(word), i);
      if (!is_new && known->second != i) {
        return bad(place, word, "stands in another synonym, too");
      }
    }
    if (!is_phrase(synonym.to)) {
      return bad(at("synonyms", i) + ".to", synonym.to, "is not one to four words");
    }
  }
  return {};
}

Result<AnalyzerWords> parse_analyzer_words(std::string_view json) {
  if (json.size() > kAnalyzerBytesMax) {
    return fail(ErrorCode::kInvalid,
                "the analyzer's words have " + std::to_string(json.size()) + " bytes; at most " +
                    std::to_string(kAnalyzerBytesMax) + " are read");
  }
  auto document = JsonDocument::parse(json);
  if (!document) {
    return fail(document.error());
  }
  Reader reader(true);
  AnalyzerWords words;
  reader.read(document->root(), words, Field{});
  if (!reader.ok()) {
    return fail(ErrorCode::kInvalid, reader.summary());
  }
  if (Status sound = check(words); !sound) {
    return fail(sound.error());
  }
  return words;
}

}  // namespace sluice::api
