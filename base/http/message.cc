#include "base/http/message.h"

#include <array>
#include <cstddef>

#include "base/check.h"
#include "base/json_string.h"
#include "base/text.h"

namespace sluice::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const Header& candidate : headers) {
    if (equals_ignoring_case(candidate.first, name)) {
      return candidate.second;
    }
  }
  return {};
}

std::optional<std::string> Request::query_parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (percent_decoded(pair.substr(0, equals)) == name) {
      return equals == std::string_view::npos ? std::string{}
                                              : percent_decoded(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

Response error_response(int status, std::string_view code, std::string_view message) {
  CHECK(status >= 400 && status <= 599);
  Response response;
  response.status = status;
  response.body = "{\"error\":{\"code\":";
  append_json_string(response.body, code);
  response.body += ",\"message\":";
  append_json_string(response.body, message);
  response.body += "}}";
  return response;
}

Reply& Reply::operator=(Reply&& other) noexcept {
  if (this != &other) {
    abandon();
    send_ = std::exchange(other.send_, nullptr);
  }
  return *this;
}

void Reply::operator()(Response response) {
  CHECK(send_ != nullptr);  // Once, and not after a move.
  const auto send = std::exchange(send_, nullptr);
  send(std::move(response));
}

void Reply::abandon() {
  if (send_ != nullptr) {
    const auto send = std::exchange(send_, nullptr);
    send(error_response(500, "internal", "The request was dropped without an answer."));
  }
}

}  // namespace sluice::http
