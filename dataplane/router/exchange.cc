#include "dataplane/router/exchange.h"

#include <utility>

#include "base/check.h"
#include "base/machine.h"
#include "dataplane/router/client_session.h"

namespace sluice::router {
namespace {

constexpr std::string_view kRevisionHeaderStart = "X-Sluice-Revision: ";

std::string headers_of(const ResponseReader& response, const Endpoint& endpoint) {
  std::string headers = response.headers();
  if (response.revision().empty()) {
    headers += kRevisionHeaderStart;
    headers += endpoint.revision;
    headers += "\r\n";
  }
  return headers;
}

}  // namespace

Exchange::Exchange(LaneLoop& loop,
                   ClientSession& session,
                   std::shared_ptr<const UpstreamRequest> request)
    : loop_(loop), session_(&session), request_(std::move(request)) {}

Exchange::~Exchange() {
  for (const auto& call : calls_) {
    if (call != nullptr) {
      call->cancel();
    }
  }
}

void Exchange::begin(Arrival arrival) {
  loop_.add(shared_from_this());
  arrival.bytes = request_->head.size() + request_->body.size();
  perform(loop_.router().query_arrived(loop_.index(), query_, std::move(arrival)));
}

void Exchange::tick(MonotonicTime now) {
  const std::shared_ptr<Exchange> self = shared_from_this();
  for (const auto& call : calls_) {
    if (call != nullptr) {
      call->check_connecting(now);
    }
  }
  const auto wake = Lane::next_wake(query_);
  if (!wake || now < *wake) {
    return;
  }
  if (streaming_ && waits_for_client_) {
    client_gone();  // It reads too slowly: not the worker's fault.
    return;
  }
  perform(loop_.router().time_passed(loop_.index(), query_));
}

void Exchange::client_gone() {
  const std::shared_ptr<Exchange> self = shared_from_this();
  if (ClientSession* session = std::exchange(session_, nullptr)) {
    session->exchange_left();
    perform(loop_.router().client_gone(loop_.index(), query_));
  }
}

void Exchange::perform(const Actions& actions) {
  const std::shared_ptr<Exchange> self = shared_from_this();
  for (std::size_t i = 0; i < actions.cancel_count; ++i) {
    calls_[actions.cancel[i]]->cancel();
  }
  for (std::size_t i = 0; i < actions.start_count; ++i) {
    const Slot slot = actions.start[i];
    calls_[slot] = std::make_shared<UpstreamCall>(
        UpstreamCall::Setup{.context = loop_.context(),
                            .pool = loop_.pool(),
                            .owner = *this,
                            .slot = slot,
                            .endpoint = query_.attempts[slot].endpoint,
                            .request = request_,
                            .discards = is_copy(query_, query_.attempts[slot].arm)});
    calls_[slot]->start(monotonic_now());
  }
  if (actions.answer) {
    send_answer(*actions.answer);
  } else if (actions.refuse) {
    refuse(*actions.refuse);
  } else if (streaming_ && query_.user == UserState::kRefused && session_ != nullptr) {
    ClientSession* session = std::exchange(session_, nullptr);
    session->exchange_left();  // Cut short: the missing end tells the client.
  }
  let_go_if_over();
}

void Exchange::send_answer(Slot slot) {
  CHECK(session_ != nullptr);
  ResponseReader& response = calls_[slot]->response();
  ClientSession* session = std::exchange(session_, nullptr);
  session->answer({.status = response.status(),
                   .reason = std::string(response.reason()),
                   .headers = headers_of(response, *query_.attempts[slot].endpoint),
                   .body = std::move(response.body())});
}

void Exchange::refuse(Refusal refusal) {
  CHECK(session_ != nullptr);
  ClientSession* session = std::exchange(session_, nullptr);
  switch (refusal) {
    case Refusal::kNoUpstream:
      session->answer_error(503, "no_worker", "No worker is there to answer this query.");
      return;
    case Refusal::kUpstreamFailed:
      session->answer_error(503, "workers_failed", "No worker could answer this query.");
      return;
    case Refusal::kDeadline:
      session->answer_error(504, "deadline_passed", "No worker answered this query in time.");
      return;
  }
}

void Exchange::call_ended(Slot slot, AttemptEnd end) {
  const std::shared_ptr<Exchange> self = shared_from_this();
  if (streaming_ == slot && !end.failure && session_ != nullptr) {
    ClientSession* session = std::exchange(session_, nullptr);
    session->end_stream(std::move(calls_[slot]->response().body()));
  }
  perform(loop_.router().attempt_ended(loop_.index(), query_, slot, end));
}

void Exchange::answer_is_large(Slot slot) {
  const std::shared_ptr<Exchange> self = shared_from_this();
  Actions actions;
  if (session_ == nullptr ||
      !loop_.router().start_streaming(loop_.index(), query_, slot, actions)) {
    calls_[slot]->discard();
    return;
  }
  streaming_ = slot;
  calls_[slot]->stream();
  const ResponseReader& response = calls_[slot]->response();
  session_->start_stream({.status = response.status(),
                          .reason = std::string(response.reason()),
                          .headers = headers_of(response, *query_.attempts[slot].endpoint),
                          .content_length = response.content_length()});
  perform(actions);
}

void Exchange::part_arrived(std::string part) {
  CHECK(streaming_);
  if (session_ != nullptr) {
    waits_for_client_ = true;
    session_->send_part(std::move(part));
  }
}

void Exchange::part_written() {
  waits_for_client_ = false;
  calls_[*streaming_]->resume();
}

void Exchange::let_go_if_over() {
  if (Lane::is_over(query_)) {
    loop_.remove(*this);
  }
}

}  // namespace sluice::router
