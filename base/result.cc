#include "base/result.h"

#include <fmt/format.h>

namespace sluice {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kGone:
      return "gone";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kThrottled:
      return "throttled";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

Error Error::with_context(std::string_view context) const {
  Error wrapped = *this;
  wrapped.message = fmt::format("{}: {}", context, message);
  return wrapped;
}

std::string Error::describe() const {
  if (http_status == 0) {
    return fmt::format("{}: {}", to_string(code), message);
  }
  return fmt::format("{} ({}): {}", to_string(code), http_status, message);
}

}  // namespace sluice
