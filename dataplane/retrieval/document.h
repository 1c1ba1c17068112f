#pragma once
// Document: one line of a corpus in the BEIR layout, `{"_id", "title", "text", "metadata": {…}}`,
// with the fields' names as the index's spec gives them.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::retrieval {

// Which members of a line are the id and what is indexed; a dotted path reaches into objects. An
// empty name: the index has no such field.
struct FieldNames {
  std::string id = "_id";
  std::string title = "title";
  std::string text = "text";
};

struct DocumentFormat {
  FieldNames fields = {};
  std::vector<std::string> keywords = {};  // Members of "metadata" to filter by.
};

struct Document {
  std::string id = {};
  std::string title = {};
  std::string text = {};
  std::vector<std::vector<std::string>> keywords = {};  // Values, for each of format.keywords.
  std::string metadata_json = {};                       // An object with the keywords, as stored.
};

inline constexpr std::size_t kIdBytesMax = 512;
inline constexpr std::size_t kKeywordBytesMax = 256;
inline constexpr std::size_t kKeywordValuesMax = 64;  // In one document and field.

// kInvalid with a reason that a person can act on: not UTF-8, not JSON, no id, no text, …
[[nodiscard]] Result<Document> parse_document(std::string_view line, const DocumentFormat& format);

}  // namespace sluice::retrieval
