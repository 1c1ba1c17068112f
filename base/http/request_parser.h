#pragma once
// RequestParser: bytes of a connection in, Requests out. Keeps what belongs to the next request
// (pipelining). One for each connection, used by its thread only. For servers: base/http and the
// router.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/http/message.h"

namespace sluice::http {

struct ParseLimits {
  std::size_t header_bytes_max = 0;
  std::size_t body_bytes_max = 0;
};

class RequestParser {
 public:
  enum class State {
    kNeedMore,  // Read more bytes and append them.
    kDone,      // request() is whole; call next() when it has been answered.
    kBad,       // refusal() says why; the connection cannot go on.
  };

  explicit RequestParser(ParseLimits limits);
  ~RequestParser();

  void append(std::string_view bytes) { inbox_.append(bytes); }

  [[nodiscard]] State parse();
  // Forgets the request and starts with the bytes behind it.
  void next();

  [[nodiscard]] Request& request() { return request_; }

  [[nodiscard]] const Response& refusal() const { return refusal_; }

  // Whether the client lets us keep the connection; true only after kDone.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

  [[nodiscard]] bool is_http_1_0() const { return is_http_1_0_; }

  // Some bytes of a request are here. False between two requests.
  [[nodiscard]] bool has_begun() const;
  [[nodiscard]] bool has_header() const;
  // True once for a request whose client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool take_expects_continue();

 private:
  struct Parser;
  void take_request();
  State refuse(int status, std::string_view code, std::string_view message);

  ParseLimits limits_;
  std::unique_ptr<Parser> parser_;
  std::string inbox_;
  Request request_;
  Response refusal_;
  bool keep_alive_ = false;
  bool is_http_1_0_ = false;
  bool has_consumed_ = false;
  bool continue_sent_ = false;
};

}  // namespace sluice::http
