#pragma once
// Result<T>: a value or an Error. Nothing of ours throws; a function that can fail returns one of
// these, and its caller either handles the error or passes it up with context.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

// Few codes: each is one that some caller branches on.
enum class ErrorCode {
  kInvalid,      // The input is wrong and will stay wrong until somebody changes it.
  kNotFound,     // The object does not exist.
  kConflict,     // Somebody else changed it first (409), or it exists already.
  kGone,         // A resource version is too old (410): list again.
  kForbidden,    // 401 or 403.
  kThrottled,    // 429: come back after `retry_after`.
  kUnavailable,  // The other side is away or broken (5xx, connection refused or reset).
  kTimeout,      // A deadline passed; the effect is unknown.
  kCancelled,    // We stopped it ourselves.
  kInternal,     // A bug of ours or a third-party exception.
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message = {};
  int http_status = 0;                                        // 0 when HTTP was not involved.
  std::optional<std::chrono::milliseconds> retry_after = {};  // From Retry-After.
  // 403 because the namespace is being deleted: nothing can be made in it any more.
  bool is_namespace_ending = false;

  // The same error with "context: " in front of its message.
  [[nodiscard]] Error with_context(std::string_view context) const;
  // "not_found (404): message", for logs and conditions.
  [[nodiscard]] std::string describe() const;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

// Makes the error side of a Result: `return fail(ErrorCode::kInvalid, "weight is above 100")`.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::make_unexpected(Error{.code = code, .message = std::move(message)});
}

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::make_unexpected(std::move(error));
}

}  // namespace sluice
