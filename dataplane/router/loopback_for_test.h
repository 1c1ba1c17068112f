#pragma once
// For the router's tests: a blocking client that sends exactly the bytes it is given, and a worker
// that answers with exactly the bytes it is told. Each used by one test.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/event_count_for_test.h"

namespace sluice::router {

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

// Takes one message with Content-Length, or all that comes until the end, from the front of
// `inbox`.
inline std::string take_message(int socket, std::string& inbox) {
  for (;;) {
    const std::size_t head = inbox.find("\r\n\r\n");
    if (head != std::string::npos) {
      const std::size_t length = inbox.find("Content-Length: ");
      const std::size_t body = length < head ? std::stoul(inbox.substr(length + 16)) : 0;
      const bool is_chunked = inbox.find("Transfer-Encoding: chunked") < head;
      const std::size_t last_chunk = inbox.find("\r\n0\r\n\r\n", head);
      std::size_t total = head + 4 + body;
      if (is_chunked) {
        total = last_chunk == std::string::npos ? std::string::npos : last_chunk + 7;
      }
      if (inbox.size() >= total) {
        std::string message = inbox.substr(0, total);
        inbox.erase(0, total);
        return message;
      }
    }
    char buffer[65536];
    const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
    if (n <= 0) {
      return std::exchange(inbox, {});
    }
    inbox.append(buffer, static_cast<std::size_t>(n));
  }
}

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = loopback(port);
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  ~RawClient() { hang_up(); }

  void send(std::string_view text) const { send_all(socket_, text); }

  std::string receive() { return take_message(socket_, inbox_); }

  // Nothing more comes: the other side has closed.
  [[nodiscard]] bool is_closed() { return inbox_.empty() && take_message(socket_, inbox_).empty(); }

  void hang_up() {
    if (socket_ >= 0) {
      ::close(std::exchange(socket_, -1));
    }
  }

 private:
  int socket_;
  std::string inbox_;
};

// Listens, but its queue of connections is full: further ones wait for ever.
class FullListener {
 public:
  FullListener() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    (void)::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size);
    (void)::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    (void)::listen(listener_, 0);
    port_ = ntohs(address.sin_port);
    // The queue takes one more than it was told.
    client_ = ::socket(AF_INET, SOCK_STREAM, 0);
    (void)::connect(client_, reinterpret_cast<const sockaddr*>(&address), size);
  }

  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;

  ~FullListener() {
    ::close(client_);
    ::close(listener_);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int listener_;
  int client_ = -1;
  std::uint16_t port_ = 0;
};

// Answers each request with what `answer` returns, and closes the connection where it says so.
class RawWorker {
 public:
  struct Reaction {
    std::string bytes;
    bool closes = true;
  };

  explicit RawWorker(std::function<Reaction(const std::string& request)> answer)
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    (void)::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size);
    (void)::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    (void)::listen(listener_, 64);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
  }

  RawWorker(const RawWorker&) = delete;
  RawWorker& operator=(const RawWorker&) = delete;

  ~RawWorker() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

  [[nodiscard]] int connections() const { return connections_; }

  // Requests that it has read.
  [[nodiscard]] EventCount& asked() { return asked_; }

  // Connections that it has closed, of its own accord.
  [[nodiscard]] EventCount& closed() { return closed_; }

 private:
  void accept_all() {
    std::vector<std::jthread> threads;
    std::vector<int> sockets;
    for (;;) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) {
        break;
      }
      ++connections_;
      sockets.push_back(socket);
      threads.emplace_back([this, socket] { serve(socket); });
    }
    for (const int socket : sockets) {
      ::shutdown(socket, SHUT_RDWR);
    }
    threads.clear();
    for (const int socket : sockets) {
      ::close(socket);
    }
  }

  void serve(int socket) {
    std::string inbox;
    for (;;) {
      const std::string request = take_message(socket, inbox);
      if (request.empty()) {
        return;
      }
      asked_.add();
      const Reaction reaction = answer_(request);
      send_all(socket, reaction.bytes);
      if (reaction.closes) {
        ::shutdown(socket, SHUT_RDWR);
        closed_.add();
        return;
      }
    }
  }

  std::function<Reaction(const std::string&)> answer_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  EventCount asked_;
  EventCount closed_;
  std::jthread acceptor_;
};

}  // namespace sluice::router
