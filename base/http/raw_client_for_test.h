#pragma once
// For tests of servers: a blocking client on loopback that sends exactly the bytes it is given, and
// the parts of it that a raw server in a test needs as well. Each used by one thread.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::http {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  return address;
}

inline void send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// The length of the message at the front of `inbox`, as far as its head tells; npos while that or
// its last chunk is not there yet.
inline std::size_t message_size(const std::string& inbox, bool has_body) {
  const std::size_t head = inbox.find("\r\n\r\n");
  if (head == std::string::npos || !has_body) {
    return head == std::string::npos ? head : head + 4;
  }
  const std::string_view lines = std::string_view(inbox).substr(0, head);
  if (lines.find("Transfer-Encoding: chunked") != std::string_view::npos) {
    const std::size_t last_chunk = inbox.find("\r\n0\r\n\r\n", head);
    return last_chunk == std::string::npos ? last_chunk : last_chunk + 7;
  }
  const std::size_t length = lines.find("Content-Length: ");
  const bool is_known = length != std::string_view::npos;
  return head + 4 + (is_known ? std::stoul(inbox.substr(length + 16, 20)) : 0);
}

// Takes one message, or all that comes until the end, from the front of `inbox`. Heads of answers
// to HEAD, and of 100, have no body whatever they say.
inline std::string take_message(int socket, std::string& inbox, bool has_body = true) {
  for (;;) {
    const std::size_t size = message_size(inbox, has_body);
    if (inbox.size() >= size) {
      std::string message = inbox.substr(0, size);
      inbox.erase(0, size);
      return message;
    }
    char buffer[65536];
    const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
    if (n <= 0) {
      return std::exchange(inbox, {});
    }
    inbox.append(buffer, static_cast<std::size_t>(n));
  }
}

inline std::string body_of(const std::string& message) {
  const std::size_t head = message.find("\r\n\r\n");
  return head == std::string::npos ? "" : message.substr(head + 4);
}

// Connected when it is made (the kernel does that before anybody accepts), if it can be.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = loopback(port);
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    is_connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  RawClient(RawClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        is_connected_(other.is_connected_),
        inbox_(std::move(other.inbox_)) {}

  RawClient& operator=(RawClient&&) = delete;

  ~RawClient() { hang_up(); }

  [[nodiscard]] bool is_connected() const { return is_connected_; }

  void send(std::string_view text) const { send_all(socket_, text); }

  // One whole message; what is there if the server closes before.
  std::string receive(bool has_body = true) { return take_message(socket_, inbox_, has_body); }

  // Nothing more comes: the other side has closed.
  [[nodiscard]] bool is_closed() { return inbox_.empty() && take_message(socket_, inbox_).empty(); }

  void hang_up() {
    if (socket_ >= 0) {
      ::close(std::exchange(socket_, -1));
    }
  }

 private:
  int socket_;
  bool is_connected_ = false;
  std::string inbox_;
};

}  // namespace sluice::http
