#pragma once
// JsonView: a read-only look at one node of a parsed JSON text. JsonDocument owns the text's parse;
// views are valid as long as their document and cost two words. One thread each.
// The parser (simdjson) stays out of this header.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

enum class JsonKind { kNull, kBool, kInteger, kDouble, kString, kArray, kObject };

class JsonView {
 public:
  [[nodiscard]] JsonKind kind() const;

  [[nodiscard]] bool is_null() const { return kind() == JsonKind::kNull; }

  // Each is empty when the node is of another kind. Integers above 2^63 - 1 count as doubles.
  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;
  [[nodiscard]] std::optional<double> as_number() const;  // Integers too.
  [[nodiscard]] std::optional<std::string_view> as_string() const;
  // The member of an object; empty when there is none or this is no object. The first of
  // duplicates.
  [[nodiscard]] std::optional<JsonView> find(std::string_view key) const;
  // Elements of an array in order; nothing for other kinds.
  void for_each_element(const std::function<void(JsonView)>& visit) const;
  // Members of an object in the text's order; nothing for other kinds.
  void for_each_member(const std::function<void(std::string_view, JsonView)>& visit) const;
  // The node as compact JSON text.
  [[nodiscard]] std::string text() const;

 private:
  friend class JsonDocument;
  std::array<std::uint64_t, 2> node_{};
};

class JsonDocument {
 public:
  // Fails with kInvalid on malformed text, text that is not UTF-8, or nesting beyond 128.
  [[nodiscard]] static Result<JsonDocument> parse(std::string_view text);
  // YAML (one document, at most 10 MiB, depth 64) read by Kubernetes' rules into the same tree.
  // In base/yaml.cc, so that programs without YAML do not link yaml-cpp's part.
  [[nodiscard]] static Result<JsonDocument> parse_yaml(std::string_view text);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  [[nodiscard]] JsonView root() const;

 private:
  struct Parsed;
  explicit JsonDocument(std::unique_ptr<Parsed> parsed);
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace sluice
