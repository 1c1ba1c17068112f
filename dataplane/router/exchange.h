#pragma once
// Exchange: one logical query on its way: keeps the Query, carries out what the lane's mind says,
// and connects the client's session with the calls to workers. It may outlive its session's
// interest: a pair's candidate and a copy are waited for after the user was answered. Lane's
// thread. Internal.

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/router/core/query.h"
#include "dataplane/router/lane_loop.h"
#include "dataplane/router/upstream.h"

namespace sluice::router {

class ClientSession;

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(LaneLoop& loop, ClientSession& session, std::shared_ptr<const UpstreamRequest> request);
  ~Exchange();

  // What the client's request says of itself; its size is known here.
  void begin(Arrival arrival);
  void tick(MonotonicTime now);

  // From the session: the client hung up; a part of a stream was written.
  void client_gone();
  void part_written();

  // From calls.
  void call_ended(Slot slot, AttemptEnd end);
  void answer_is_large(Slot slot);
  void part_arrived(std::string part);

 private:
  void perform(const Actions& actions);
  void send_answer(Slot slot);
  void refuse(Refusal refusal);
  void let_go_if_over();

  LaneLoop& loop_;
  ClientSession* session_;  // Null once the user was served.
  std::shared_ptr<const UpstreamRequest> request_;
  Query query_;
  std::array<std::shared_ptr<UpstreamCall>, kAttemptsMax> calls_ = {};
  std::optional<Slot> streaming_ = {};
  bool waits_for_client_ = false;  // A part of a stream is being written.
};

}  // namespace sluice::router
