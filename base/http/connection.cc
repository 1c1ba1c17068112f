#include "base/http/connection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
using ErrorCodeOf = boost::system::error_code;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::size_t kLingerBytesMax = 1024 * 1024;
constexpr std::chrono::milliseconds kLingerTime{2000};

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

struct HeadInput {
  const Response& response;
  std::uint64_t length = 0;
  bool close = false;
  bool is_http_1_0 = false;
};

std::string head_of(const HeadInput& input) {
  const Response& response = input.response;
  std::string head;
  head.reserve(256);
  head += "HTTP/1.1 ";
  head += std::to_string(response.status);
  head += ' ';
  head += reason_of(response.status);
  head += "\r\nContent-Length: ";
  head += std::to_string(input.length);
  if (!response.content_type.empty()) {
    head += "\r\nContent-Type: ";
    head += response.content_type;
  }
  for (const Header& header : response.headers) {
    head += "\r\n";
    head += header.first;
    head += ": ";
    head += header.second;
  }
  if (input.close) {
    head += "\r\nConnection: close";
  } else if (input.is_http_1_0) {
    head += "\r\nConnection: keep-alive";
  }
  head += "\r\n\r\n";
  return head;
}

// Opens the slice's file; -1 if it is not there or ends before the slice does.
int open_slice(const FileSlice& slice) {
  const int file = ::open(slice.path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (file >= 0 &&
      (::fstat(file, &info) != 0 || static_cast<std::uint64_t>(info.st_size) < slice.offset ||
       static_cast<std::uint64_t>(info.st_size) - slice.offset < slice.length)) {
    ::close(file);
    return -1;
  }
  return file;
}

struct RouteMatch {
  const Route* route = nullptr;
  bool path_exists = false;
};

RouteMatch find_route(const std::vector<Route>& routes, const Request& request) {
  RouteMatch match;
  for (const Route& route : routes) {
    const bool fits =
        route.is_prefix ? request.path.starts_with(route.path) : request.path == route.path;
    if (!fits) {
      continue;
    }
    match.path_exists = true;
    if (route.method != request.method && !(request.method == "HEAD" && route.method == "GET")) {
      continue;
    }
    match.route = &route;
    if (!route.is_prefix) {
      break;
    }
  }
  return match;
}

std::string peer_of(const asio::ip::tcp::socket& socket) {
  ErrorCodeOf error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? std::string{}
               : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace

Connection::Connection(Shared& shared, Lane& lane, asio::ip::tcp::socket socket)
    : shared_(shared),
      lane_(lane),
      socket_(std::move(socket)),
      timer_(lane.context),
      parser_({.header_bytes_max = shared.options.max_header_bytes,
               .body_bytes_max = shared.options.max_body_bytes}),
      peer_(peer_of(socket_)) {}

Connection::~Connection() {
  if (phase_ != Phase::kClosed) {
    close();  // The loop was destroyed under us.
  }
}

void Connection::start() {
  lane_.connections.insert(this);
  ErrorCodeOf ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  set_phase(Phase::kIdle);
  arm_timer();
  read_more();
}

void Connection::finish() {
  closes_after_write_ = true;
  is_finishing_ = true;
  if (phase_ == Phase::kIdle || phase_ == Phase::kLingering) {
    close();
  }
}

std::chrono::milliseconds Connection::allowed(Phase phase) const {
  const ServerOptions& options = shared_.options;
  switch (phase) {
    case Phase::kIdle:
      return options.idle_timeout;
    case Phase::kHeader:
      return options.header_deadline;
    case Phase::kBody:
      return options.body_deadline;
    case Phase::kHandler:
      return options.handler_deadline;
    case Phase::kWriting:
      return options.write_deadline;
    case Phase::kLingering:
    case Phase::kClosed:
      return kLingerTime;
  }
  return kLingerTime;
}

void Connection::set_phase(Phase phase) {
  phase_ = phase;
  deadline_ = Clock::now() + allowed(phase);
}

// The timer ticks by itself and compares: moving a deadline costs one assignment a request
// instead of a change in the loop's queue of timers.
void Connection::arm_timer() {
  timer_.expires_at(std::min(deadline_, Clock::now() + shared_.tick));
  timer_.async_wait([self = shared_from_this()](const ErrorCodeOf& error) {
    if (error || self->phase_ == Phase::kClosed) {
      return;
    }
    if (Clock::now() >= self->deadline_) {
      self->on_deadline();
    }
    if (self->phase_ != Phase::kClosed) {
      self->arm_timer();
    }
  });
}

void Connection::on_deadline() {
  switch (phase_) {
    case Phase::kHeader:
    case Phase::kBody:
      refuse(error_response(408, "request_timeout", "The request did not arrive in time."));
      return;
    case Phase::kHandler: {
      release_in_flight();
      ++sequence_;  // The handler's own answer comes too late.
      closes_after_write_ = true;
      write(error_response(503, "handler_timeout", "The server did not answer in time."));
      return;
    }
    case Phase::kIdle:
    case Phase::kWriting:
    case Phase::kLingering:
    case Phase::kClosed:
      close();
      return;
  }
}

void Connection::read_more() {
  socket_.async_read_some(asio::buffer(read_buffer_),
                          [self = shared_from_this()](const ErrorCodeOf& error, std::size_t n) {
                            const bool reads = self->phase_ == Phase::kIdle ||
                                               self->phase_ == Phase::kHeader ||
                                               self->phase_ == Phase::kBody;
                            if (!reads) {
                              return;  // Refused for being late, or closed.
                            }
                            if (error) {
                              self->close();
                              return;
                            }
                            self->parser_.append({self->read_buffer_.data(), n});
                            self->process();
                          });
}

void Connection::process() {
  const RequestParser::State state = parser_.parse();
  if (state == RequestParser::State::kDone) {
    handle();
    return;
  }
  if (state == RequestParser::State::kBad) {
    refuse(parser_.refusal());
    return;
  }
  if (phase_ != Phase::kBody && parser_.has_header()) {
    set_phase(Phase::kBody);
  } else if (phase_ != Phase::kHeader && phase_ != Phase::kBody && parser_.has_begun()) {
    set_phase(Phase::kHeader);
  }
  if (parser_.take_expects_continue()) {
    // A few bytes into an empty send buffer: no need to wait, and no second write in flight.
    ErrorCodeOf ignored;
    socket_.send(asio::buffer(kContinue), MSG_DONTWAIT, ignored);
  }
  read_more();
}

void Connection::handle() {
  ++sequence_;
  set_phase(Phase::kHandler);
  closes_after_write_ = closes_after_write_ || !parser_.keep_alive();
  Request& request = parser_.request();
  request.peer = peer_;
  const RouteMatch match = find_route(shared_.routes, request);
  if (match.route == nullptr) {
    ++shared_.refused_bad;
    write(match.path_exists
              ? error_response(405, "method_not_allowed", "This path has no such method.")
              : error_response(404, "not_found", "There is nothing at this path."));
    return;
  }
  if (!match.route->options.exempt_from_limit) {
    if (shared_.in_flight.fetch_add(1) >= shared_.options.max_in_flight) {
      shared_.in_flight.fetch_sub(1);
      ++shared_.refused_busy;
      Response busy = error_response(429, "too_many_requests", "The server is at its limit.");
      busy.headers.emplace_back("Retry-After", "1");
      write(std::move(busy));
      return;
    }
    counts_in_flight_ = true;
  }
  ++shared_.requests;
  try {
    match.route->handler(request, make_reply());
  } catch (const std::exception& thrown) {
    // From a third party, let through by the handler; its Reply has answered 500.
    log_error("a handler threw", {{"path", request.path}, {"what", thrown.what()}});
  }
}

Reply Connection::make_reply() {
  return Reply([weak = weak_from_this(), gate = lane_.gate, sequence = sequence_](Response answer) {
    const std::lock_guard lock(gate->mutex);
    const std::shared_ptr<Connection> self = gate->is_open ? weak.lock() : nullptr;
    if (self != nullptr) {
      // At once on the lane's own thread, posted from any other.
      asio::dispatch(self->lane_.context, [self, sequence, moved = std::move(answer)]() mutable {
        self->on_reply(sequence, std::move(moved));
      });
    }
  });
}

void Connection::refuse(Response response) {
  ++shared_.refused_bad;
  closes_after_write_ = true;
  write(std::move(response));
}

void Connection::on_reply(std::uint64_t sequence, Response response) {
  if (phase_ != Phase::kHandler || sequence != sequence_) {
    return;
  }
  release_in_flight();
  write(std::move(response));
}

void Connection::release_in_flight() {
  if (counts_in_flight_) {
    counts_in_flight_ = false;
    shared_.in_flight.fetch_sub(1);
  }
}

void Connection::write(Response response) {
  set_phase(Phase::kWriting);
  body_offset_ = 0;
  body_left_ = 0;
  if (response.file) {
    file_ = open_slice(*response.file);
    if (file_ < 0) {
      response = error_response(500, "file_missing", "The file to send is not there.");
    } else {
      body_offset_ = response.file->offset;
      body_left_ = response.file->length;
    }
  } else if (response.shared) {
    body_left_ = response.shared->bytes.size();
    shared_body_ = std::move(response.shared);
  }
  const std::uint64_t length = body_left_ > 0 ? body_left_ : response.body.size();
  closes_after_write_ = closes_after_write_ || shared_.is_draining;
  out_ = head_of({.response = response,
                  .length = length,
                  .close = closes_after_write_,
                  .is_http_1_0 = parser_.is_http_1_0()});
  if (parser_.request().method == "HEAD") {
    body_left_ = 0;
  } else if (body_left_ == 0) {
    out_ += response.body;
  }
  asio::async_write(socket_,
                    asio::buffer(out_),
                    [self = shared_from_this()](const ErrorCodeOf& error, std::size_t) {
                      if (self->phase_ != Phase::kWriting) {
                        return;
                      }
                      if (error) {
                        self->close();
                        return;
                      }
                      self->write_next_piece();
                    });
}

void Connection::write_next_piece() {
  if (body_left_ == 0) {
    on_written();
    return;
  }
  set_phase(Phase::kWriting);  // Progress: a new deadline.
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, body_left_));
  asio::const_buffer piece;
  if (shared_body_) {
    piece = asio::buffer(shared_body_->bytes.data() + body_offset_, wanted);
  } else {
    out_.resize(wanted);
    const ssize_t got = ::pread(file_, out_.data(), wanted, static_cast<off_t>(body_offset_));
    if (got <= 0) {
      close();  // It shrank; the client sees a short body.
      return;
    }
    piece = asio::buffer(out_.data(), static_cast<std::size_t>(got));
  }
  asio::async_write(
      socket_, piece, [self = shared_from_this()](const ErrorCodeOf& error, std::size_t n) {
        if (self->phase_ != Phase::kWriting) {
          return;
        }
        if (error) {
          self->close();
          return;
        }
        self->body_offset_ += n;
        self->body_left_ -= n;
        self->write_next_piece();
      });
}

void Connection::on_written() {
  shared_body_.reset();
  if (file_ >= 0) {
    ::close(file_);
    file_ = -1;
  }
  if (is_finishing_) {
    close();
    return;
  }
  if (closes_after_write_) {
    linger();
    return;
  }
  parser_.next();
  set_phase(Phase::kIdle);
  process();
}

// Closing with unread bytes would reset the connection, and the client might lose our answer: send
// the end first, and read what still comes for a moment.
void Connection::linger() {
  if (phase_ != Phase::kLingering) {
    set_phase(Phase::kLingering);
    ErrorCodeOf ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
  socket_.async_read_some(asio::buffer(read_buffer_),
                          [self = shared_from_this()](const ErrorCodeOf& error, std::size_t n) {
                            if (self->phase_ != Phase::kLingering) {
                              return;
                            }
                            self->lingered_bytes_ += n;
                            if (error || self->lingered_bytes_ > kLingerBytesMax) {
                              self->close();
                              return;
                            }
                            self->linger();
                          });
}

void Connection::close() {
  CHECK(phase_ != Phase::kClosed);
  phase_ = Phase::kClosed;
  release_in_flight();
  lane_.connections.erase(this);
  timer_.cancel();
  if (file_ >= 0) {
    ::close(file_);
    file_ = -1;
  }
  ErrorCodeOf ignored;
  socket_.close(ignored);
  shared_.connections.remove();
}

}  // namespace sluice::http
