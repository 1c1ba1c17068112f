#include "apiclient/token_source.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/log.h"

namespace sluice {
namespace {

constexpr Duration kRereadAfter = std::chrono::seconds{60};
constexpr std::size_t kFileMax = std::size_t{10} * 1024 * 1024;

// A token never contains white space; files often end with a newline.
std::string trimmed(std::string text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) {
    text.pop_back();
  }
  return text;
}

}  // namespace

Result<std::string> read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(ErrorCode::kInvalid, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  std::string text(kFileMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) {
    return fail(ErrorCode::kInvalid, fmt::format("cannot read {}", path));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileMax) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is larger than 10 MiB", path));
  }
  return text;
}

const std::string& TokenSource::token(MonotonicTime now) {
  if (!source_.text.empty()) {
    return source_.text;
  }
  if (!source_.path.empty() && (!was_read_ || now - read_at_ >= kRereadAfter)) {
    read_file(now);
  }
  return current_;
}

bool TokenSource::refresh(MonotonicTime now) {
  if (!source_.text.empty() || source_.path.empty()) {
    return false;
  }
  read_file(now);
  return true;
}

void TokenSource::read_file(MonotonicTime now) {
  was_read_ = true;
  read_at_ = now;
  auto text = read_small_file(source_.path);
  if (!text) {
    log_warn("cannot read the token again, the old one stays", {{"error", text.error().message}});
    return;
  }
  current_ = trimmed(std::move(*text));
}

}  // namespace sluice
