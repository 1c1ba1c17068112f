#include "bench/load/load_runner.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/json_view.h"
#include "base/machine.h"
#include "dataplane/router/response_reader.h"

namespace sluice::load {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using router::ResponseReader;
using SystemError = boost::system::error_code;

constexpr std::chrono::milliseconds kTick{1};
constexpr std::chrono::milliseconds kSweep{50};
constexpr std::chrono::seconds kIdleMax{30};
constexpr std::chrono::milliseconds kResolveRetry{500};
constexpr std::size_t kDetailMax = 200;

struct Query {
  MonotonicTime intended = {};
  std::size_t mark = 0;
  std::size_t body = 0;
};

bool is_quiet(tcp::socket& socket) {
  char byte = 0;
  const ssize_t got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

std::string problem_of(int status, std::string_view body, std::string_view revision) {
  if (status != 200) {
    return fmt::format("status {}", status);
  }
  const auto document = JsonDocument::parse(body);
  if (!document) {
    return "not JSON";
  }
  const auto hits = document->root().find("hits");
  if (!hits || hits->kind() != JsonKind::kArray) {
    return "no hits";
  }
  return revision.empty() ? "no X-Sluice-Revision" : "";
}

// One connection. Callbacks hold it, so that it may be dropped at any moment.
struct Link : std::enable_shared_from_this<Link> {
  explicit Link(asio::io_context& context) : socket(context) {}

  tcp::socket socket;
  std::array<char, 16 * 1024> buffer = {};
  std::optional<ResponseReader> reader;
  std::optional<Query> query;  // In work.
  MonotonicTime idle_since = {};
};

using LinkPointer = std::shared_ptr<Link>;

struct LoadRunner::State {
  State(LoadOptions its_options,
        const std::vector<std::string>& its_bodies,
        LoadStatistics& its_statistics)
      : options(std::move(its_options)), statistics(its_statistics) {
    target = *parse_target(options.url);
    for (const std::string& body : its_bodies) {
      requests.push_back(fmt::format(
          "POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\nContent-Length: "
          "{}\r\n\r\n{}",
          target.path,
          target.host,
          target.port,
          body.size(),
          body));
    }
  }

  LoadOptions options;
  LoadStatistics& statistics;
  std::function<bool()> is_told_to_stop;
  Target target;
  std::vector<std::string> requests;
  asio::io_context context{1};
  asio::steady_timer ticker{context};
  asio::steady_timer sweeper{context};
  tcp::resolver resolver{context};
  tcp::resolver::results_type addresses;
  bool is_resolving = false;
  std::set<LinkPointer> links;  // All.
  std::vector<LinkPointer> idle;
  std::deque<Query> waiting;
  std::size_t in_work = 0;
  MonotonicTime started = {};
  MonotonicTime next_line = {};
  std::uint64_t scheduled = 0;
  bool is_stopping = false;

  Status resolve_first();
  void resolve_again();
  void start();
  void tick();
  void sweep();
  void schedule(MonotonicTime intended);
  void pump();
  [[nodiscard]] LinkPointer take_idle();
  void connect(const LinkPointer& link);
  void send(const LinkPointer& link);
  void read(const LinkPointer& link);
  void on_answer(const LinkPointer& link);
  void fail(const LinkPointer& link, std::string reason, std::string detail);
  void finish(const LinkPointer& link, const Outcome& outcome);
  void drop(const LinkPointer& link);
  void report_lost(const Query& query, std::string reason);
};

Status LoadRunner::State::resolve_first() {
  const MonotonicTime deadline = monotonic_now() + options.wait;
  for (;;) {
    SystemError error;
    addresses = resolver.resolve(target.host, target.port, error);
    if (!error && !addresses.empty()) {
      return {};
    }
    if (monotonic_now() >= deadline || is_told_to_stop()) {
      return sluice::fail(ErrorCode::kUnavailable,
                          fmt::format("{}: {}", target.host, error.message()));
    }
    asio::steady_timer pause(context, kResolveRetry);
    pause.wait();
  }
}

// After a connection could not be made: the name may lead elsewhere now.
void LoadRunner::State::resolve_again() {
  if (std::exchange(is_resolving, true)) {
    return;
  }
  resolver.async_resolve(
      target.host,
      target.port,
      [this](const SystemError& error, const tcp::resolver::results_type& found) {
        is_resolving = false;
        if (!error && !found.empty()) {
          addresses = found;
        }
      });
}

void LoadRunner::State::start() {
  started = monotonic_now();
  next_line = started + std::chrono::seconds{1};
  tick();
  sweep();
}

void LoadRunner::State::tick() {
  const MonotonicTime now = monotonic_now();
  const bool is_over = options.duration > Duration{0} && now - started >= options.duration;
  is_stopping = is_stopping || is_over || is_told_to_stop();
  while (!is_stopping) {
    const auto offset =
        std::chrono::duration<double>(static_cast<double>(scheduled) / options.rate);
    const MonotonicTime due = started + std::chrono::duration_cast<Duration>(offset);
    if (due > now) {
      break;
    }
    ++scheduled;
    schedule(due);
  }
  pump();
  if (now >= next_line) {
    next_line = next_line + std::chrono::seconds{1};
    fmt::print(stderr, "{}\n", statistics.progress_line(wall_now()));
  }
  if (is_stopping && waiting.empty() && in_work == 0) {
    context.stop();
    return;
  }
  ticker.expires_after(kTick);
  ticker.async_wait([this](const SystemError& error) {
    if (!error) {
      tick();
    }
  });
}

void LoadRunner::State::schedule(MonotonicTime intended) {
  const Query query{.intended = intended,
                    .mark = statistics.sent(),
                    .body = static_cast<std::size_t>(scheduled % requests.size())};
  if (waiting.size() + in_work >= static_cast<std::size_t>(options.max_in_flight)) {
    report_lost(query, "overflow");
    return;
  }
  waiting.push_back(query);
}

void LoadRunner::State::report_lost(const Query& query, std::string reason) {
  statistics.done(query.mark,
                  {.reason = std::move(reason), .detail = "not sent: too much is under way"},
                  wall_now());
}

void LoadRunner::State::pump() {
  while (!waiting.empty()) {
    LinkPointer link = take_idle();
    if (link == nullptr && links.size() >= static_cast<std::size_t>(options.connections)) {
      return;
    }
    const bool is_new = link == nullptr;
    if (is_new) {
      link = std::make_shared<Link>(context);
      links.insert(link);
    }
    link->query = waiting.front();
    link->reader.emplace();
    waiting.pop_front();
    ++in_work;
    if (is_new) {
      connect(link);
    } else {
      send(link);
    }
  }
}

LinkPointer LoadRunner::State::take_idle() {
  while (!idle.empty()) {
    LinkPointer link = std::move(idle.back());
    idle.pop_back();
    if (is_quiet(link->socket)) {
      return link;
    }
    drop(link);
  }
  return nullptr;
}

void LoadRunner::State::connect(const LinkPointer& link) {
  asio::async_connect(
      link->socket, addresses, [this, link](const SystemError& error, const tcp::endpoint&) {
        if (!link->query) {
          return;
        }
        if (error) {
          resolve_again();
          fail(link, "connect", error.message());
          return;
        }
        SystemError ignored;
        link->socket.set_option(tcp::no_delay(true), ignored);
        send(link);
      });
}

void LoadRunner::State::send(const LinkPointer& link) {
  asio::async_write(link->socket,
                    asio::buffer(requests[link->query->body]),
                    [this, link](const SystemError& error, std::size_t) {
                      if (!link->query) {
                        return;
                      }
                      if (error) {
                        fail(link, "send", error.message());
                        return;
                      }
                      read(link);
                    });
}

void LoadRunner::State::read(const LinkPointer& link) {
  link->socket.async_read_some(
      asio::buffer(link->buffer), [this, link](const SystemError& error, std::size_t count) {
        if (!link->query) {
          return;
        }
        const ResponseReader::State state =
            error ? link->reader->end_of_stream() : link->reader->put({link->buffer.data(), count});
        if (state == ResponseReader::State::kDone) {
          on_answer(link);
        } else if (error) {
          const bool has_begun = link->reader->has_head();
          fail(link, has_begun ? "truncated" : "reset", error.message());
        } else if (state == ResponseReader::State::kBad) {
          fail(link, "not HTTP", std::string(link->buffer.data(), std::min(count, kDetailMax)));
        } else {
          read(link);
        }
      });
}

void LoadRunner::State::on_answer(const LinkPointer& link) {
  ResponseReader& reader = *link->reader;
  Outcome outcome{.latency = monotonic_now() - link->query->intended};
  outcome.reason = problem_of(reader.status(), reader.body(), reader.revision());
  outcome.is_ok = outcome.reason.empty();
  outcome.revision = reader.revision();
  if (!outcome.is_ok) {
    outcome.detail = reader.body().substr(0, kDetailMax);
  }
  const bool stays = reader.keep_alive();
  finish(link, outcome);
  if (!stays) {
    drop(link);
    return;
  }
  link->idle_since = monotonic_now();
  idle.push_back(link);
  pump();
}

void LoadRunner::State::finish(const LinkPointer& link, const Outcome& outcome) {
  CHECK(link->query && in_work > 0);
  --in_work;
  statistics.done(link->query->mark, outcome, wall_now());
  link->query.reset();
}

void LoadRunner::State::fail(const LinkPointer& link, std::string reason, std::string detail) {
  finish(link, {.reason = std::move(reason), .detail = std::move(detail)});
  drop(link);
}

void LoadRunner::State::drop(const LinkPointer& link) {
  SystemError ignored;
  link->socket.close(ignored);
  links.erase(link);
}

// What takes too long, and connections that nobody needs any more.
void LoadRunner::State::sweep() {
  const MonotonicTime now = monotonic_now();
  const std::vector<LinkPointer> all(links.begin(), links.end());
  for (const LinkPointer& link : all) {
    if (link->query && now - link->query->intended > options.timeout) {
      fail(link, "timeout", "no answer within " + format_duration(options.timeout));
    }
  }
  while (!waiting.empty() && now - waiting.front().intended > options.timeout) {
    report_lost(waiting.front(), "timeout");
    waiting.pop_front();
  }
  std::erase_if(idle, [this, now](const LinkPointer& link) {
    const bool is_old = now - link->idle_since > kIdleMax;
    if (is_old) {
      drop(link);
    }
    return is_old;
  });
  sweeper.expires_after(kSweep);
  sweeper.async_wait([this](const SystemError& error) {
    if (!error) {
      sweep();
    }
  });
}

LoadRunner::LoadRunner(LoadOptions options,
                       const std::vector<std::string>& bodies,
                       LoadStatistics& statistics)
    : state_(std::make_unique<State>(std::move(options), bodies, statistics)) {}

LoadRunner::~LoadRunner() = default;

Status LoadRunner::run(const std::function<bool()>& is_told_to_stop) {
  state_->is_told_to_stop = is_told_to_stop;
  if (Status status = state_->resolve_first(); !status) {
    return status;
  }
  state_->start();
  state_->context.run();
  return {};
}

}  // namespace sluice::load
