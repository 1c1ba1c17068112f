#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

std::atomic<LogFormat> g_format{LogFormat::kText};

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("sluice",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return instance;
}

// Log lines may carry bytes from outside; what is not UTF-8 is replaced, never thrown over.
std::string json_quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void set_up_logging(LogLevel level, LogFormat format) {
  g_format = format;
  logger()->set_level(level_of(level));
  if (format == LogFormat::kJson) {
    logger()->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                          spdlog::pattern_time_type::utc);
  } else {
    logger()->set_pattern("%H:%M:%S.%e %L %v", spdlog::pattern_time_type::utc);
  }
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!logger()->should_log(level_of(level))) {
    return;
  }
  const bool is_json = g_format == LogFormat::kJson;
  std::string line = is_json ? "\"message\":" + json_quoted(message) : std::string(message);
  for (const auto& [name, value] : fields) {
    line += is_json ? "," + json_quoted(name) + ":" + json_quoted(value)
                    : " " + std::string(name) + "=" + json_quoted(value);
  }
  logger()->log(level_of(level), "{}", line);
}

}  // namespace sluice
