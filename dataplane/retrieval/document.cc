#include "dataplane/retrieval/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "dataplane/retrieval/utf8.h"

namespace sluice::retrieval {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> bad(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

// The member that a path names: "title", or "metadata.section" into objects. A member whose own
// name has dots wins.
const Json* find(const Json& object, std::string_view path) {
  if (const auto at = object.find(path); at != object.end()) {
    return &*at;
  }
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) {
    return nullptr;
  }
  const auto inner = object.find(path.substr(0, dot));
  return inner != object.end() && inner->is_object() ? find(*inner, path.substr(dot + 1)) : nullptr;
}

// A filter's field is one of "metadata", or else of the line itself.
const Json* find_keyword(const Json& object, const std::string& name) {
  const auto metadata = object.find("metadata");
  if (metadata != object.end() && metadata->is_object()) {
    if (const Json* inner = find(*metadata, name); inner != nullptr) {
      return inner;
    }
  }
  return find(object, name);
}

// A string, or a number or boolean as JSON writes it.
std::optional<std::string> scalar(const Json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_number() || value.is_boolean()) {
    return value.dump();
  }
  return std::nullopt;
}

Result<std::string> text_field(const Json& object, const std::string& name) {
  const Json* value = name.empty() ? nullptr : find(object, name);
  if (value == nullptr || value->is_null()) {
    return std::string{};
  }
  std::optional<std::string> text = scalar(*value);
  if (!text) {
    return bad("\"" + name + "\" is not a string");
  }
  return *std::move(text);
}

Result<std::vector<std::string>> keyword_values(const Json& object, const std::string& name) {
  std::vector<std::string> values;
  const Json* value = find_keyword(object, name);
  if (value == nullptr || value->is_null()) {
    return values;
  }
  const Json list = value->is_array() ? *value : Json::array({*value});
  if (list.size() > kKeywordValuesMax) {
    return bad("\"" + name + "\" has more than " + std::to_string(kKeywordValuesMax) + " values");
  }
  for (const Json& item : list) {
    std::optional<std::string> text = scalar(item);
    if (!text) {
      return bad("\"" + name + "\" is neither a string nor a list of strings");
    }
    if (text->size() > kKeywordBytesMax) {
      return bad("a value of \"" + name + "\" is longer than " + std::to_string(kKeywordBytesMax) +
                 " bytes");
    }
    values.push_back(*std::move(text));
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

Result<std::string> id_field(const Json& object, const std::string& name) {
  const Json* value = find(object, name);
  std::optional<std::string> id;
  if (value != nullptr && (value->is_string() || value->is_number_integer())) {
    id = scalar(*value);
  }
  if (!id || id->empty()) {
    return bad("no \"" + name + "\" (a string or an integer)");
  }
  if (id->size() > kIdBytesMax) {
    return bad("\"" + name + "\" is longer than " + std::to_string(kIdBytesMax) + " bytes");
  }
  return *std::move(id);
}

Status read_keywords(const Json& object, const DocumentFormat& format, Document& document) {
  Json stored = Json::object();
  for (const std::string& name : format.keywords) {
    Result<std::vector<std::string>> values = keyword_values(object, name);
    if (!values) {
      return fail(values.error());
    }
    if (values->size() == 1) {
      stored[name] = values->front();
    } else if (!values->empty()) {
      stored[name] = *values;
    }
    document.keywords.push_back(*std::move(values));
  }
  document.metadata_json = stored.dump();
  return {};
}

}  // namespace

Result<Document> parse_document(std::string_view line, const DocumentFormat& format) {
  if (line.find_first_not_of(" \t") == std::string_view::npos) {
    return bad("the line is empty");
  }
  if (!is_utf8(line)) {
    return bad("not UTF-8");
  }
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return bad(object.is_discarded() ? "not well-formed JSON" : "not a JSON object");
  }
  Document document;
  Result<std::string> id = id_field(object, format.fields.id);
  Result<std::string> title = text_field(object, format.fields.title);
  Result<std::string> text = text_field(object, format.fields.text);
  for (const Result<std::string>* field : {&id, &title, &text}) {
    if (!*field) {
      return fail(field->error());
    }
  }
  document.id = *std::move(id);
  document.title = *std::move(title);
  document.text = *std::move(text);
  if (document.title.empty() && document.text.empty()) {
    return bad("neither \"" + format.fields.title + "\" nor \"" + format.fields.text +
               "\" has any text");
  }
  if (Status keywords = read_keywords(object, format, document); !keywords) {
    return fail(keywords.error());
  }
  return document;
}

}  // namespace sluice::retrieval
