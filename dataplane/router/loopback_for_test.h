#pragma once
// For the router's tests: a worker that answers with exactly the bytes it is told, and one that
// cannot be reached. Each used by one test.

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/event_count_for_test.h"
#include "base/http/raw_client_for_test.h"

namespace sluice::router {

using http::body_of;
using http::loopback;
using http::RawClient;
using http::send_all;
using http::take_message;

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
