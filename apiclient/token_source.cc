#include "apiclient/token_source.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace sluice {
namespace {

constexpr Duration kRereadAfter = std::chrono::seconds{60};

}  // namespace

const std::string& TokenSource::token(MonotonicTime now) {
  if (!source_.text.empty()) {
    return source_.text;
  }
  if (!source_.path.empty() && (!was_read_ || now - read_at_ >= kRereadAfter)) {
    read(now);
  }
  return current_;
}

bool TokenSource::refresh(MonotonicTime now) {
  if (!source_.text.empty() || source_.path.empty()) {
    return false;
  }
  read(now);
  return true;
}

void TokenSource::read(MonotonicTime now) {
  was_read_ = true;
  read_at_ = now;
  auto text = read_file(source_.path, kCredentialBytesMax);
  if (!text) {
    log_warn("cannot read the token again, the old one stays", {{"error", text.error().message}});
    return;
  }
  // A token never contains white space; files often end with a newline.
  current_ = trimmed(*text);
}

}  // namespace sluice
