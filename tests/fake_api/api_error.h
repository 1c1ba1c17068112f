#pragma once
// Internal to this folder: what the fake server answers when it refuses, as the real one words it.

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "tests/fake_api/json.h"

namespace sluice::fake {

struct ApiError {
  int code = 500;
  std::string reason = {};
  std::string message = {};
  std::string cause = {};  // Type of the one cause in its details; empty: none.

  [[nodiscard]] Json status() const {
    Json status = {{"kind", "Status"},
                   {"apiVersion", "v1"},
                   {"status", "Failure"},
                   {"reason", reason},
                   {"message", message},
                   {"code", code},
                   {"metadata", Json::object()}};
    if (!cause.empty()) {
      status["details"]["causes"] = Json::array({{{"reason", cause}}});
    }
    return status;
  }
};

template <class T>
using Answer = tl::expected<T, ApiError>;

[[nodiscard]] inline tl::unexpected<ApiError> refuse(int code,
                                                     std::string reason,
                                                     std::string message) {
  return tl::make_unexpected(
      ApiError{.code = code, .reason = std::move(reason), .message = std::move(message)});
}

}  // namespace sluice::fake
