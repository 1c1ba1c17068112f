#include "base/http/acceptor.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.h"
#include "base/http/message.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kRetry{100};

std::string refusal_text(const std::string& message) {
  const std::string body = error_response(503, "too_many_connections", message).body;
  return "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
         "Content-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

Acceptor::Acceptor(Loops loops, ConnectionCount& count, Take take)
    : loops_(std::move(loops)),
      count_(count),
      take_(std::move(take)),
      acceptor_(*loops_.at(0)),
      retry_(*loops_.at(0)) {}

Status Acceptor::start(const AcceptorOptions& options) {
  CHECK(!acceptor_.is_open());
  max_connections_ = options.max_connections;
  refusal_ = refusal_text(options.too_many_connections);
  SystemError error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return fail(ErrorCode::kInvalid, "\"" + options.address + "\" is not a numeric IP address");
  }
  const tcp::endpoint endpoint(address, options.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) {
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    acceptor_.bind(endpoint, error);
  }
  if (!error) {
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    return fail(ErrorCode::kUnavailable,
                "cannot listen on " + options.address + ":" + std::to_string(options.port) + ": " +
                    error.message());
  }
  port_ = acceptor_.local_endpoint(error).port();
  accept();
  return {};
}

void Acceptor::accept() {
  const std::size_t loop = next_loop_++ % loops_.size();
  acceptor_.async_accept(*loops_[loop], [this, loop](const SystemError& error, tcp::socket socket) {
    on_accept(error, loop, std::move(socket));
  });
}

void Acceptor::on_accept(const SystemError& error, std::size_t loop, tcp::socket socket) {
  if (!acceptor_.is_open()) {
    return;
  }
  if (error) {  // Out of descriptors, or the client has gone already.
    retry_.expires_after(kRetry);
    retry_.async_wait([this](const SystemError& cancelled) {
      if (!cancelled && acceptor_.is_open()) {
        accept();
      }
    });
    return;
  }
  if (count_.add(max_connections_)) {
    asio::post(*loops_[loop], [this, loop, moved = std::move(socket)]() mutable {
      take_(loop, std::move(moved));
    });
  } else {
    refuse(std::move(socket));
  }
  accept();
}

void Acceptor::refuse(tcp::socket socket) const {
  SystemError ignored;
  socket.send(asio::buffer(refusal_), MSG_DONTWAIT, ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Acceptor::stop(std::function<void(std::size_t loop)> then) {
  // From the first loop, so that connections it has handed over are ahead of the calls.
  asio::post(*loops_.front(), [this, then = std::move(then)] {
    SystemError ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    count_.close();
    for (std::size_t loop = 0; loop < loops_.size(); ++loop) {
      asio::post(*loops_[loop], [then, loop] { then(loop); });
    }
  });
}

}  // namespace sluice::http
