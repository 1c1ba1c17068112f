#include "base/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace sluice {
namespace {

template <class Number>
Status read_number(std::string_view text, Number& value, std::string_view what) {
  const auto read = parse_number<Number>(text);
  if (!read) {
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not {}", text, what));
  }
  value = *read;
  return {};
}

// For values that a parse function of ours reads.
template <class T>
std::function<Status(std::string_view)> setter(T& value, Result<T> (*parse)(std::string_view)) {
  return [&value, parse](std::string_view text) -> Status {
    const Result<T> read = parse(text);
    if (!read) {
      return fail(read.error());
    }
    value = *read;
    return {};
  };
}

}  // namespace

Flags::Flags(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {}

void Flags::add(Flag flag) {
  flags_.push_back(std::move(flag));
}

void Flags::text(std::string name, std::string& value, std::string placeholder, std::string doc) {
  add({std::move(name),
       std::move(placeholder),
       value,
       std::move(doc),
       [&value](std::string_view t) {
         value = t;
         return Status{};
       }});
}

void Flags::integer(std::string name, std::int64_t& value, std::string doc) {
  add({std::move(name),
       "N",
       fmt::format("{}", value),
       std::move(doc),
       [&value](std::string_view t) { return read_number(t, value, "a whole number"); }});
}

void Flags::number(std::string name, double& value, std::string doc) {
  add({std::move(name),
       "X",
       fmt::format("{}", value),
       std::move(doc),
       [&value](std::string_view t) { return read_number(t, value, "a number"); }});
}

void Flags::duration(std::string name, Duration& value, std::string doc) {
  add({std::move(name),
       "TIME",
       format_duration(value),
       std::move(doc),
       setter<Duration>(value, parse_duration)});
}

void Flags::share(std::string name, Share& value, std::string doc) {
  add({std::move(name),
       "SHARE",
       format_share(value),
       std::move(doc),
       setter<Share>(value, parse_share)});
}

void Flags::toggle(std::string name, bool& value, std::string doc) {
  add({std::move(name), "", value ? "true" : "", std::move(doc), [&value](std::string_view t) {
         if (t != "true" && t != "false") {
           return Status(fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not true or false", t)));
         }
         value = t == "true";
         return Status{};
       }});
}

void Flags::list(std::string name,
                 std::vector<std::string>& values,
                 std::string placeholder,
                 std::string doc) {
  add({std::move(name), std::move(placeholder), "", std::move(doc), [&values](std::string_view t) {
         values.emplace_back(t);
         return Status{};
       }});
}

const Flags::Flag* Flags::find(std::string_view name) const {
  const auto found = std::ranges::find(flags_, name, &Flag::name);
  return found == flags_.end() ? nullptr : &*found;
}

Result<std::vector<std::string>> Flags::parse(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      wants_help_ = true;
      return words;
    }
    if (argument == "--") {
      words.insert(
          words.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
      return words;
    }
    if (!argument.starts_with("--")) {
      words.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Flag* flag = find(name);
    if (flag == nullptr) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("unknown flag --{}; {} --help lists them", name, program_));
    }
    std::string value = flag->placeholder.empty() ? "true" : "";
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (!flag->placeholder.empty()) {
      if (++i == arguments.size()) {
        return fail(ErrorCode::kInvalid, fmt::format("--{} needs a value", name));
      }
      value = arguments[i];
    }
    if (const Status set = flag->set(value); !set) {
      return fail(set.error().with_context("--" + name));
    }
  }
  return words;
}

std::string Flags::help() const {
  std::string out = fmt::format("{}\n{}\n\nFlags:\n", program_, summary_);
  for (const Flag& flag : flags_) {
    const std::string head = flag.placeholder.empty()
                                 ? fmt::format("--{}", flag.name)
                                 : fmt::format("--{} {}", flag.name, flag.placeholder);
    out += fmt::format("  {:<28} {}", head, flag.doc);
    out += flag.shown_default.empty() ? "\n" : fmt::format(" (default {})\n", flag.shown_default);
  }
  return out;
}

std::vector<std::string> arguments_of(int argc, char** argv) {
  return {argv + std::min(argc, 1), argv + argc};
}

}  // namespace sluice
