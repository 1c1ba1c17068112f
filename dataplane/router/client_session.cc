#include "dataplane/router/client_session.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "base/check.h"
#include "base/machine.h"
#include "base/text.h"
#include "dataplane/router/exchange.h"
#include "dataplane/router/pages.h"
#include "dataplane/router/response_reader.h"

namespace sluice::router {
namespace {

namespace asio = boost::asio;
using SystemError = boost::system::error_code;

constexpr std::string_view kDeadlineHeader = "X-Sluice-Deadline-Ms";
constexpr std::int64_t kDeadlineMsMin = 10;
constexpr std::int64_t kDeadlineMsMax = 600'000;
constexpr std::size_t kBytesAheadMax = 64 * 1024;
constexpr std::size_t kLingerBytesMax = 1024 * 1024;
constexpr std::chrono::milliseconds kLingerTime{2000};
constexpr std::chrono::milliseconds kNoDeadline{std::chrono::hours{24}};

bool same_name(std::string_view a, std::string_view lower_b) {
  if (a.size() != lower_b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != lower_b[i]) {
      return false;
    }
  }
  return true;
}

// The request as workers get it: end-to-end headers, our own framing.
std::shared_ptr<const UpstreamRequest> request_for_workers(http::Request& request) {
  auto out = std::make_shared<UpstreamRequest>();
  std::string& head = out->head;
  head.reserve(512);
  head += "POST ";
  head += request.path;
  if (!request.query.empty()) {
    head += '?';
    head += request.query;
  }
  head += " HTTP/1.1\r\n";
  bool has_host = false;
  for (const auto& [name, value] : request.headers) {
    if (is_hop_by_hop(name) || same_name(name, "content-length")) {
      continue;
    }
    has_host = has_host || same_name(name, "host");
    head += name;
    head += ": ";
    head += value;
    head += "\r\n";
  }
  if (!has_host) {
    head += "Host: sluice\r\n";
  }
  head += "Content-Length: ";
  head += std::to_string(request.body.size());
  head += "\r\n\r\n";
  out->body = std::move(request.body);
  return out;
}

// Empty when the header is absent; -1 when it is nonsense.
std::optional<std::int64_t> deadline_of(const http::Request& request) {
  const std::string_view text = request.header(kDeadlineHeader);
  if (text.empty()) {
    return std::nullopt;
  }
  const auto value = parse_number<std::int64_t>(text).value_or(-1);
  return value >= kDeadlineMsMin && value <= kDeadlineMsMax ? value : -1;
}

std::string header_text(const http::Response& response) {
  std::string text = "Content-Type: " + response.content_type + "\r\n";
  for (const auto& [name, value] : response.headers) {
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  }
  return text;
}

}  // namespace

ClientSession::ClientSession(LaneLoop& loop, asio::ip::tcp::socket socket)
    : loop_(loop),
      socket_(std::move(socket)),
      parser_({.header_bytes_max = loop.shared().options.max_header_bytes,
               .body_bytes_max = loop.shared().options.max_body_bytes}) {
  loop_.add(*this);
}

ClientSession::~ClientSession() {
  if (phase_ != Phase::kClosed) {
    close();  // The loop was destroyed under us.
  }
}

void ClientSession::start() {
  SystemError ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  set_phase(Phase::kReading, loop_.shared().options.idle_timeout);
  read_more();
}

void ClientSession::finish() {
  closes_ = true;
  is_finishing_ = true;
  if ((phase_ == Phase::kReading && !parser_.has_begun()) || phase_ == Phase::kLingering) {
    close();
  }
}

void ClientSession::set_phase(Phase phase, std::chrono::milliseconds allowed) {
  phase_ = phase;
  deadline_ = monotonic_now() + allowed;
}

void ClientSession::check_deadline(MonotonicTime now) {
  if (now < deadline_) {
    return;
  }
  const std::shared_ptr<ClientSession> self = shared_from_this();
  if (phase_ == Phase::kReading && has_begun_) {
    refuse(http::error_response(408, "request_timeout", "The request did not arrive in time."));
  } else if (phase_ != Phase::kWaiting && phase_ != Phase::kClosed) {
    close();
  }
}

void ClientSession::read_more() {
  CHECK(!is_reading_);
  is_reading_ = true;
  socket_.async_read_some(asio::buffer(read_buffer_),
                          [self = shared_from_this()](const SystemError& error, std::size_t count) {
                            self->is_reading_ = false;
                            self->on_read(error, count);
                          });
}

void ClientSession::on_read(const SystemError& error, std::size_t count) {
  switch (phase_) {
    case Phase::kClosed:
      return;
    case Phase::kLingering:
      bytes_ahead_ += count;
      if (error || bytes_ahead_ > kLingerBytesMax) {
        close();
        return;
      }
      read_more();
      return;
    case Phase::kWriting:
      client_closed_ = client_closed_ || error;
      break;
    case Phase::kReading:
    case Phase::kWaiting:
    case Phase::kStreaming:
      if (error) {
        close();
        return;
      }
      break;
  }
  if (error) {
    return;
  }
  parser_.append({read_buffer_.data(), count});
  if (phase_ == Phase::kReading) {
    process();
    return;
  }
  bytes_ahead_ += count;
  if (bytes_ahead_ < kBytesAheadMax) {
    read_more();
  }
}

void ClientSession::process() {
  const http::RequestParser::State state = parser_.parse();
  if (state == http::RequestParser::State::kDone) {
    if (!is_reading_) {
      read_more();  // From now on for the sake of a hang-up.
    }
    handle();
    return;
  }
  if (state == http::RequestParser::State::kBad) {
    refuse(parser_.refusal());
    return;
  }
  const ProxyOptions& options = loop_.shared().options;
  if (parser_.has_header() && !has_read_header_) {
    has_read_header_ = true;
    has_begun_ = true;
    set_phase(Phase::kReading, options.body_deadline);
  } else if (parser_.has_begun() && !has_begun_) {
    has_begun_ = true;
    set_phase(Phase::kReading, options.header_deadline);
  }
  if (parser_.take_expects_continue()) {
    // A few bytes into an empty send buffer: no need to wait.
    SystemError ignored;
    socket_.send(
        asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), MSG_DONTWAIT, ignored);
  }
  if (!is_reading_) {
    read_more();
  }
}

void ClientSession::handle() {
  closes_ = closes_ || !parser_.keep_alive();
  const http::Request& request = parser_.request();
  if (request.path == "/query") {
    if (request.method == "POST") {
      handle_query();
      return;
    }
    respond(http::error_response(405, "method_not_allowed", "Queries are sent by POST."));
    return;
  }
  respond(page_for(request, loop_.router(), loop_.shared()));
}

void ClientSession::handle_query() {
  ProxyShared& shared = loop_.shared();
  http::Request& request = parser_.request();
  const std::optional<std::int64_t> deadline = deadline_of(request);
  if (deadline == -1) {
    ++shared.refused_bad;
    respond(http::error_response(400,
                                 "invalid_deadline",
                                 fmt::format("{} is a whole number from {} to {}.",
                                             kDeadlineHeader,
                                             kDeadlineMsMin,
                                             kDeadlineMsMax)));
    return;
  }
  if (shared.in_flight.fetch_add(1) >= shared.options.max_in_flight) {
    shared.in_flight.fetch_sub(1);
    ++shared.refused_busy;
    http::Response busy = http::error_response(
        429, "too_many_queries", "The router has as many queries in work as it may.");
    busy.headers.emplace_back("Retry-After", "1");
    respond(busy);
    return;
  }
  counts_in_flight_ = true;
  set_phase(Phase::kWaiting, kNoDeadline);
  auto exchange = std::make_shared<Exchange>(loop_, *this, request_for_workers(request));
  exchange_ = exchange;
  exchange->begin(
      {.allowed = deadline ? std::optional(std::chrono::milliseconds{*deadline}) : std::nullopt,
       .header = [&request](std::string_view name) { return request.header(name); }});
}

void ClientSession::release_in_flight() {
  if (counts_in_flight_) {
    counts_in_flight_ = false;
    loop_.shared().in_flight.fetch_sub(1);
  }
}

std::string ClientSession::head_of(const Answer& answer, std::optional<std::uint64_t> length) {
  closes_ = closes_ || loop_.router().is_draining();
  std::string head;
  head.reserve(answer.headers.size() + answer.reason.size() + 96);
  head += "HTTP/1.1 ";
  head += std::to_string(answer.status);
  head += ' ';
  head += answer.reason;
  head += "\r\n";
  head += answer.headers;
  if (length) {
    head += "Content-Length: ";
    head += std::to_string(*length);
    head += "\r\n";
  } else if (is_chunked_) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  if (closes_) {
    head += "Connection: close\r\n";
  } else if (parser_.is_http_1_0()) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

void ClientSession::answer(Answer answer) {
  CHECK(phase_ == Phase::kWaiting);
  exchange_.reset();
  release_in_flight();
  out_head_ = head_of(answer, answer.body.size());
  out_body_ = std::move(answer.body);
  write();
}

void ClientSession::answer_error(int status, std::string_view code, std::string_view message) {
  CHECK(phase_ == Phase::kWaiting);
  exchange_.reset();
  release_in_flight();
  http::Response response = http::error_response(status, code, message);
  if (status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  respond(response);
}

void ClientSession::exchange_left() {
  exchange_.reset();
  if (phase_ != Phase::kClosed) {
    close();
  }
}

void ClientSession::refuse(const http::Response& response) {
  ++loop_.shared().refused_bad;
  closes_ = true;
  respond(response);
}

void ClientSession::respond(const http::Response& response) {
  const bool is_head = parser_.request().method == "HEAD";
  const Answer answer{.status = response.status,
                      .reason = std::string(reason_of(response.status)),
                      .headers = header_text(response)};
  out_head_ = head_of(answer, response.body.size());
  out_body_ = is_head ? std::string{} : response.body;
  write();
}

void ClientSession::write() {
  set_phase(Phase::kWriting, loop_.shared().options.write_deadline);
  const std::array<asio::const_buffer, 2> parts{asio::buffer(out_head_), asio::buffer(out_body_)};
  asio::async_write(
      socket_, parts, [self = shared_from_this()](const SystemError& error, std::size_t) {
        if (self->phase_ != Phase::kWriting) {
          return;
        }
        if (error) {
          self->close();
          return;
        }
        self->on_written();
      });
}

void ClientSession::on_written() {
  out_body_.clear();
  if (is_finishing_ || client_closed_) {
    close();
    return;
  }
  if (closes_) {
    linger();
    return;
  }
  parser_.next();
  has_begun_ = false;
  has_read_header_ = false;
  bytes_ahead_ = 0;
  set_phase(Phase::kReading, loop_.shared().options.idle_timeout);
  if (parser_.has_begun()) {
    process();
  } else if (!is_reading_) {
    read_more();
  }
}

void ClientSession::start_stream(const Answer& head) {
  CHECK(phase_ == Phase::kWaiting);
  is_chunked_ = !head.content_length && !parser_.is_http_1_0();
  closes_ = closes_ || (!head.content_length && parser_.is_http_1_0());
  stream_has_ended_ = false;
  set_phase(Phase::kStreaming, kNoDeadline);
  out_head_ = head_of(head, head.content_length);
  is_chunked_ = is_chunked_ && !head.content_length;
}

void ClientSession::send_part(std::string part) {
  if (is_chunked_) {
    out_head_ += fmt::format("{:x}\r\n", part.size());
    part += "\r\n";
  }
  out_body_ = std::move(part);
  write_stream();
}

void ClientSession::end_stream(std::string last_part) {
  exchange_.reset();
  release_in_flight();
  stream_has_ended_ = true;
  if (is_chunked_) {
    if (!last_part.empty()) {
      out_head_ += fmt::format("{:x}\r\n", last_part.size());
      last_part += "\r\n";
    }
    last_part += "0\r\n\r\n";
  }
  is_chunked_ = false;
  out_body_ = std::move(last_part);
  write();
}

void ClientSession::write_stream() {
  const std::array<asio::const_buffer, 2> parts{asio::buffer(out_head_), asio::buffer(out_body_)};
  asio::async_write(
      socket_, parts, [self = shared_from_this()](const SystemError& error, std::size_t) {
        if (self->phase_ != Phase::kStreaming) {
          return;
        }
        if (error) {
          self->close();
          return;
        }
        self->out_head_.clear();
        self->out_body_.clear();
        if (self->exchange_ != nullptr) {
          self->exchange_->part_written();
        }
      });
}

// Closing with unread bytes would reset the connection, and the client might lose our answer: send
// the end first, and read what still comes for a moment.
void ClientSession::linger() {
  set_phase(Phase::kLingering, kLingerTime);
  bytes_ahead_ = 0;
  SystemError ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  if (!is_reading_) {
    read_more();
  }
}

void ClientSession::close() {
  CHECK(phase_ != Phase::kClosed);
  phase_ = Phase::kClosed;
  release_in_flight();
  loop_.remove(*this);
  SystemError ignored;
  socket_.close(ignored);
  if (const std::shared_ptr<Exchange> exchange = std::exchange(exchange_, nullptr)) {
    exchange->client_gone();
  }
  loop_.shared().connections.remove();
}

}  // namespace sluice::router
