#include "base/http/server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/http/raw_client_for_test.h"

namespace sluice::http {
namespace {

using std::chrono::milliseconds;

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

// A server with an echo of the request at /echo and an instant /health.
struct Fixture {
  explicit Fixture(ServerOptions options = {}) : server(with_loopback(std::move(options))) {
    server.route("POST", "/echo", [](const Request& request, Reply reply) {
      reply({.content_type = "text/plain", .body = request.query + "|" + request.body});
    });
    server.route("GET",
                 "/health",
                 [](const Request&, Reply reply) { reply({.body = "{}"}); },
                 {.exempt_from_limit = true});
  }

  static ServerOptions with_loopback(ServerOptions options) {
    options.address = "127.0.0.1";
    return options;
  }

  void start() {
    const Status started = server.start();
    ASSERT_TRUE(started) << started.error().message;
  }

  Server server;
};

TEST(HttpServer, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  Fixture f;
  f.start();
  RawClient client(f.server.port());
  const std::string one = "POST /echo?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none";
  const std::string two = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo";
  client.send(one + two);
  EXPECT_EQ(body_of(client.receive()), "a=1|one");
  EXPECT_EQ(body_of(client.receive()), "|two");
  client.send(one);
  EXPECT_EQ(body_of(client.receive()), "a=1|one");
  EXPECT_EQ(f.server.stats().connections, 1U);
}

TEST(HttpServer, ReadsARequestThatArrivesByteByByte) {
  Fixture f;
  f.start();
  RawClient client(f.server.port());
  for (const char c : std::string("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) {
    client.send(std::string_view(&c, 1));
  }
  EXPECT_EQ(body_of(client.receive()), "|abcde");
}

TEST(HttpServer, RefusesWhatIsWrongWithAClearStatus) {
  struct Case {
    std::string request;
    std::string status;
    std::string code;
    bool closes;
  };

  const std::vector<Case> cases = {
      {get("/nothing"), "404", "not_found", false},
      {get("/echo"), "405", "method_not_allowed", false},
      {"complete nonsense\r\n\r\n", "400", "malformed_request", true},
      {"GET / HTTP/1.1\r\nBad Header\r\n\r\n", "400", "malformed_request", true},
      {"POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400", "malformed_request", true},
      {"POST /echo HTTP/1.1\r\nContent-Length: 101\r\n\r\n", "413", "body_too_large", true},
      {"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n" + std::string(256, 'x') +
           "\r\n0\r\n\r\n",
       "413",
       "body_too_large",
       true},
      {"GET / HTTP/1.1\r\nX: " + std::string(5000, 'x'), "431", "headers_too_large", true},
      {std::string("GET /\0 HTTP/1.1\r\n\r\n", 19), "400", "malformed_request", true},
  };
  Fixture f({.max_header_bytes = 4096, .max_body_bytes = 100});
  f.start();
  for (const Case& c : cases) {
    RawClient client(f.server.port());
    client.send(c.request);
    const std::string response = client.receive();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 " + c.status + " ")) << c.request << response;
    EXPECT_TRUE(body_of(response).starts_with("{\"error\":{\"code\":\"" + c.code + "\""))
        << response;
    if (c.closes) {
      EXPECT_TRUE(client.is_closed());
    } else {
      client.send(get("/health"));
      EXPECT_EQ(body_of(client.receive()), "{}");
    }
  }
  EXPECT_EQ(f.server.stats().refused_bad, cases.size());
}

TEST(HttpServer, TellsASlowClientAndClosesAnIdleOne) {
  Fixture f({.header_deadline = milliseconds(60),
             .body_deadline = milliseconds(60),
             .idle_timeout = milliseconds(60)});
  f.start();
  RawClient header(f.server.port());
  header.send("GET / HT");
  EXPECT_TRUE(header.receive().starts_with("HTTP/1.1 408 "));
  RawClient body(f.server.port());
  body.send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(body.receive().starts_with("HTTP/1.1 408 "));
  RawClient idle(f.server.port());
  idle.send(get("/health"));
  EXPECT_EQ(body_of(idle.receive()), "{}");
  EXPECT_TRUE(idle.is_closed());
}

TEST(HttpServer, RefusesPastTheLimitInFlightButNotHealth) {
  Fixture f({.threads = 2, .max_in_flight = 1});
  std::promise<Reply> held;
  f.server.route(
      "GET", "/hold", [&held](const Request&, Reply reply) { held.set_value(std::move(reply)); });
  f.start();
  RawClient first(f.server.port());
  first.send(get("/hold"));
  Reply reply = held.get_future().get();
  RawClient second(f.server.port());
  second.send("POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  const std::string refused = second.receive();
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 429 ")) << refused;
  EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos);
  second.send(get("/health"));
  EXPECT_EQ(body_of(second.receive()), "{}");
  reply({.body = "late"});  // From a thread that is not the server's.
  EXPECT_EQ(body_of(first.receive()), "late");
  second.send("POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(body_of(second.receive()), "|");
  EXPECT_EQ(f.server.stats().refused_busy, 1U);
}

TEST(HttpServer, AnswersForAHandlerThatDoesNot) {
  Fixture f({.handler_deadline = milliseconds(60)});
  f.server.route("GET", "/drops", [](const Request&, Reply) {});
  std::optional<Reply> kept;
  f.server.route(
      "GET", "/hangs", [&kept](const Request&, Reply reply) { kept.emplace(std::move(reply)); });
  f.start();
  RawClient client(f.server.port());
  client.send(get("/drops"));
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 500 "));
  client.send(get("/hangs"));
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(f.server.stop(milliseconds(5000)));
  (*kept)({.body = "after the server has gone"});
}

TEST(HttpServer, SendsAPartOfAFileAndSharedMemoryAndHeads) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("http_test_" + std::to_string(::getpid()));
  std::string content(3'000'000, ' ');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>('a' + i % 23);
  }
  std::ofstream(path) << content;
  Fixture f;
  f.server.route("GET", "/file/*", [&path](const Request&, Reply reply) {
    reply({.file = FileSlice{.path = path.string(), .offset = 5, .length = 2'900'000}});
  });
  f.server.route("GET", "/short", [&path](const Request&, Reply reply) {
    reply({.file = FileSlice{.path = path.string(), .offset = 5, .length = 3'000'000}});
  });
  f.server.route("GET", "/shared", [&content](const Request&, Reply reply) {
    reply({.shared = SharedBytes{.owner = nullptr, .bytes = content}});
  });
  f.start();
  RawClient client(f.server.port());
  client.send(get("/file/x") + get("/shared") + get("/short"));
  EXPECT_EQ(body_of(client.receive()), content.substr(5, 2'900'000));
  EXPECT_EQ(body_of(client.receive()), content);
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 500 "));
  client.send("HEAD /file/x HTTP/1.1\r\n\r\n" + get("/health"));
  EXPECT_NE(client.receive(false).find("Content-Length: 2900000\r\n"), std::string::npos);
  EXPECT_EQ(body_of(client.receive()), "{}");
  std::filesystem::remove(path);
}

TEST(HttpServer, DrainsWithoutLosingARequest) {
  Fixture f;
  std::promise<Reply> held;
  f.server.route(
      "GET", "/hold", [&held](const Request&, Reply reply) { held.set_value(std::move(reply)); });
  f.start();
  const std::uint16_t port = f.server.port();
  RawClient busy(port);
  busy.send(get("/hold"));
  Reply reply = held.get_future().get();
  f.server.start_draining();
  RawClient late(port);
  late.send(get("/health"));
  const std::string answer = late.receive();
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  RawClient idle(port);
  auto stopped = std::async(std::launch::async, [&f] { return f.server.stop(milliseconds(5000)); });
  EXPECT_TRUE(idle.is_closed());
  reply({.body = "done"});
  EXPECT_EQ(body_of(busy.receive()), "done");
  EXPECT_TRUE(stopped.get());
  EXPECT_FALSE(RawClient(port).is_connected());
}

TEST(HttpServer, GivesUpOnARequestThatOutlivesTheDrainDeadline) {
  Fixture f;
  std::promise<Reply> held;
  f.server.route(
      "GET", "/hold", [&held](const Request&, Reply reply) { held.set_value(std::move(reply)); });
  f.start();
  RawClient client(f.server.port());
  client.send(get("/hold"));
  Reply reply = held.get_future().get();
  EXPECT_FALSE(f.server.stop(milliseconds(50)));
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpServer, RefusesOneConnectionTooMany) {
  Fixture f({.max_connections = 1});
  f.start();
  RawClient first(f.server.port());
  first.send(get("/health"));
  EXPECT_EQ(body_of(first.receive()), "{}");
  RawClient second(f.server.port());
  EXPECT_TRUE(second.receive().starts_with("HTTP/1.1 503 "));
}

TEST(HttpServer, AsksForTheBodyWhenTheClientWaitsForThat) {
  Fixture f;
  f.start();
  RawClient client(f.server.port());
  client.send("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(client.receive(false).starts_with("HTTP/1.1 100 "));
  client.send("hi");
  EXPECT_EQ(body_of(client.receive()), "|hi");
}

TEST(HttpServer, SaysWhyItCannotListen) {
  Fixture first;
  first.start();
  Server same({.address = "127.0.0.1", .port = first.server.port()});
  EXPECT_EQ(same.start().error().code, ErrorCode::kUnavailable);
  Server named({.address = "localhost"});
  EXPECT_EQ(named.start().error().code, ErrorCode::kInvalid);
}

TEST(HttpServer, ServesManyClientsOnManyThreads) {
  Fixture f({.threads = 4});
  f.start();
  std::vector<std::jthread> clients;
  std::atomic<int> good{0};
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&f, &good] {
      RawClient client(f.server.port());
      for (int i = 0; i < 200; ++i) {
        client.send("POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nok");
        good += body_of(client.receive()) == "|ok" ? 1 : 0;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(good, 1600);
}

TEST(HttpMessage, FindsHeadersAndParameters) {
  const Request request{.query = "a=1&b=x%20y+z&flag&bad=%zz",
                        .headers = {{"X-User-Id", "7"}, {"Host", "h"}}};
  EXPECT_EQ(request.header("x-user-id"), "7");
  EXPECT_EQ(request.header("absent"), "");
  EXPECT_EQ(request.query_parameter("b"), "x y z");
  EXPECT_EQ(request.query_parameter("flag"), "");
  EXPECT_EQ(request.query_parameter("bad"), "%zz");
  EXPECT_EQ(request.query_parameter("none"), std::nullopt);
}

TEST(HttpMessage, OfAnErrorIsJsonWhateverIsInIt) {
  EXPECT_EQ(error_response(400, "bad", "no \"\xFF\"").body,
            "{\"error\":{\"code\":\"bad\",\"message\":\"no \\\"\xEF\xBF\xBD\\\"\"}}");
}

}  // namespace
}  // namespace sluice::http
