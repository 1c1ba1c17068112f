#pragma once
// ClientSession: one client's connection, from accept to close. A read is always pending, so that a
// hang-up is seen while workers are busy. One query at a time; what a client sends ahead waits.
// Lane's thread. Internal, because it shows Asio.

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/http/request_parser.h"
#include "base/time.h"
#include "dataplane/router/lane_loop.h"

namespace sluice::router {

class Exchange;

// The head of an answer, and its body when it is held whole.
struct Answer {
  int status = 200;
  std::string reason = {};
  std::string headers = {};  // "Name: value\r\n" each; without length and connection.
  std::string body = {};
  std::optional<std::uint64_t> content_length = {};  // Of a stream; empty: not known.
};

class ClientSession : public std::enable_shared_from_this<ClientSession> {
 public:
  ClientSession(LaneLoop& loop, boost::asio::ip::tcp::socket socket);
  ~ClientSession();

  void start();
  void check_deadline(MonotonicTime now);
  // Closes now if no request has begun, else after its answer.
  void finish();

  // From the exchange, which is done with this session after each of these.
  void answer(Answer answer);
  void answer_error(int status, std::string_view code, std::string_view message);
  void exchange_left();  // Without an answer: the connection is closed.
  // A stream: start, parts (each is confirmed by Exchange::part_written), end.
  void start_stream(const Answer& head);
  void send_part(std::string part);
  void end_stream(std::string last_part);

 private:
  enum class Phase { kReading, kWaiting, kStreaming, kWriting, kLingering, kClosed };

  void set_phase(Phase phase, std::chrono::milliseconds allowed);
  void read_more();
  void on_read(const boost::system::error_code& error, std::size_t count);
  void process();
  void handle();
  void handle_query();
  void refuse(const http::Response& response);
  void respond(const http::Response& response);
  void write();
  void on_written();
  void write_stream();
  void linger();
  void close();
  void release_in_flight();
  [[nodiscard]] std::string head_of(const Answer& answer, std::optional<std::uint64_t> length);

  LaneLoop& loop_;
  boost::asio::ip::tcp::socket socket_;
  http::RequestParser parser_;
  Phase phase_ = Phase::kReading;
  MonotonicTime deadline_ = {};
  std::shared_ptr<Exchange> exchange_;
  std::array<char, 16 * 1024> read_buffer_ = {};
  bool is_reading_ = false;
  bool has_read_header_ = false;
  bool has_begun_ = false;
  bool client_closed_ = false;  // Its end of stream was seen.
  bool closes_ = false;         // After the answer.
  bool is_finishing_ = false;
  bool counts_in_flight_ = false;
  bool is_chunked_ = false;
  bool stream_has_ended_ = false;
  std::size_t bytes_ahead_ = 0;  // Of later requests, read while one is in work.
  std::string out_head_;
  std::string out_body_;
};

}  // namespace sluice::router
