// CurlTransport over real sockets: a scripted HTTP server on loopback, in a thread of its own.

#include "apiclient/curl_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/event_count_for_test.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One connection as the script sees it.
class Peer {
 public:
  explicit Peer(int socket) : socket_(socket) {}

  void send(const std::string& text) const {
    static_cast<void>(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL));
  }

  void respond(int status, const std::string& body) const {
    send("HTTP/1.1 " + std::to_string(status) + " X\r\nX-Name: value\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  // Waits until the other side closes.
  void wait_for_close() const {
    char byte = 0;
    while (::recv(socket_, &byte, 1, 0) > 0) {
    }
  }

 private:
  int socket_;
};

// Serves each connection in a thread: reads a request (head and body), calls the script, repeats
// until the script returns false or the peer goes.
class ScriptedServer {
 public:
  using Script = std::function<bool(const std::string& request, const Peer& peer)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
  }

  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) {
        ::shutdown(socket, SHUT_RDWR);
      }
    }
    threads_.clear();
    for (const int socket : sockets_) {
      ::close(socket);
    }
    ::close(listener_);
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept_all() {
    for (;;) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) {
        return;
      }
      ++connections_;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] { serve(socket); });
    }
  }

  void serve(int socket) {
    std::string bytes;
    char buffer[4096];
    for (;;) {
      const auto end = bytes.find("\r\n\r\n");
      std::size_t body = 0;
      if (end != std::string::npos) {
        const auto at = bytes.find("Content-Length: ");
        body = at < end ? std::stoul(bytes.substr(at + 16)) : 0;
      }
      if (end != std::string::npos && bytes.size() >= end + 4 + body) {
        const std::string request = bytes.substr(0, end + 4 + body);
        bytes.erase(0, request.size());
        if (!script_(request, Peer(socket))) {
          ::shutdown(socket, SHUT_RDWR);
          return;
        }
        continue;
      }
      const auto got = ::recv(socket, buffer, sizeof(buffer), 0);
      if (got <= 0) {
        return;
      }
      bytes.append(buffer, static_cast<std::size_t>(got));
    }
  }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

struct Exchange {
  std::vector<std::string> chunks;
  std::optional<Result<HttpResponse>> outcome;

  [[nodiscard]] ErrorCode code() const { return outcome->error().code; }
};

struct CurlTransportTest : testing::Test {
  CurlLoop loop;

  // Starts all requests and runs the loop until all have ended.
  std::vector<Exchange> run(CurlTransport& transport, const std::vector<HttpRequest>& requests) {
    std::vector<Exchange> exchanges(requests.size());
    std::size_t left = requests.size();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      transport.start(requests[i], {.on_done = [&, i](Result<HttpResponse> outcome) {
                        exchanges[i].outcome = std::move(outcome);
                        if (--left == 0) {
                          loop.stop();
                        }
                      }});
    }
    loop.run();
    return exchanges;
  }
};

bool echo(const std::string& request, const Peer& peer) {
  peer.respond(200, request);
  return true;
}

TEST_F(CurlTransportTest, CarriesMethodHeadersBodyAndToken) {
  const ScriptedServer server(echo);
  CurlTransport transport(loop, {.server = server.url(), .token = {.text = "secret"}});
  const auto done = run(transport,
                        {{.method = "PATCH",
                          .url = "/a?b=c",
                          .headers = {{"Content-Type", "application/x"}},
                          .body = "hello"}});
  ASSERT_TRUE(*done[0].outcome);
  const std::string seen = done[0].outcome->value().body;
  EXPECT_EQ(seen.find("PATCH /a?b=c HTTP/1.1\r\n"), 0U);
  for (const char* part : {"Authorization: Bearer secret\r\n",
                           "Content-Type: application/x\r\n",
                           "User-Agent: sluice/",
                           "\r\n\r\nhello"}) {
    EXPECT_NE(seen.find(part), std::string::npos) << part << "\n" << seen;
  }
  EXPECT_EQ(find_header(done[0].outcome->value().headers, "x-name"), "value");
}

TEST_F(CurlTransportTest, NeverGivesOurTokenToOtherHosts) {
  const ScriptedServer server(echo);
  CurlTransport transport(loop, {.server = "http://127.0.0.1:9", .token = {.text = "secret"}});
  const auto done = run(transport, {{.url = server.url() + "/counters"}});
  ASSERT_TRUE(*done[0].outcome);
  EXPECT_EQ(done[0].outcome->value().body.find("secret"), std::string::npos);
}

TEST_F(CurlTransportTest, UsesOneConnectionForRequestsInARow) {
  const ScriptedServer server(echo);
  CurlTransport transport(loop, {.server = server.url()});
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(*run(transport, {{.url = "/"}})[0].outcome);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlTransportTest, HoldsBackMoreThanItsSlotsButNeverTheUrgent) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::atomic<int> connections_at_urgent = 0;
  EventCount begun;
  EventCount urgent;
  const ScriptedServer server([&](const std::string& request, const Peer& peer) {
    if (request.find("/urgent") != std::string::npos) {
      EXPECT_TRUE(begun.wait_for(2));
      connections_at_urgent = server.connections();
      urgent.add();
    } else {
      const int here = ++now;
      int before = most;
      while (here > before && !most.compare_exchange_weak(before, here)) {
      }
      begun.add();
      EXPECT_TRUE(urgent.wait_for(1));  // Until then the slots are taken.
      --now;
    }
    peer.respond(200, "");
    return true;
  });
  CurlTransport transport(loop, {.server = server.url()}, {.in_flight_max = 2});
  std::vector<HttpRequest> requests(9, HttpRequest{.url = "/slow"});
  requests.push_back({.url = "/urgent", .is_urgent = true});
  for (const auto& done : run(transport, requests)) {
    EXPECT_TRUE(*done.outcome);
  }
  EXPECT_LE(most, 2);
  // It came last: all that were sent before it had connected.
  EXPECT_EQ(connections_at_urgent, 3);
}

TEST_F(CurlTransportTest, LetsABoundedNumberWait) {
  EventCount refused;
  const ScriptedServer server([&](const std::string&, const Peer& peer) {
    EXPECT_TRUE(refused.wait_for(1));  // Until then the one slot is taken.
    peer.respond(200, "");
    return true;
  });
  CurlTransport transport(loop, {.server = server.url()}, {.in_flight_max = 1, .waiting_max = 2});
  std::vector<std::string> outcomes(4);
  int left = 4;
  for (std::string& outcome : outcomes) {
    transport.start({.url = "/"}, {.on_done = [&](const Result<HttpResponse>& done) {
                      outcome = done ? "ok" : done.error().describe();
                      if (!done) {
                        refused.add();
                      }
                      if (--left == 0) {
                        loop.stop();
                      }
                    }});
  }
  loop.run();
  const std::string too_many = "throttled: too many requests wait for a free slot";
  EXPECT_EQ(outcomes, (std::vector<std::string>{"ok", "ok", "ok", too_many}));
}

TEST_F(CurlTransportTest, EndsAtTheDeadlineAndWhenRefusedOrCut) {
  const ScriptedServer server([](const std::string& request, const Peer& peer) {
    if (request.find("/hang") != std::string::npos) {
      peer.wait_for_close();
    } else {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part");
    }
    return false;
  });
  CurlTransport transport(loop, {.server = server.url()});
  const auto done = run(transport,
                        {{.url = "/hang", .deadline = milliseconds{150}},
                         {.url = "/cut"},
                         {.url = "http://127.0.0.1:1/refused"}});
  for (const auto& exchange : done) {
    ASSERT_FALSE(*exchange.outcome);
  }
  EXPECT_EQ(done[0].code(), ErrorCode::kTimeout);
  EXPECT_EQ(done[1].code(), ErrorCode::kUnavailable);
  EXPECT_EQ(done[2].code(), ErrorCode::kUnavailable);
  EXPECT_EQ(transport.in_flight(), 0U);
}

TEST_F(CurlTransportTest, RefusesAnAnswerThatIsTooLarge) {
  const ScriptedServer server([](const std::string&, const Peer& peer) {
    peer.respond(200, std::string(100'000, 'x'));
    return true;
  });
  CurlTransport transport(loop, {.server = server.url()});
  const auto done = run(transport, {{.url = "/", .body_bytes_max = 1000}});
  EXPECT_EQ(done[0].code(), ErrorCode::kInvalid);
}

TEST_F(CurlTransportTest, StreamsChunksAndNoticesSilence) {
  EventCount later;
  const ScriptedServer server([&later](const std::string&, const Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    EXPECT_TRUE(later.wait_for(1));
    peer.send("6\r\n world\r\n");
    peer.wait_for_close();
    return false;
  });
  CurlTransport transport(loop, {.server = server.url()});
  Exchange exchange;
  std::string text;
  MonotonicTime last_chunk;
  MonotonicTime ended;
  transport.start({.url = "/watch", .deadline = seconds{20}, .idle_timeout = milliseconds{400}},
                  {.on_done =
                       [&](Result<HttpResponse> outcome) {
                         exchange.outcome = std::move(outcome);
                         ended = loop.now();
                         later.add();
                         loop.stop();
                       },
                   .on_chunk =
                       [&](std::string_view bytes) {
                         text += bytes;
                         last_chunk = loop.now();
                         loop.call_after(milliseconds{100}, [&later] { later.add(); });
                       }});
  loop.run();
  EXPECT_EQ(text, "hello world");
  EXPECT_EQ(exchange.code(), ErrorCode::kTimeout);
  EXPECT_GE(ended - last_chunk, milliseconds{400});  // Each byte begins the wait anew.
}

TEST_F(CurlTransportTest, CallsNothingAfterACancelFromWithinItsOwnHandler) {
  const ScriptedServer server([](const std::string&, const Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nagain\r\n");
    peer.wait_for_close();
    return false;
  });
  CurlTransport transport(loop, {.server = server.url()});
  int chunks = 0;
  TransferId id;
  id = transport.start({.url = "/watch"},
                       {.on_done = [&](const Result<HttpResponse>&) { FAIL(); },
                        .on_chunk =
                            [&](std::string_view) {
                              ++chunks;
                              transport.cancel(id);
                              transport.start(
                                  {.url = "/next", .deadline = milliseconds{50}},
                                  {.on_done = [&](const Result<HttpResponse>&) { loop.stop(); }});
                            }});
  loop.run();
  EXPECT_EQ(chunks, 1);
}

TEST_F(CurlTransportTest, ReadsTheTokenAgainOnceWhenRefused) {
  const std::string path = testing::TempDir() + "curl_transport_token";
  std::ofstream(path) << "old";
  std::atomic<int> requests = 0;
  const ScriptedServer server([&](const std::string& request, const Peer& peer) {
    ++requests;
    const bool is_new = request.find("Bearer new") != std::string::npos;
    peer.respond(is_new ? 200 : 401, "");
    return true;
  });
  CurlTransport transport(loop, {.server = server.url(), .token = {.path = path}});
  EXPECT_EQ(run(transport, {{.url = "/"}})[0].outcome->value().status, 401);
  EXPECT_EQ(requests, 2);  // The old token, and the old one read again.
  std::ofstream(path) << "new";
  EXPECT_EQ(run(transport, {{.url = "/"}})[0].outcome->value().status, 200);
  EXPECT_EQ(requests, 4);
}

TEST_F(CurlTransportTest, IsDestroyedWithTransfersInFlight) {
  const ScriptedServer server([](const std::string&, const Peer& peer) {
    peer.wait_for_close();
    return false;
  });
  {
    CurlTransport transport(loop, {.server = server.url()}, {.in_flight_max = 1});
    for (int i = 0; i < 3; ++i) {
      transport.start({.url = "/"}, {.on_done = [](const Result<HttpResponse>&) { FAIL(); }});
    }
    loop.call_after(milliseconds{50}, [&] { loop.stop(); });
    loop.run();
  }
  loop.call_after(milliseconds{10}, [&] { loop.stop(); });
  loop.run();
}

TEST(CurlLoop, RunsTimersInOrderAndPostsFromOtherThreads) {
  CurlLoop loop;
  std::vector<int> order;
  loop.call_after(milliseconds{20}, [&] { order.push_back(3); });
  loop.call_after(milliseconds{10}, [&] { order.push_back(1); });
  loop.call_after(milliseconds{10}, [&] { order.push_back(2); });
  const TimerId never = loop.call_after(milliseconds{5}, [] { FAIL(); });
  loop.cancel(never);
  std::jthread other([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.post([&] { order.push_back(0); });
    }
    loop.post([&] { loop.call_after(milliseconds{40}, [&] { loop.stop(); }); });
  });
  loop.run();
  EXPECT_EQ(std::count(order.begin(), order.end(), 0), 1000);
  std::erase(order, 0);
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  EXPECT_LT(loop.since_last_turn(), seconds{1});
}

}  // namespace
}  // namespace sluice
