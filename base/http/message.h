#pragma once
// The words of HTTP that handlers see: Request, Response, Reply. Plain values; nothing of the
// library underneath shows.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::http {

using Header = std::pair<std::string, std::string>;

struct Request {
  std::string method = {};
  std::string path = {};   // Without the query, as sent (not percent-decoded).
  std::string query = {};  // What stands behind '?', as sent.
  std::vector<Header> headers = {};
  std::string body = {};
  std::string peer = {};  // "10.0.0.7:41234"

  // The first header of that name (letters compared without case), or "".
  [[nodiscard]] std::string_view header(std::string_view name) const;
  // The percent-decoded value of a parameter of the query; empty text for "?name" alone.
  [[nodiscard]] std::optional<std::string> query_parameter(std::string_view name) const;
};

// A part of a file, sent in pieces, so that its size does not matter. Opened when the answer
// starts; a file that is not there or too short is answered with 500.
struct FileSlice {
  std::string path = {};
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// Memory that somebody else owns, for example a mapped file; `owner` keeps it alive.
struct SharedBytes {
  std::shared_ptr<const void> owner = {};
  std::string_view bytes = {};
};

// The body is `file` or `shared` if one is set, else `body`.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<Header> headers = {};  // Without Content-Type, Content-Length, Connection.
  std::string body = {};
  std::optional<FileSlice> file = {};
  std::optional<SharedBytes> shared = {};
};

// {"error":{"code":…,"message":…}}.
[[nodiscard]] Response error_response(int status, std::string_view code, std::string_view message);

// Answers one request, once, from any thread. Destroyed unused, it answers 500, so that no client
// waits for ever. Harmless after the connection or the server has gone.
class Reply {
 public:
  explicit Reply(std::function<void(Response)> send) : send_(std::move(send)) {}

  Reply(Reply&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}

  Reply& operator=(Reply&& other) noexcept;

  ~Reply() { abandon(); }

  void operator()(Response response);

 private:
  void abandon();

  std::function<void(Response)> send_;
};

}  // namespace sluice::http
