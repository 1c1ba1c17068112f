#pragma once
// JsonWriter: writes compact JSON text in the order it is told to, so that the same calls give the
// same bytes. Text that is not UTF-8 is written with U+FFFD in place of the wrong bytes. Misuse (a
// value without a key inside an object, unbalanced ends) fails a CHECK.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);

  JsonWriter& value(const char* text) { return value(std::string_view(text)); }

  JsonWriter& value(bool flag);
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(std::uint64_t number);

  JsonWriter& value(int number) { return value(static_cast<std::int64_t>(number)); }

  // The shortest text that reads back as the same double; NaN and infinities become null.
  JsonWriter& value(double number);
  JsonWriter& null();
  // JSON text made elsewhere, taken as it is.
  JsonWriter& raw(std::string_view json);

  // key() and value() in one.
  template <class T>
  JsonWriter& member(std::string_view name, const T& item) {
    return key(name).value(item);
  }

  // The text; all objects and arrays must be ended.
  [[nodiscard]] std::string take();

 private:
  void before_value();

  std::string out_;
  std::vector<char> open_;  // '{' or '[', innermost last.
  bool needs_comma_ = false;
  bool has_key_ = false;
};

// `text` as a JSON string, quotes and all.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace sluice
