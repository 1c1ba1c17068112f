#include "dataplane/router/core/endpoints.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::router {
namespace {

// A worker that cannot be reached is out sooner than one that answers badly: a bad answer may be
// the query's fault.
constexpr int kUnreachableToEject = 3;
constexpr int kBadAnswersToEject = 5;
constexpr std::chrono::milliseconds kEjectionFirst{1'000};
constexpr int kEjectionDoublingsMax = 5;  // 32 s at most.

bool is_unreachable(FailureClass failure) {
  return failure == FailureClass::kConnect || failure == FailureClass::kReset ||
         failure == FailureClass::kTimeout;
}

}  // namespace

void Endpoint::on_end(std::optional<FailureClass> failure, MonotonicTime now) {
  CHECK(outstanding > 0);
  --outstanding;
  if (!failure) {
    failures_in_a_row = 0;
    ejections_in_a_row = 0;
    ejected_until = {};
    return;
  }
  ++failures_in_a_row;
  const int allowed = is_unreachable(*failure) ? kUnreachableToEject : kBadAnswersToEject;
  if (failures_in_a_row >= allowed && !is_ejected(now)) {
    ejected_until =
        now + kEjectionFirst * (1 << std::min(ejections_in_a_row, kEjectionDoublingsMax));
    ++ejections_in_a_row;
  }
}

EndpointSet::~EndpointSet() {
  for (const EndpointPointer& endpoint : endpoints_) {
    endpoint->is_removed = true;
  }
}

void EndpointSet::update(const std::vector<EndpointAddress>& addresses,
                         bool keeps_last,
                         Tally& tally) {
  if (addresses.empty() && keeps_last) {
    for (const EndpointPointer& endpoint : endpoints_) {
      endpoint->is_left_over = true;
    }
    drop_failed_left_overs();
    return;
  }
  std::vector<EndpointPointer> next;
  next.reserve(addresses.size());
  for (const EndpointAddress& address : addresses) {
    const auto known = std::ranges::find(
        endpoints_, address, [](const EndpointPointer& endpoint) { return endpoint->address; });
    if (known != endpoints_.end()) {
      next.push_back(*known);
      next.back()->is_left_over = false;
      continue;
    }
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->revision = revision_;
    endpoint->address = address;
    endpoint->counts = tally.pod(revision_, address.pod);
    next.push_back(std::move(endpoint));
  }
  for (const EndpointPointer& endpoint : endpoints_) {
    endpoint->is_removed = std::ranges::find(next, endpoint) == next.end();
  }
  endpoints_ = std::move(next);
}

void EndpointSet::drop_failed_left_overs() {
  std::erase_if(endpoints_, [](const EndpointPointer& endpoint) {
    const bool goes = endpoint->is_left_over && endpoint->ejections_in_a_row > 0;
    endpoint->is_removed = goes;
    return goes;
  });
}

EndpointPointer EndpointSet::pick(MonotonicTime now, const Endpoint* avoid) {
  if (endpoints_.empty()) {
    return nullptr;
  }
  // Worse first: ejected before avoided before busy. All ejected: the least busy of them, because
  // a try costs less than a refusal.
  const auto badness = [&](const Endpoint& endpoint) {
    return std::tuple(endpoint.is_ejected(now), &endpoint == avoid, endpoint.outstanding);
  };
  ++cursor_;
  std::size_t best = cursor_ % endpoints_.size();
  for (std::size_t i = 1; i < endpoints_.size(); ++i) {
    const std::size_t at = (cursor_ + i) % endpoints_.size();
    if (badness(*endpoints_[at]) < badness(*endpoints_[best])) {
      best = at;
    }
  }
  return endpoints_[best];
}

bool EndpointSet::has_answering(MonotonicTime now) const {
  return std::ranges::any_of(
      endpoints_, [now](const EndpointPointer& endpoint) { return !endpoint->is_ejected(now); });
}

}  // namespace sluice::router
