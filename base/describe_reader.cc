#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <regex>

#include "base/check.h"
#include "base/describe.h"
#include "base/utf8.h"

namespace sluice {
namespace {

constexpr std::size_t kErrorsMax = 32;

// Compiled once a thread: that takes longer than all else that is read of an object. Patterns stand
// in the descriptions of our types, so there are few.
bool matches(std::string_view pattern, const std::string& text) {
  thread_local std::map<std::string, std::regex, std::less<>> known;
  auto found = known.find(pattern);
  if (found == known.end()) {
    found = known.emplace(pattern, std::regex(std::string(pattern))).first;
  }
  return std::regex_search(text, found->second);
}

}  // namespace

std::string Reader::summary() const {
  return fmt::format("{}", fmt::join(errors_, "; "));
}

void Reader::error(std::string message) {
  if (errors_.size() < kErrorsMax) {
    errors_.push_back(path_.empty() ? std::move(message) : fmt::format("{}: {}", path_, message));
  }
}

void Reader::error_at(std::string_view name, std::string message) {
  const std::size_t mark = enter(name);
  error(std::move(message));
  leave(mark);
}

std::optional<JsonView> Reader::take(std::string_view name) {
  CHECK(!frames_.empty());
  frames_.back().claimed.push_back(name);
  auto node = frames_.back().node.find(name);
  if (node && node->is_null()) {
    return std::nullopt;
  }
  return node;
}

std::size_t Reader::enter(std::string_view name) {
  const std::size_t mark = path_.size();
  path_ += '.';
  path_ += name;
  return mark;
}

std::size_t Reader::enter(std::size_t index) {
  const std::size_t mark = path_.size();
  path_ += fmt::format("[{}]", index);
  return mark;
}

void Reader::close_frame() {
  const Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (!is_strict_) {
    return;
  }
  frame.node.for_each_member([&](std::string_view key, JsonView) {
    if (std::ranges::find(frame.claimed, key) == frame.claimed.end()) {
      error_at(key, "is not a known field");
    }
  });
}

void Reader::exactly_one() {
  int set = 0;
  const Frame& frame = frames_.back();
  for (const std::string_view name : frame.claimed) {
    const auto node = frame.node.find(name);
    set += node && !node->is_null() ? 1 : 0;
  }
  if (set != 1) {
    error(
        fmt::format("exactly one of {} must be set, not {}", fmt::join(frame.claimed, ", "), set));
  }
}

void Reader::rule(std::string_view, std::string_view message, bool holds) {
  if (!holds && errors_.empty()) {
    error(std::string(message));
  }
}

void Reader::check_range(double value, const Field& field) {
  if (field.min && value < *field.min) {
    error(fmt::format("must be at least {}, not {}", *field.min, value));
  }
  if (field.max && value > *field.max) {
    error(fmt::format("must be at most {}, not {}", *field.max, value));
  }
}

void Reader::check_items(std::size_t count, const Field& field) {
  if (count < static_cast<std::size_t>(field.min_items)) {
    error(fmt::format("must have at least {} items, not {}", field.min_items, count));
  }
  if (count > static_cast<std::size_t>(field.max_items)) {
    error(fmt::format("must have at most {} items, not {}", field.max_items, count));
  }
}

void Reader::wrong_enum(JsonView node, std::span<const std::string_view> names) {
  error(fmt::format("must be one of {}, not {}", fmt::join(names, ", "), node.text()));
}

void Reader::read(JsonView node, bool& out, const Field&) {
  if (const auto value = node.as_bool()) {
    out = *value;
  } else {
    error("must be true or false");
  }
}

void Reader::read(JsonView node, std::int64_t& out, const Field& field) {
  const auto value = node.as_integer();
  if (!value) {
    error(fmt::format("must be a whole number, not {}", node.text()));
    return;
  }
  out = *value;
  check_range(static_cast<double>(out), field);
}

void Reader::read(JsonView node, std::int32_t& out, const Field& field) {
  std::int64_t wide = 0;
  const std::size_t errors_before = errors_.size();
  read(node, wide, field);
  if (errors_.size() != errors_before) {
    return;
  }
  if (wide < std::numeric_limits<std::int32_t>::min() ||
      wide > std::numeric_limits<std::int32_t>::max()) {
    error(fmt::format("{} does not fit 32 bits", wide));
    return;
  }
  out = static_cast<std::int32_t>(wide);
}

void Reader::read(JsonView node, double& out, const Field& field) {
  const auto value = node.as_number();
  if (!value) {
    error(fmt::format("must be a number, not {}", node.text()));
    return;
  }
  out = *value;
  check_range(out, field);
}

void Reader::read(JsonView node, std::string& out, const Field& field) {
  const auto value = node.as_string();
  if (!value) {
    error("must be a string");
    return;
  }
  out = *value;
  const std::size_t length = count_utf8(out);
  if (length < static_cast<std::size_t>(field.min_length)) {
    error(fmt::format("must have at least {} characters", field.min_length));
  } else if (length > static_cast<std::size_t>(field.max_length)) {
    error(fmt::format("must have at most {} characters, not {}", field.max_length, length));
  } else if (!field.pattern.empty() && !matches(field.pattern, out)) {
    error(fmt::format("\"{}\" does not match {}", out, field.pattern));
  }
}

void Reader::read(JsonView node, Duration& out, const Field& field) {
  const auto text = node.as_string();
  const auto value =
      text ? parse_duration(*text) : fail(ErrorCode::kInvalid, "must be a duration like 30s or 5m");
  if (!value) {
    error(value.error().message);
    return;
  }
  out = *value;
  check_range(std::chrono::duration<double>(out).count(), field);
}

void Reader::read(JsonView node, Share& out, const Field& field) {
  const auto text = node.as_string();
  const auto value =
      text ? parse_share(*text) : fail(ErrorCode::kInvalid, "must be a share like 5% or 0.5%");
  if (!value) {
    error(value.error().message);
    return;
  }
  out = *value;
  check_range(out.fraction() * 100, field);
}

void Reader::read(JsonView node, WallTime& out, const Field&) {
  const auto text = node.as_string();
  const auto value =
      text ? parse_time(*text) : fail(ErrorCode::kInvalid, "must be an RFC 3339 time");
  if (!value) {
    error(value.error().message);
    return;
  }
  out = *value;
}

void Reader::read(JsonView node, Quantity& out, const Field&) {
  if (const auto text = node.as_string()) {
    out.text = *text;
  } else if (node.as_number()) {
    out.text = node.text();
  } else {
    error("must be a quantity like 100m or 128Mi");
  }
}

void Reader::read(JsonView node, RawJson& out, const Field&) {
  out.text = node.text();
}

}  // namespace sluice
