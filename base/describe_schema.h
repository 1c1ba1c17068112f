#pragma once
// Part of base/describe.h; include that. Schema: struct -> OpenAPI v3 as a CRD wants it: types,
// required, defaults, docs, bounds, list types and CEL rules. Made of JSON text.

#include "base/describe_writer.h"
#include "base/field.h"

namespace sluice {

class Schema {
 public:
  template <class T>
  void required(std::string_view name, T& member, const Field& field = {}) {
    required_.emplace_back(name);
    properties_.emplace_back(std::string(name), of<T>(field));
    static_cast<void>(member);
  }

  template <class T>
  void defaulted(std::string_view name, T& member, const Field& field = {}) {
    // Structs too are written out in full: the API server checks a default before it fills it in.
    Writer writer;
    writer.write(member);
    properties_.emplace_back(std::string(name), of<T>(field, writer.take()));
  }

  template <class T>
  void optional(std::string_view name, std::optional<T>&, const Field& field = {}) {
    properties_.emplace_back(std::string(name), of<T>(field));
  }

  void exactly_one() { is_union_ = true; }

  void rule(std::string_view cel, std::string_view message, bool) {
    rules_.emplace_back(std::string(cel), std::string(message));
  }

  // The schema of T with what `field` says; `default_json` empty means no default.
  template <class T>
  [[nodiscard]] static std::string of(const Field& field, std::string_view default_json = {}) {
    if constexpr (Leaf<T>) {
      return leaf(static_cast<const T*>(nullptr), field, default_json);
    } else if constexpr (DescribedEnum<T>) {
      const auto& names = EnumNames<T>::kNames;
      return enumeration({names.data(), names.size()}, field, default_json);
    } else if constexpr (IsVector<T>::value) {
      return list(
          of<typename T::value_type>(Field{.max_length = field.max_length}), field, default_json);
    } else if constexpr (IsMap<T>::value) {
      return map(
          of<typename T::mapped_type>(Field{.max_length = field.max_length}), field, default_json);
    } else {
      Schema object;
      T value{};
      describe(object, value);
      return object.finish(field, default_json);
    }
  }

 private:
  static std::string leaf(const bool*, const Field&, std::string_view default_json);
  static std::string leaf(const std::int32_t*, const Field&, std::string_view default_json);
  static std::string leaf(const std::int64_t*, const Field&, std::string_view default_json);
  static std::string leaf(const double*, const Field&, std::string_view default_json);
  static std::string leaf(const std::string*, const Field&, std::string_view default_json);
  static std::string leaf(const Duration*, const Field&, std::string_view default_json);
  static std::string leaf(const Share*, const Field&, std::string_view default_json);
  static std::string leaf(const WallTime*, const Field&, std::string_view default_json);
  static std::string leaf(const Quantity*, const Field&, std::string_view default_json);
  static std::string leaf(const RawJson*, const Field&, std::string_view default_json);
  static std::string enumeration(std::span<const std::string_view> names,
                                 const Field&,
                                 std::string_view default_json);
  static std::string list(const std::string& items, const Field&, std::string_view default_json);
  static std::string map(const std::string& items, const Field&, std::string_view default_json);
  [[nodiscard]] std::string finish(const Field& field, std::string_view default_json) const;

  std::vector<std::pair<std::string, std::string>> properties_;
  std::vector<std::string> required_;
  std::vector<std::pair<std::string, std::string>> rules_;
  bool is_union_ = false;
};

}  // namespace sluice
