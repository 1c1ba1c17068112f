#include "base/http/acceptor.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http/raw_client_for_test.h"

namespace sluice::http {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Two loops that the test itself turns.
struct World {
  // The first goes first: in it waits an accept whose socket belongs to the second.
  boost::asio::io_context second{1};
  boost::asio::io_context first{1};
  // Without work a loop would end.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> first_guard{
      first.get_executor()};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> second_guard{
      second.get_executor()};
  ConnectionCount count;
  std::vector<tcp::socket> taken;
  std::vector<std::size_t> taken_by;
  Acceptor acceptor{{&first, &second}, count, [this](std::size_t loop, tcp::socket socket) {
                      taken.push_back(std::move(socket));
                      taken_by.push_back(loop);
                    }};

  Status start(std::size_t max_connections = 10) {
    return acceptor.start({.address = "127.0.0.1",
                           .max_connections = max_connections,
                           .too_many_connections = "It is \"full\"."});
  }

  // Whether it became so within ten seconds.
  [[nodiscard]] bool turn_until(const std::function<bool()>& is_so) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{10};
    while (!is_so() && std::chrono::steady_clock::now() < deadline) {
      first.run_one_for(milliseconds{10});
      second.poll();
    }
    return is_so();
  }
};

TEST(Acceptor, DealsConnectionsToTheLoopsInTurn) {
  World world;
  ASSERT_TRUE(world.start());
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(world.acceptor.port());
  }
  ASSERT_TRUE(world.turn_until([&] { return world.taken.size() == 4; }));
  std::ranges::sort(world.taken_by);
  EXPECT_EQ(world.taken_by, (std::vector<std::size_t>{0, 0, 1, 1}));
  EXPECT_EQ(world.count.open(), 4U);
}

TEST(Acceptor, RefusesOneTooManyAndTakesTheNextWhenOneHasGone) {
  World world;
  ASSERT_TRUE(world.start(1));
  const RawClient one(world.acceptor.port());
  RawClient too_many(world.acceptor.port());
  ASSERT_TRUE(world.turn_until([&] { return world.count.refused() == 1; }));
  EXPECT_EQ(too_many.receive(),
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nContent-Length: 69\r\n\r\n"
            R"({"error":{"code":"too_many_connections","message":"It is \"full\"."}})");
  ASSERT_TRUE(world.turn_until([&] { return world.taken.size() == 1; }));
  world.count.remove();
  const RawClient next(world.acceptor.port());
  EXPECT_TRUE(world.turn_until([&] { return world.taken.size() == 2; }));
  EXPECT_EQ(world.count.refused(), 1U);
}

TEST(Acceptor, GoesOnWhenDescriptorsWereShort) {
  World world;
  ASSERT_TRUE(world.start());
  const RawClient client(world.acceptor.port());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = ::dup(0);
  ASSERT_GE(lowest_free, 0);
  ::close(lowest_free);
  const rlimit none_left{.rlim_cur = static_cast<rlim_t>(lowest_free), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  EXPECT_EQ(world.first.run_one_for(seconds{10}), 1U);  // accept() fails.
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(world.taken.empty());
  EXPECT_EQ(world.first.poll(), 0U);  // It does not spin.
  EXPECT_TRUE(world.turn_until([&] { return world.taken.size() == 1; }));
}

TEST(Acceptor, TellsEachLoopThatItStopped) {
  World world;
  ASSERT_TRUE(world.start());
  const RawClient client(world.acceptor.port());
  ASSERT_TRUE(world.turn_until([&] { return world.taken.size() == 1; }));
  std::vector<std::size_t> told;
  world.acceptor.stop([&](std::size_t loop) { told.push_back(loop); });
  ASSERT_TRUE(world.turn_until([&] { return told.size() == 2; }));
  EXPECT_FALSE(world.count.wait_for_end(milliseconds{0}));
  world.count.remove();
  EXPECT_TRUE(world.count.wait_for_end(seconds{10}));
}

TEST(Acceptor, SaysWhyItCannotListen) {
  World world;
  ASSERT_TRUE(world.start());
  World other;
  const Status taken =
      other.acceptor.start({.address = "127.0.0.1", .port = world.acceptor.port()});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kUnavailable);
  World lost;
  const Status nowhere = lost.acceptor.start({.address = "localhost"});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace sluice::http
