#pragma once
// Field: what describe() says about one member beside its type, and the types it may have.
// Part of base/describe.h; include that.

#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json_view.h"
#include "base/json_writer.h"
#include "base/result.h"
#include "base/share.h"
#include "base/time.h"

namespace sluice {

// What is said about one field beside its type.
struct Field {
  std::string_view doc = {};
  std::optional<double> min = {};
  std::optional<double> max = {};
  int min_length = 0;
  int max_length = 1024;  // Of strings, in characters; of each item of a list or map of strings.
  int min_items = 0;
  int max_items = 64;             // Of lists and maps.
  std::string_view pattern = {};  // RE2; checked by the API server, and by Reader where it can.
  std::string_view map_key = {};  // The list is a map by this member; otherwise it is atomic.
  bool immutable = false;
};

// JSON text that we carry without looking into it (ControllerRevision.data).
struct RawJson {
  std::string text = "{}";
  bool operator==(const RawJson&) const = default;
};

// A Kubernetes quantity; keeps the text as written ("100m", "1", 2 as "2").
struct Quantity {
  std::string text;
  bool operator==(const Quantity&) const = default;
};

// Specialise with `static constexpr std::array<std::string_view, N> kNames` in enumerator order.
template <class E>
struct EnumNames;

template <class E>
concept DescribedEnum = std::is_enum_v<E> && requires { EnumNames<E>::kNames; };

template <DescribedEnum E>
[[nodiscard]] std::string_view enum_name(E value) {
  return EnumNames<E>::kNames.at(static_cast<std::size_t>(value));
}

template <class T>
struct IsVector : std::false_type {};

template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
struct IsMap : std::false_type {};

template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

template <class T>
concept Leaf =
    std::same_as<T, bool> || std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t> ||
    std::same_as<T, double> || std::same_as<T, std::string> || std::same_as<T, Duration> ||
    std::same_as<T, Share> || std::same_as<T, WallTime> || std::same_as<T, Quantity> ||
    std::same_as<T, RawJson>;

template <class T>
concept DescribedStruct = !Leaf<T> && !std::is_enum_v<T> && !IsVector<T>::value && !IsMap<T>::value;

}  // namespace sluice
