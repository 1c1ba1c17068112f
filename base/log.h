#pragma once
// Logging: one line a fact, structured. `log_info("rollout advanced", {{"key", key}, {"step",
// "2"}})`. Goes to stderr through spdlog (JSON lines by default, --log-format=text for people). One
// info line per transition, none per loop; an error is logged once, where it stops travelling. No
// secrets.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kJson, kText };

using LogField = std::pair<std::string_view, std::string>;

// Call once at start, before the first line; thread-safe afterwards.
void set_up_logging(LogLevel level, LogFormat format);

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kDebug, message, fields);
}

inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kInfo, message, fields);
}

inline void log_warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kWarn, message, fields);
}

inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kError, message, fields);
}

}  // namespace sluice
