#include "base/json_view.h"

#include <simdjson.h>

#include <bit>

namespace sluice {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

static_assert(sizeof(element) == sizeof(std::array<std::uint64_t, 2>));

element element_of(const std::array<std::uint64_t, 2>& node) {
  return std::bit_cast<element>(node);
}

}  // namespace

struct JsonDocument::Parsed {
  simdjson::dom::parser parser;
  element root;
};

JsonDocument::JsonDocument(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}

JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  if (text.empty()) {
    // simdjson would copy from null.
    return fail(ErrorCode::kInvalid, "not JSON: there is nothing");
  }
  auto parsed = std::make_unique<Parsed>();
  constexpr std::size_t kDepthMax = 128;
  if (const auto error = parsed->parser.allocate(text.size() + 1, kDepthMax); error) {
    return fail(ErrorCode::kInternal, simdjson::error_message(error));
  }
  const auto error = parsed->parser.parse(text.data(), text.size()).get(parsed->root);
  if (error) {
    return fail(ErrorCode::kInvalid, std::string("not JSON: ") + simdjson::error_message(error));
  }
  return JsonDocument(std::move(parsed));
}

JsonView JsonDocument::root() const {
  JsonView view;
  view.node_ = std::bit_cast<std::array<std::uint64_t, 2>>(parsed_->root);
  return view;
}

JsonKind JsonView::kind() const {
  switch (element_of(node_).type()) {
    case element_type::NULL_VALUE:
      return JsonKind::kNull;
    case element_type::BOOL:
      return JsonKind::kBool;
    case element_type::INT64:
      return JsonKind::kInteger;
    case element_type::UINT64:
    case element_type::DOUBLE:
      return JsonKind::kDouble;
    case element_type::STRING:
      return JsonKind::kString;
    case element_type::ARRAY:
      return JsonKind::kArray;
    case element_type::OBJECT:
      return JsonKind::kObject;
  }
  return JsonKind::kNull;
}

std::optional<bool> JsonView::as_bool() const {
  bool value = false;
  if (element_of(node_).get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> JsonView::as_integer() const {
  std::int64_t value = 0;
  if (element_of(node_).get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> JsonView::as_number() const {
  double value = 0;
  if (element_of(node_).get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::string_view> JsonView::as_string() const {
  std::string_view value;
  if (element_of(node_).get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return value;
}

std::optional<JsonView> JsonView::find(std::string_view key) const {
  simdjson::dom::object object;
  element member;
  if (element_of(node_).get(object) != simdjson::SUCCESS ||
      object.at_key(key).get(member) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  JsonView view;
  view.node_ = std::bit_cast<std::array<std::uint64_t, 2>>(member);
  return view;
}

void JsonView::for_each_element(const std::function<void(JsonView)>& visit) const {
  simdjson::dom::array array;
  if (element_of(node_).get(array) != simdjson::SUCCESS) {
    return;
  }
  for (const element item : array) {
    JsonView view;
    view.node_ = std::bit_cast<std::array<std::uint64_t, 2>>(item);
    visit(view);
  }
}

void JsonView::for_each_member(const std::function<void(std::string_view, JsonView)>& visit) const {
  simdjson::dom::object object;
  if (element_of(node_).get(object) != simdjson::SUCCESS) {
    return;
  }
  for (const auto field : object) {
    JsonView view;
    view.node_ = std::bit_cast<std::array<std::uint64_t, 2>>(field.value);
    visit(field.key, view);
  }
}

std::string JsonView::text() const {
  return simdjson::minify(element_of(node_));
}

}  // namespace sluice
