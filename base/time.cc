#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>

namespace sluice {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::string format_seconds(WallTime time) {
  const auto whole = std::chrono::floor<seconds>(time.since_epoch);
  const auto date = std::chrono::floor<days>(whole);
  const std::chrono::year_month_day ymd{std::chrono::sys_days{date}};
  const auto in_day = whole - date;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                     static_cast<int>(ymd.year()),
                     static_cast<unsigned>(ymd.month()),
                     static_cast<unsigned>(ymd.day()),
                     std::chrono::duration_cast<hours>(in_day).count(),
                     std::chrono::duration_cast<minutes>(in_day).count() % 60,
                     in_day.count() % 60);
}

// Reads exactly `digits` digits at the front of `text` and takes them off; -1 if they are not
// there.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) {
    return -1;
  }
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) {
      return -1;
    }
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// ".123456789" to microseconds; false when a point stands without digits.
bool take_fraction(std::string_view& text, microseconds& fraction) {
  if (!take_char(text, '.')) {
    return true;
  }
  std::int64_t value = 0;
  int digits = 0;
  while (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0) {
    if (digits < 6) {
      value = value * 10 + (text.front() - '0');
    }
    ++digits;
    text.remove_prefix(1);
  }
  for (int i = digits; i < 6; ++i) {
    value *= 10;
  }
  fraction = microseconds{value};
  return digits > 0 && digits <= 9;
}

bool take_offset(std::string_view& text, minutes& offset) {
  if (take_char(text, 'Z') || take_char(text, 'z')) {
    return true;
  }
  const bool is_east = !text.empty() && text.front() == '+';
  if (!is_east && (text.empty() || text.front() != '-')) {
    return false;
  }
  text.remove_prefix(1);
  const int hour = take_number(text, 2);
  const bool has_colon = take_char(text, ':');
  const int minute = take_number(text, 2);
  if (hour < 0 || hour > 23 || !has_colon || minute < 0 || minute > 59) {
    return false;
  }
  offset = minutes{(is_east ? 1 : -1) * (hour * 60 + minute)};
  return true;
}

struct DurationUnit {
  std::string_view name;
  Duration length;
};

// Longest names first, so that "ms" is not read as "m" with a stray "s".
constexpr std::array<DurationUnit, 4> kUnits{
    {{"ms", milliseconds{1}}, {"h", hours{1}}, {"m", minutes{1}}, {"s", seconds{1}}}};

}  // namespace

std::string format_time(WallTime time) {
  return format_seconds(time) + "Z";
}

std::string format_micro_time(WallTime time) {
  const auto fraction = time.since_epoch - std::chrono::floor<seconds>(time.since_epoch);
  return fmt::format("{}.{:06}Z", format_seconds(time), fraction.count());
}

WallTime truncate_to_seconds(WallTime time) {
  return {std::chrono::floor<seconds>(time.since_epoch)};
}

Result<WallTime> parse_time(std::string_view text) {
  const auto wrong = [whole = text] {
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not an RFC 3339 time", whole));
  };
  const int year = take_number(text, 4);
  const bool dash1 = take_char(text, '-');
  const int month = take_number(text, 2);
  const bool dash2 = take_char(text, '-');
  const int day = take_number(text, 2);
  const bool has_t = take_char(text, 'T') || take_char(text, 't') || take_char(text, ' ');
  const int hour = take_number(text, 2);
  const bool colon1 = take_char(text, ':');
  const int minute = take_number(text, 2);
  const bool colon2 = take_char(text, ':');
  const int second = take_number(text, 2);
  if (!dash1 || !dash2 || !has_t || !colon1 || !colon2 || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60) {
    return wrong();
  }
  const std::chrono::year_month_day ymd{std::chrono::year{year},
                                        std::chrono::month{static_cast<unsigned>(month)},
                                        std::chrono::day{static_cast<unsigned>(day)}};
  microseconds fraction{0};
  minutes offset{0};
  if (year < 0 || month < 0 || day < 0 || !ymd.ok() || !take_fraction(text, fraction) ||
      !take_offset(text, offset) || !text.empty()) {
    return wrong();
  }
  const auto since = std::chrono::sys_days{ymd}.time_since_epoch();
  return WallTime{since + hours{hour} + minutes{minute} + seconds{second} - offset + fraction};
}

Result<Duration> parse_duration(std::string_view text) {
  const auto wrong = [whole = text] {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" is not a duration like 30s, 5m or 1h30m", whole));
  };
  Duration total{0};
  int parts = 0;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || text.front() == '-' || digits > 5) {
      return wrong();
    }
    text.remove_prefix(digits);
    const auto* unit = kUnits.begin();
    while (unit != kUnits.end() && !text.starts_with(unit->name)) {
      ++unit;
    }
    if (unit == kUnits.end() || ++parts > 4) {
      return wrong();
    }
    text.remove_prefix(unit->name.size());
    total += number * unit->length;
  }
  if (parts == 0) {
    return wrong();
  }
  return total;
}

std::string format_duration(Duration duration) {
  auto left = std::chrono::duration_cast<milliseconds>(duration);
  std::string text;
  const auto take = [&](milliseconds unit, std::string_view name) {
    if (const auto count = left / unit; count > 0) {
      text += fmt::format("{}{}", count, name);
      left -= count * unit;
    }
  };
  take(hours{1}, "h");
  take(minutes{1}, "m");
  take(seconds{1}, "s");
  take(milliseconds{1}, "ms");
  return text.empty() ? "0s" : text;
}

}  // namespace sluice
