#pragma once
// Small questions to text that many folders ask. Pure; ASCII only, whatever the locale.

#include <charconv>
#include <optional>
#include <string_view>

namespace sluice {

// Without spaces, tabs and ends of line in front and behind. A view into `text`.
[[nodiscard]] std::string_view trimmed(std::string_view text);

// As names of HTTP headers are compared.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

// The number that the whole of `text` is (std::from_chars: no '+', no space), if it is one that
// fits.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = stop == text.data() + text.size();
  return error == std::errc{} && is_whole ? std::optional(number) : std::nullopt;
}

}  // namespace sluice
