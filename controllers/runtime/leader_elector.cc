#include "controllers/runtime/leader_elector.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/mutant.h"

namespace sluice {
namespace {

constexpr Duration kReleaseDeadline = std::chrono::seconds{2};

std::int32_t whole_seconds(Duration duration) {
  return static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

Duration duration_of(const kube::Lease& lease) {
  return std::chrono::seconds{std::max(lease.spec.lease_duration_seconds, 1)};
}

}  // namespace

LeaderElector::LeaderElector(const ApiContext& context, Rng rng, LeaderElectorOptions options)
    : loop_(context.loop),
      client_(context.client),
      rng_(rng),
      options_(std::move(options)),
      status_(context.metrics.gauge("leader_election_master_status",
                                    "1 while this process holds the lease.",
                                    {{"name", options_.lease.name}})) {
  CHECK(!options_.identity.empty() && !options_.lease.name.empty());
  CHECK(options_.lease_duration > options_.renew_deadline);
  CHECK(options_.renew_deadline > options_.retry_period);
  status_.set(0);
}

LeaderElector::~LeaderElector() {
  client_.cancel(call_);
  loop_.cancel(next_attempt_);
  loop_.cancel(fence_timer_);
}

void LeaderElector::start(std::function<void()> on_won, std::function<void()> on_lost) {
  CHECK(!is_running_ && !has_won_);
  on_won_ = std::move(on_won);
  on_lost_ = std::move(on_lost);
  is_running_ = true;
  attempt();
}

bool LeaderElector::is_leader() const {
  const bool is_renewed =
      loop_.now() - renewed_at_ < options_.renew_deadline || is_planted(Mutant::kNeverFenced);
  return has_won_ && !has_lost_ && is_renewed;
}

// A renewal goes straight to a write when we know our own lease's version; else it looks first.
void LeaderElector::attempt() {
  if (held_) {
    write(*held_, false);
    return;
  }
  ApiRequest request = get_object(kube::kLeaseKind, options_.lease);
  request.is_urgent = true;
  request.deadline = options_.renew_deadline / 2;
  call_ = client_.send(request, [this](const Result<std::string>& body) { took_lease(body); });
}

void LeaderElector::took_lease(const Result<std::string>& body) {
  call_ = {};
  if (!body && body.error().code == ErrorCode::kNotFound) {
    write({.metadata = {.name = options_.lease.name,
                        .namespace_name = options_.lease.namespace_name}},
          true);
    return;
  }
  auto lease = body ? from_json<kube::Lease>(*body) : Result<kube::Lease>(fail(body.error()));
  if (!lease) {
    log_warn("cannot read the lease", {{"error", lease.error().describe()}});
    schedule_next();
    return;
  }
  look_at(*lease);
}

// Another's lease may be taken when it has not changed for its whole duration as seen by our own
// clock; a released one (no holder) at once.
void LeaderElector::look_at(const kube::Lease& lease) {
  const kube::LeaseSpec& spec = lease.spec;
  if (lease.metadata.resource_version != observed_version_) {
    if (spec.holder_identity != observed_holder_ && spec.holder_identity != options_.identity) {
      log_info("the lease is held by another", {{"holder", spec.holder_identity}});
    }
    observed_version_ = lease.metadata.resource_version;
    observed_holder_ = spec.holder_identity;
    observed_at_ = loop_.now();
  }
  const bool is_free = spec.holder_identity.empty() || spec.holder_identity == options_.identity;
  const bool is_expired =
      loop_.now() - observed_at_ >= duration_of(lease) || is_planted(Mutant::kLeaseTaken);
  const bool is_for_another = spec.preferred_holder && *spec.preferred_holder != options_.identity;
  if ((is_free || is_expired) && !is_for_another) {
    write(lease, false);
  } else {
    schedule_next();
  }
}

void LeaderElector::write(kube::Lease lease, bool is_new) {
  const WallTime now = loop_.wall_now();
  kube::LeaseSpec& spec = lease.spec;
  if (spec.holder_identity != options_.identity || !spec.acquire_time) {
    spec.acquire_time = now;
    spec.lease_transitions += is_new ? 0 : 1;
    spec.holder_identity = options_.identity;
  }
  spec.renew_time = now;
  spec.lease_duration_seconds = whole_seconds(options_.lease_duration);
  ApiRequest request = is_new ? create_object(kube::kLeaseKind, options_.lease, lease_body(lease))
                              : replace_object(kube::kLeaseKind, options_.lease, lease_body(lease));
  request.is_urgent = true;
  request.deadline = options_.renew_deadline / 2;
  // Counted from before the request: it may have been long on its way.
  const MonotonicTime sent_at = loop_.now();
  call_ = client_.send(
      request, [this, sent_at](const Result<std::string>& body) { written(body, sent_at); });
}

void LeaderElector::written(const Result<std::string>& body, MonotonicTime sent_at) {
  call_ = {};
  auto lease = body ? from_json<kube::Lease>(*body) : Result<kube::Lease>(fail(body.error()));
  if (!lease) {
    // Look at it again before the next write: the version we know may be an old one.
    held_.reset();
    const bool is_race = lease.error().code == ErrorCode::kConflict;
    log(is_race && !has_won_ ? LogLevel::kDebug : LogLevel::kWarn,
        "cannot write the lease",
        {{"error", lease.error().describe()}});
    schedule_next();
    return;
  }
  held_ = *lease;
  observed_version_ = lease->metadata.resource_version;
  observed_holder_ = lease->spec.holder_identity;
  observed_at_ = sent_at;
  transitions_ = lease->spec.lease_transitions;
  const bool may_count = !has_lost_ && loop_.now() - sent_at < options_.renew_deadline;
  if (may_count) {
    renewed_at_ = sent_at;
    loop_.cancel(fence_timer_);
    fence_timer_ = loop_.call_after(renewed_at_ + options_.renew_deadline - loop_.now(),
                                    [this] { check_fence(); });
  }
  schedule_next();
  if (may_count && !has_won_) {
    has_won_ = true;
    status_.set(1);
    log_info("this process holds the lease", {{"identity", options_.identity}});
    on_won_();
  }
}

void LeaderElector::schedule_next() {
  if (!is_running_ || has_lost_) {
    return;
  }
  // Jitter keeps standbys from asking in step; a leader renews on time, and tries again soon when a
  // renewal failed.
  const double share = !has_won_ ? 1.0 + 0.2 * rng_.unit() : held_ ? 1.0 : 0.25;
  const auto delay = static_cast<double>(options_.retry_period.count()) * share;
  next_attempt_ =
      loop_.call_after(Duration{static_cast<std::int64_t>(delay)}, [this] { attempt(); });
}

void LeaderElector::check_fence() {
  if (!has_won_ || has_lost_ || is_leader()) {
    return;
  }
  has_lost_ = true;
  status_.set(0);
  loop_.cancel(next_attempt_);
  client_.cancel(call_);
  log_error("the lease could not be renewed in time, this process stops writing",
            {{"identity", options_.identity}});
  if (is_running_) {
    on_lost_();
  }
}

void LeaderElector::stop(std::function<void()> released) {
  is_running_ = false;
  loop_.cancel(next_attempt_);
  loop_.cancel(fence_timer_);
  client_.cancel(call_);
  const bool held_it = is_leader() && held_;
  has_lost_ = true;  // Nothing may be written from here on.
  status_.set(0);
  if (!held_it) {
    loop_.call_after(Duration{0}, std::move(released));
    return;
  }
  kube::Lease lease = *held_;
  lease.spec.holder_identity.clear();
  lease.spec.lease_duration_seconds = 1;
  lease.spec.renew_time = loop_.wall_now();
  ApiRequest request = replace_object(kube::kLeaseKind, options_.lease, lease_body(lease));
  request.is_urgent = true;
  request.deadline = kReleaseDeadline;
  call_ = client_.send(request,
                       [this, released = std::move(released)](const Result<std::string>& body) {
                         call_ = {};
                         if (!body) {
                           log_warn("cannot release the lease, it will run out",
                                    {{"error", body.error().describe()}});
                         }
                         released();
                       });
}

// By hand and not by describe: the API wants six digits of a second even where they are zeros.
std::string LeaderElector::lease_body(const kube::Lease& lease) const {
  const kube::LeaseSpec& spec = lease.spec;
  JsonWriter json;
  const auto text = [&json](std::string_view name, std::string_view value) {
    if (!value.empty()) {
      json.member(name, value);
    }
  };
  json.begin_object()
      .member("apiVersion", std::string_view(kube::kLeaseKind.api_version()))
      .member("kind", kube::kLeaseKind.kind)
      .key("metadata")
      .begin_object();
  text("name", options_.lease.name);
  text("namespace", options_.lease.namespace_name);
  text("uid", lease.metadata.uid);
  text("resourceVersion", lease.metadata.resource_version);
  json.end_object().key("spec").begin_object();
  text("holderIdentity", spec.holder_identity);
  json.member("leaseDurationSeconds", spec.lease_duration_seconds);
  text("acquireTime", spec.acquire_time ? format_micro_time(*spec.acquire_time) : "");
  text("renewTime", spec.renew_time ? format_micro_time(*spec.renew_time) : "");
  json.member("leaseTransitions", spec.lease_transitions);
  text("strategy", spec.strategy.value_or(""));
  text("preferredHolder", spec.preferred_holder.value_or(""));
  return json.end_object().end_object().take();
}

}  // namespace sluice
