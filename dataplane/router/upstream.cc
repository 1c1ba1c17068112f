#include "dataplane/router/upstream.h"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "base/check.h"
#include "base/machine.h"
#include "dataplane/router/exchange.h"

namespace sluice::router {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using SystemError = boost::system::error_code;

// Workers keep an idle connection for 75 s: we let go first, so that no request meets a close.
constexpr std::chrono::seconds kIdleMax{30};
constexpr std::size_t kIdlePerEndpointMax = 256;
constexpr std::chrono::milliseconds kConnectTime{1000};

// The worker neither closed it nor sent anything unasked.
bool is_quiet(tcp::socket& socket) {
  char byte = 0;
  const ssize_t got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// Statuses by which a worker answers a query; 4xx of these are the client's own fault. All others
// (5xx, 429, and such as 404, which no worker says to POST /query) are failures of the worker.
bool is_answer(int status) {
  return (status >= 200 && status < 300) || status == 400 || status == 413 || status == 415 ||
         status == 422;
}

}  // namespace

void UpstreamCall::BodyEnds::add(std::string_view part) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t at = part.find_first_not_of(kSpace);
  if (at == std::string_view::npos) {
    return;
  }
  first = first == 0 ? part[at] : first;
  last = part[part.find_last_not_of(kSpace)];
}

std::unique_ptr<UpstreamConnection> UpstreamPool::take(const EndpointPointer& endpoint) {
  const auto found = idle_.find(endpoint.get());
  while (found != idle_.end() && !found->second.empty()) {
    std::unique_ptr<UpstreamConnection> connection = std::move(found->second.back());
    found->second.pop_back();
    if (is_quiet(connection->socket)) {
      return connection;
    }
  }
  return nullptr;
}

void UpstreamPool::give(std::unique_ptr<UpstreamConnection> connection, MonotonicTime now) {
  if (connection->endpoint->is_removed) {
    return;
  }
  auto& idle = idle_[connection->endpoint.get()];
  if (idle.size() < kIdlePerEndpointMax) {
    connection->idle_since = now;
    idle.push_back(std::move(connection));
  }
}

void UpstreamPool::sweep(MonotonicTime now) {
  for (auto& [endpoint, idle] : idle_) {
    std::erase_if(idle, [now](const std::unique_ptr<UpstreamConnection>& connection) {
      return connection->endpoint->is_removed || now - connection->idle_since > kIdleMax;
    });
  }
  std::erase_if(idle_, [](const auto& entry) { return entry.second.empty(); });
}

UpstreamCall::UpstreamCall(Setup setup)
    : context_(setup.context),
      pool_(setup.pool),
      owner_(&setup.owner),
      slot_(setup.slot),
      endpoint_(std::move(setup.endpoint)),
      request_(std::move(setup.request)),
      mode_(setup.discards ? Mode::kDiscarding : Mode::kHolding) {}

void UpstreamCall::start(MonotonicTime now) {
  connection_ = pool_.take(endpoint_);
  if (connection_ != nullptr) {
    send();
    return;
  }
  connect_deadline_ = now + kConnectTime;
  connect();
}

void UpstreamCall::connect() {
  connection_ = std::make_unique<UpstreamConnection>(context_, endpoint_);
  SystemError error;
  const auto address = asio::ip::make_address(endpoint_->address.host, error);
  const tcp::endpoint to(address, endpoint_->address.port);
  if (!error) {
    connection_->socket.open(to.protocol(), error);
  }
  if (error) {  // No numeric address, or out of descriptors.
    asio::post(context_, [self = shared_from_this()] { self->fail(FailureClass::kConnect); });
    return;
  }
  connection_->socket.set_option(tcp::no_delay(true), error);
  is_connecting_ = true;
  connection_->socket.async_connect(to, [self = shared_from_this()](const SystemError& failed) {
    self->is_connecting_ = false;
    if (self->owner_ == nullptr) {
      return;
    }
    if (failed) {
      self->fail(FailureClass::kConnect);
      return;
    }
    self->send();
  });
}

void UpstreamCall::check_connecting(MonotonicTime now) {
  if (is_connecting_ && owner_ != nullptr && now >= connect_deadline_) {
    fail(FailureClass::kConnect);
  }
}

void UpstreamCall::send() {
  const std::array<asio::const_buffer, 2> parts{asio::buffer(request_->head),
                                                asio::buffer(request_->body)};
  asio::async_write(connection_->socket,
                    parts,
                    [self = shared_from_this()](const SystemError& error, std::size_t) {
                      // A worker may answer (413) and close before it has read all: the read tells.
                      (void)error;
                      if (self->owner_ != nullptr) {
                        self->read_more();
                      }
                    });
}

void UpstreamCall::read_more() {
  if (owner_ == nullptr) {
    return;
  }
  connection_->socket.async_read_some(
      asio::buffer(connection_->buffer),
      [self = shared_from_this()](const SystemError& error, std::size_t count) {
        if (self->owner_ == nullptr) {
          return;
        }
        if (error == asio::error::eof) {
          self->on_end_of_stream();
        } else if (error) {
          self->fail(FailureClass::kReset);
        } else {
          self->on_bytes(count);
        }
      });
}

void UpstreamCall::on_bytes(std::size_t count) {
  const ResponseReader::State state = reader_.put({connection_->buffer.data(), count});
  if (state == ResponseReader::State::kBad) {
    fail(FailureClass::kBody);
  } else if (state == ResponseReader::State::kDone) {
    on_response_done();
  } else if (handle_part()) {
    read_more();
  }
}

bool UpstreamCall::handle_part() {
  std::string& body = reader_.body();
  if (mode_ == Mode::kHolding && body.size() > kHeldBytesMax) {
    if (!is_answer(reader_.status())) {
      fail(FailureClass::kStatus);
      return false;
    }
    // Decides between stream() and discard().
    const std::shared_ptr<UpstreamCall> self = shared_from_this();
    owner_->answer_is_large(slot_);
    if (owner_ == nullptr) {
      return false;
    }
  }
  if (mode_ == Mode::kDiscarding) {
    body_ends_.add(body);
    discarded_bytes_ += body.size();
    body.clear();
    if (discarded_bytes_ > kDiscardedBytesMax) {
      fail(FailureClass::kBody);
      return false;
    }
  }
  if (mode_ != Mode::kStreaming) {
    return true;
  }
  if (body.empty()) {
    return true;
  }
  owner_->part_arrived(std::exchange(body, {}));
  return false;
}

void UpstreamCall::on_end_of_stream() {
  const ResponseReader::State state = reader_.end_of_stream();
  if (state == ResponseReader::State::kDone) {
    on_response_done();
  } else {
    fail(FailureClass::kReset);
  }
}

void UpstreamCall::on_response_done() {
  if (reader_.keep_alive()) {
    pool_.give(std::move(connection_), monotonic_now());
  }
  const int status = reader_.status();
  if (!is_answer(status)) {
    fail(FailureClass::kStatus, mode_ == Mode::kHolding);
    return;
  }
  if (mode_ != Mode::kStreaming) {
    body_ends_.add(reader_.body());
    if (status < 300 && !body_ends_.are_of_object()) {
      fail(FailureClass::kBody);
      return;
    }
  }
  const auto hits = reader_.hits();
  finish({.is_empty = hits && hits->empty(), .hits = hits});
}

void UpstreamCall::fail(FailureClass failure, bool has_response) {
  if (owner_ != nullptr) {
    finish({.failure = failure, .has_response = has_response});
  }
}

void UpstreamCall::finish(AttemptEnd end) {
  const std::shared_ptr<UpstreamCall> self = shared_from_this();
  Exchange* owner = std::exchange(owner_, nullptr);
  CHECK(owner != nullptr);
  if (connection_ != nullptr) {
    SystemError ignored;
    connection_->socket.close(ignored);
  }
  owner->call_ended(slot_, end);
}

void UpstreamCall::cancel() {
  owner_ = nullptr;
  if (connection_ != nullptr) {
    SystemError ignored;
    connection_->socket.close(ignored);
  }
}

}  // namespace sluice::router
