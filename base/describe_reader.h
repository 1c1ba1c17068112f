#pragma once
// Part of base/describe.h; include that. Reader: JSON -> struct, with every error and its path.

#include "base/field.h"

namespace sluice {

class Reader {
 public:
  // A strict reader also reports members that no field claims (for files that people write by
  // hand).
  explicit Reader(bool is_strict = false) : is_strict_(is_strict) {}

  [[nodiscard]] bool ok() const { return errors_.empty(); }

  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }

  // All errors in one line, "; " between them.
  [[nodiscard]] std::string summary() const;

  template <class T>
  void required(std::string_view name, T& member, const Field& field = {}) {
    if (const auto node = take(name)) {
      read_at(name, *node, member, field);
    } else {
      error_at(name, "is required");
    }
  }

  template <class T>
  void defaulted(std::string_view name, T& member, const Field& field = {}) {
    if (const auto node = take(name)) {
      read_at(name, *node, member, field);
    }
  }

  template <class T>
  void optional(std::string_view name, std::optional<T>& member, const Field& field = {}) {
    member.reset();
    if (const auto node = take(name)) {
      read_at(name, *node, member.emplace(), field);
    }
  }

  void exactly_one();
  // A rule that the API server checks by `cel`; here `holds` was computed from the fields just
  // read.
  void rule(std::string_view cel, std::string_view message, bool holds);

  void read(JsonView node, bool& out, const Field& field);
  void read(JsonView node, std::int32_t& out, const Field& field);
  void read(JsonView node, std::int64_t& out, const Field& field);
  void read(JsonView node, double& out, const Field& field);
  void read(JsonView node, std::string& out, const Field& field);
  void read(JsonView node, Duration& out, const Field& field);
  void read(JsonView node, Share& out, const Field& field);
  void read(JsonView node, WallTime& out, const Field& field);
  void read(JsonView node, Quantity& out, const Field& field);
  void read(JsonView node, RawJson& out, const Field& field);

  template <DescribedEnum E>
  void read(JsonView node, E& out, const Field&) {
    const auto& names = EnumNames<E>::kNames;
    const auto text = node.as_string();
    for (std::size_t i = 0; text && i < names.size(); ++i) {
      if (names[i] == *text) {
        out = static_cast<E>(i);
        return;
      }
    }
    wrong_enum(node, {names.data(), names.size()});
  }

  template <class T>
  void read(JsonView node, std::vector<T>& out, const Field& field) {
    out.clear();
    if (node.kind() != JsonKind::kArray) {
      error("must be a list");
      return;
    }
    node.for_each_element([&](JsonView item) {
      const std::size_t mark = enter(out.size());
      read(item, out.emplace_back(), Field{.max_length = field.max_length});
      leave(mark);
    });
    check_items(out.size(), field);
  }

  template <class T>
  void read(JsonView node, std::map<std::string, T>& out, const Field& field) {
    out.clear();
    if (node.kind() != JsonKind::kObject) {
      error("must be an object");
      return;
    }
    node.for_each_member([&](std::string_view key, JsonView item) {
      const std::size_t mark = enter(key);
      read(item, out[std::string(key)], Field{.max_length = field.max_length});
      leave(mark);
    });
    check_items(out.size(), field);
  }

  template <DescribedStruct T>
  void read(JsonView node, T& out, const Field&) {
    if (node.kind() != JsonKind::kObject) {
      error("must be an object");
      return;
    }
    frames_.push_back({node, {}});
    describe(*this, out);
    close_frame();
  }

  // For checks that belong to no single field: reports at the present path.
  void error(std::string message);

 private:
  struct Frame {
    JsonView node;
    std::vector<std::string_view> claimed;
  };

  template <class T>
  void read_at(std::string_view name, JsonView node, T& out, const Field& field) {
    const std::size_t mark = enter(name);
    read(node, out, field);
    leave(mark);
  }

  // The member of the object being read; empty when absent or null.
  std::optional<JsonView> take(std::string_view name);
  void error_at(std::string_view name, std::string message);
  void wrong_enum(JsonView node, std::span<const std::string_view> names);
  void check_range(double value, const Field& field);
  void check_items(std::size_t count, const Field& field);
  void close_frame();
  std::size_t enter(std::string_view name);
  std::size_t enter(std::size_t index);

  void leave(std::size_t mark) { path_.resize(mark); }

  bool is_strict_;
  std::string path_;
  std::vector<Frame> frames_;
  std::vector<std::string> errors_;
};

}  // namespace sluice
