#pragma once
// The router's side of the workers: UpstreamConnection, UpstreamPool (idle keep-alive connections
// of one lane) and UpstreamCall (one attempt). All live on one lane's thread. Internal, because it
// shows Asio.

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/router/core/query.h"
#include "dataplane/router/response_reader.h"

namespace sluice::router {

class Exchange;
class UpstreamPool;

inline constexpr std::size_t kHeldBytesMax = 1024 * 1024;
// Of a body that nobody wants; one that goes on is a failure, and costs no more.
inline constexpr std::size_t kDiscardedBytesMax = std::size_t{16} * 1024 * 1024;

struct UpstreamConnection {
  UpstreamConnection(boost::asio::io_context& context, EndpointPointer to)
      : socket(context), endpoint(std::move(to)) {}

  boost::asio::ip::tcp::socket socket;
  EndpointPointer endpoint;
  MonotonicTime idle_since = {};
  std::array<char, 16 * 1024> buffer = {};
};

class UpstreamPool {
 public:
  // An idle connection that the worker has not closed, or null.
  [[nodiscard]] std::unique_ptr<UpstreamConnection> take(const EndpointPointer& endpoint);
  void give(std::unique_ptr<UpstreamConnection> connection, MonotonicTime now);
  // Closes what was idle for long or leads to a worker that is no longer used.
  void sweep(MonotonicTime now);

  void clear() { idle_.clear(); }

 private:
  std::map<const Endpoint*, std::vector<std::unique_ptr<UpstreamConnection>>> idle_;
};

// What is sent to a worker; shared by the attempts of one query.
struct UpstreamRequest {
  std::string head = {};
  std::string body = {};
};

// Tells its Exchange, once, how it ended; nothing after cancel().
class UpstreamCall : public std::enable_shared_from_this<UpstreamCall> {
 public:
  struct Setup {
    boost::asio::io_context& context;
    UpstreamPool& pool;
    Exchange& owner;
    Slot slot;
    EndpointPointer endpoint;
    std::shared_ptr<const UpstreamRequest> request;
    bool discards = false;  // From the start, as discard().
  };

  explicit UpstreamCall(Setup setup);

  void start(MonotonicTime now);
  void cancel();
  // Fails the call if it has been connecting for too long.
  void check_connecting(MonotonicTime now);

  [[nodiscard]] ResponseReader& response() { return reader_; }

  // From now on parts of the body go to Exchange::part_arrived() and reading waits for resume().
  void stream() { mode_ = Mode::kStreaming; }

  void resume() { read_more(); }

  // Nobody wants the body: it is looked at, not kept.
  void discard() { mode_ = Mode::kDiscarding; }

 private:
  enum class Mode { kHolding, kStreaming, kDiscarding };

  // Whether what has come looks like a JSON object. Cheap: a whole parse would take longer than the
  // rest of the work.
  struct BodyEnds {
    char first = 0;  // That is no space; 0: none yet.
    char last = 0;

    void add(std::string_view part);

    [[nodiscard]] bool are_of_object() const { return first == '{' && last == '}'; }
  };

  void connect();
  void send();
  void read_more();
  void on_bytes(std::size_t count);
  void on_end_of_stream();
  void on_response_done();
  // True if reading goes on at once.
  [[nodiscard]] bool handle_part();
  void fail(FailureClass failure, bool has_response = false);
  void finish(AttemptEnd end);

  boost::asio::io_context& context_;
  UpstreamPool& pool_;
  Exchange* owner_;  // Null once ended or cancelled.
  Slot slot_;
  EndpointPointer endpoint_;
  std::shared_ptr<const UpstreamRequest> request_;
  std::unique_ptr<UpstreamConnection> connection_;
  ResponseReader reader_;
  Mode mode_;
  BodyEnds body_ends_ = {};  // Of a body that is not streamed.
  std::size_t discarded_bytes_ = 0;
  bool is_connecting_ = false;
  MonotonicTime connect_deadline_ = {};
};

}  // namespace sluice::router
