#include "apiclient/curl_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "apiclient/curl_transfer.h"
#include "apiclient/token_source.h"
#include "base/check.h"

namespace sluice {

// Slots: requests that may be held back, waiting in order of arrival.
struct Slots {
  std::size_t limit = 0;
  std::size_t running = 0;
  std::deque<std::uint64_t> waiting = {};
};

struct CurlTransport::State {
  State(CurlLoop& loop_arg, ApiServerConfig config_arg, CurlTransportOptions options_arg)
      : loop(loop_arg),
        config(std::move(config_arg)),
        options(std::move(options_arg)),
        token(config.token),
        api_slots{.limit = options.in_flight_max},
        foreign_slots{.limit = options.foreign_in_flight_max} {}

  CurlLoop& loop;
  ApiServerConfig config;
  CurlTransportOptions options;
  TokenSource token;
  Slots api_slots;
  Slots foreign_slots;
  std::uint64_t last_id = 0;
  std::map<std::uint64_t, std::unique_ptr<CurlTransfer>> transfers = {};

  CurlTransfer* find(std::uint64_t id) {
    const auto found = transfers.find(id);
    return found == transfers.end() ? nullptr : found->second.get();
  }

  Slots& slots_of(const CurlTransfer& transfer) {
    return transfer.is_foreign() ? foreign_slots : api_slots;
  }

  void run(CurlTransfer& transfer);
  void stop(CurlTransfer& transfer);
  void admit(Slots& slots);
  void remove(std::uint64_t id);
  void finish(std::uint64_t id, Result<HttpResponse> outcome);
  void ended(std::uint64_t id, CURLcode code);
  void after_perform();
  void deliver_pending(std::uint64_t id);
  void arm_idle(CurlTransfer& transfer, Duration delay);
};

void CurlTransport::State::run(CurlTransfer& transfer) {
  const std::string bearer = transfer.is_foreign() ? std::string{} : token.token(loop.now());
  set_up_easy(transfer, config, options.user_agent, bearer);
  CHECK(curl_multi_add_handle(loop.multi(), transfer.easy.get()) == CURLM_OK);
  transfer.is_running = true;
  if (transfer.waits_for_slot()) {
    ++slots_of(transfer).running;
  }
}

// Takes the transfer off libcurl and frees its slot. Never called inside libcurl.
void CurlTransport::State::stop(CurlTransfer& transfer) {
  if (!transfer.is_running) {
    return;
  }
  curl_multi_remove_handle(loop.multi(), transfer.easy.get());
  transfer.is_running = false;
  if (transfer.waits_for_slot()) {
    --slots_of(transfer).running;
  }
}

void CurlTransport::State::admit(Slots& slots) {
  while (slots.running < slots.limit && !slots.waiting.empty()) {
    CurlTransfer* transfer = find(slots.waiting.front());
    slots.waiting.pop_front();
    if (transfer != nullptr) {  // Absent: cancelled or past its deadline while waiting.
      run(*transfer);
    }
  }
}

void CurlTransport::State::remove(std::uint64_t id) {
  const auto found = transfers.find(id);
  if (found == transfers.end()) {
    return;
  }
  const std::unique_ptr<CurlTransfer> transfer = std::move(found->second);
  transfers.erase(found);
  loop.cancel(transfer->deadline);
  loop.cancel(transfer->idle);
  stop(*transfer);
  admit(slots_of(*transfer));
}

void CurlTransport::State::finish(std::uint64_t id, Result<HttpResponse> outcome) {
  CurlTransfer* transfer = find(id);
  CHECK(transfer != nullptr);
  const auto on_done = std::move(transfer->handler.on_done);
  remove(id);
  on_done(std::move(outcome));
}

void CurlTransport::State::arm_idle(CurlTransfer& transfer, Duration delay) {
  transfer.idle = loop.call_after(delay, [this, id = transfer.id] {
    CurlTransfer* idle = find(id);
    CHECK(idle != nullptr);
    const Duration silent = loop.now() - idle->last_byte;
    if (silent < idle->request.idle_timeout) {
      arm_idle(*idle, idle->request.idle_timeout - silent);
      return;
    }
    finish(id, fail(ErrorCode::kTimeout, "no byte came within the idle timeout"));
  });
}

void CurlTransport::State::after_perform() {
  // Handlers may start and cancel transfers: work on ids, and look each one up again.
  std::vector<std::uint64_t> with_bytes;
  for (const auto& [id, transfer] : transfers) {
    if (!transfer->pending.empty()) {
      with_bytes.push_back(id);
    }
  }
  for (const std::uint64_t id : with_bytes) {
    deliver_pending(id);
  }
  std::vector<std::pair<std::uint64_t, CURLcode>> done;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(loop.multi(), &left)) {
    if (message->msg == CURLMSG_DONE) {
      char* tag = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &tag);
      done.emplace_back(reinterpret_cast<std::uintptr_t>(tag), message->data.result);
    }
  }
  for (const auto& [id, code] : done) {
    ended(id, code);
  }
}

void CurlTransport::State::deliver_pending(std::uint64_t id) {
  CurlTransfer* transfer = find(id);
  if (transfer == nullptr || transfer->pending.empty()) {
    return;
  }
  std::string bytes;
  bytes.swap(transfer->pending);
  transfer->last_byte = loop.now();
  // The handler may cancel its own exchange, which destroys it: call a copy.
  const auto on_chunk = transfer->handler.on_chunk;
  on_chunk(bytes);
}

void CurlTransport::State::ended(std::uint64_t id, CURLcode code) {
  deliver_pending(id);
  CurlTransfer* transfer = find(id);
  if (transfer == nullptr) {
    return;
  }
  stop(*transfer);
  if (code != CURLE_OK) {
    finish(id, fail(error_of(*transfer, code)));
    return;
  }
  const bool may_retry = !transfer->was_retried && !transfer->is_foreign();
  if (transfer->response.status == 401 && may_retry && token.refresh(loop.now())) {
    transfer->was_retried = true;
    run(*transfer);
    return;
  }
  finish(id, std::move(transfer->response));
}

CurlTransport::CurlTransport(CurlLoop& loop, ApiServerConfig config, CurlTransportOptions options)
    : state_(std::make_unique<State>(loop, std::move(config), std::move(options))) {
  loop.set_after_perform([state = state_.get()] { state->after_perform(); });
}

CurlTransport::~CurlTransport() {
  state_->loop.set_after_perform({});
  for (const auto& [id, transfer] : state_->transfers) {
    state_->loop.cancel(transfer->deadline);
    state_->loop.cancel(transfer->idle);
    state_->stop(*transfer);
  }
}

TransferId CurlTransport::start(HttpRequest request, HttpHandler handler) {
  CHECK(handler.on_done != nullptr);
  State& state = *state_;
  const std::uint64_t id = ++state.last_id;
  auto& transfer = *state.transfers.emplace(id, std::make_unique<CurlTransfer>()).first->second;
  transfer.id = id;
  transfer.request = std::move(request);
  transfer.handler = std::move(handler);
  transfer.last_byte = state.loop.now();
  transfer.deadline = state.loop.call_after(transfer.request.deadline, [&state, id] {
    state.finish(id, fail(ErrorCode::kTimeout, "the deadline passed"));
  });
  if (transfer.request.idle_timeout > Duration{0}) {
    state.arm_idle(transfer, transfer.request.idle_timeout);
  }
  Slots& slots = state.slots_of(transfer);
  if (!transfer.waits_for_slot()) {
    state.run(transfer);
  } else if (slots.waiting.size() >= state.options.waiting_max) {
    state.loop.cancel(transfer.deadline);
    transfer.deadline = state.loop.call_after(Duration{0}, [&state, id] {
      state.finish(id, fail(ErrorCode::kThrottled, "too many requests wait for a free slot"));
    });
  } else {
    slots.waiting.push_back(id);
    state.admit(slots);
  }
  return TransferId{id};
}

void CurlTransport::cancel(TransferId transfer) {
  state_->remove(transfer.value);
}

std::size_t CurlTransport::in_flight() const {
  return state_->transfers.size();
}

}  // namespace sluice
