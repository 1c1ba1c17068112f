#pragma once
// Part of base/describe.h; include that. Writer: struct -> JSON, members in describe's order.

#include "base/field.h"

namespace sluice {

class Writer {
 public:
  template <class T>
  void required(std::string_view name, T& member, const Field& = {}) {
    json_.key(name);
    write(member);
  }

  template <class T>
  void defaulted(std::string_view name, T& member, const Field& = {}) {
    json_.key(name);
    write(member);
  }

  template <class T>
  void optional(std::string_view name, std::optional<T>& member, const Field& = {}) {
    if (member) {
      json_.key(name);
      write(*member);
    }
  }

  void exactly_one() {}

  void rule(std::string_view, std::string_view, bool) {}

  void write(bool value) { json_.value(value); }

  void write(std::int32_t value) { json_.value(static_cast<std::int64_t>(value)); }

  void write(std::int64_t value) { json_.value(value); }

  void write(double value) { json_.value(value); }

  void write(const std::string& value) { json_.value(std::string_view(value)); }

  void write(Duration value) { json_.value(std::string_view(format_duration(value))); }

  void write(Share value) { json_.value(std::string_view(format_share(value))); }

  void write(WallTime value);

  void write(const Quantity& value) { json_.value(std::string_view(value.text)); }

  void write(const RawJson& value) { json_.raw(value.text); }

  template <DescribedEnum E>
  void write(E value) {
    json_.value(enum_name(value));
  }

  template <class T>
  void write(const std::vector<T>& items) {
    json_.begin_array();
    for (const T& item : items) {
      write(item);
    }
    json_.end_array();
  }

  template <class T>
  void write(const std::map<std::string, T>& items) {
    json_.begin_object();
    for (const auto& [key, item] : items) {
      json_.key(key);
      write(item);
    }
    json_.end_object();
  }

  template <DescribedStruct T>
  void write(const T& value) {
    json_.begin_object();
    // describe takes a mutable struct because Reader fills it; Writer only looks.
    describe(*this, const_cast<T&>(value));
    json_.end_object();
  }

  [[nodiscard]] std::string take() { return json_.take(); }

 private:
  JsonWriter json_;
};

// Whole seconds as metav1.Time ("…:00Z"), finer ones as MicroTime ("…:00.000001Z").
inline void Writer::write(WallTime value) {
  const bool is_whole = truncate_to_seconds(value) == value;
  json_.value(std::string_view(is_whole ? format_time(value) : format_micro_time(value)));
}

}  // namespace sluice
